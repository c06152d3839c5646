package family

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
)

// Model is a GPT of one architecture and size: a struct, without pointers, whose fields are
// by their json tags the keys of its config.json. B is the batch, T the context, C the width, V
// the vocabulary.
type Model interface {
	// Body declares everything below the head over tokens (B, T), and returns the final states
	// (B·T, C) and the token embedding (V, C). The head shares that unless the configuration's
	// tie_word_embeddings is false.
	Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node)
}

// Named is a model of the catalogue.
type Named struct {
	Name  string // Hugging Face's, where there is one
	About string // a line
	Model Model
}

// Family is what the rest of the project knows of an architecture.
//
// Default is its configuration where a config.json says nothing. The sizes every family has
// under Hugging Face's keys or OpenAI's: vocab_size, max_position_embeddings or n_positions,
// hidden_size or n_embd, num_hidden_layers, num_layers or n_layer, num_attention_heads, num_heads
// or n_head. Numbers
// whose keys hold "drop" are dropout rates, those with "eps" are added to variances; both are
// checked, as is initializer_range, the deviation of the first weights, which an untied head
// starts from too. A whole number with the tag `config:"null"` is null in the file where it is
// 0; what is tagged omitempty is not in the file then. A method Validate() error checks what else there is.
type Family struct {
	Type         string  // model_type in config.json
	Architecture string  // the class of transformers that opens it, "GPT2LMHeadModel"
	Default      Model   // a struct
	Sizes        []Named // its part of the catalogue

	// As, if given, is the Type of another family whose graph of a model's tensors and keys computes
	// the same, or "": the file is that family's for transformers, and says besides whose it is
	// here. So a GPT-3 without bands is written as a GPT-2.
	As func(Model) string

	// Aliases are other names of keys. Where a file has both, the alias counts, as in
	// transformers.
	Aliases map[string]string
	// Only are keys that can ask for arithmetic that the family does not have.
	Only []Only
	// Harmless are keys that the results do not depend on, beside those of all families. One
	// that ends in * is any key that begins so.
	Harmless []string

	// Prefix stands before the names of all tensors but the head's in files of Architecture:
	// "transformer.".
	Prefix string
	// Buffers are tensors of such files that are no weights, such as masks: names in which *
	// stands for any part between dots. They are numbers, or matrices of the context.
	Buffers []string
	// Forms, if given, tell how files hold parameters that are not stored one by one under their names: lists of them, with their pieces, by
	// names without Prefix. The first list is how they are written.
	Forms func(Model) [][]weights.Whole
	// Swapped are parameters, by patterns such as "h.*.mlp.experts.w", with the last two axes (out, in) here and
	// (in, out) in a file of plain numbers. They are what a file may have in MXFP4, whose blocks lie as here.
	Swapped []string
	// Whole, if given, is the model that Architecture makes of a configuration. What it has more
	// than the configuration's own are zeros in a file: biases, of one without.
	Whole func(Model) Model
	// GGUF, if it has an architecture, is how llama.cpp's files hold the family's models.
	GGUF GGUF
	// Export, if it has a name, makes models of others one of this family.
	Export Export
}

// registry lists families, and what is wrong with one of them.
type registry struct {
	sync.Mutex
	all   []Family
	fault error
}

// known are those of this program.
var known registry

// Register makes a family known to everything that reads, writes or names models, as
// sql.Register does a driver: call it in an init function, and import the package. Where two
// have one name, or Default has no key for a size, nothing panics: whatever looks a model up
// from then on gives the error.
func Register(f Family) { known.register(f) }

// All lists the families.
func All() ([]Family, error) { return known.list() }

func (r *registry) register(f Family) {
	r.Lock()
	defer r.Unlock()
	err := f.check(r.all)
	if err == nil {
		r.all = append(r.all, f)
	} else if r.fault == nil {
		r.fault = fmt.Errorf("models.Register: %w", err)
	}
}

func (r *registry) list() ([]Family, error) {
	r.Lock()
	defer r.Unlock()
	return slices.Clone(r.all), r.fault
}

// Of is the family of a model, by its type.
func Of(m Model) (Family, error) {
	all, err := All()
	if err != nil {
		return Family{}, err
	}
	for _, f := range all {
		if reflect.TypeOf(f.Default) == reflect.TypeOf(m) {
			return f, nil
		}
	}
	return Family{}, fmt.Errorf("models: %T is of no registered family", m)
}

// check tells why a family cannot join others.
func (f Family) check(others []Family) error {
	if f.Type == "" || f.Default == nil || reflect.TypeOf(f.Default).Kind() != reflect.Struct {
		return fmt.Errorf("a family needs a Type and a Default that is a struct; got %q and %T", f.Type, f.Default)
	}
	if (f.Export.Name == "") != (f.Export.Of == nil) {
		return fmt.Errorf("the family %q has half an Export: want a Name and Of, or neither", f.Type)
	}
	for _, other := range others {
		switch {
		case other.Type == f.Type:
			return fmt.Errorf("two families are called %q: %T and %T", f.Type, other.Default, f.Default)
		case f.Export.Name != "" && other.Export.Name == f.Export.Name:
			return fmt.Errorf("two families export to %q: %q and %q", f.Export.Name, other.Type, f.Type)
		case f.GGUF.Architecture != "" && other.GGUF.Architecture == f.GGUF.Architecture:
			return fmt.Errorf("two families are llama.cpp's %q: %q and %q", f.GGUF.Architecture, other.Type, f.Type)
		case reflect.TypeOf(other.Default) == reflect.TypeOf(f.Default):
			return fmt.Errorf("%T is the family %q and %q", f.Default, other.Type, f.Type)
		}
		for _, size := range f.Sizes {
			for _, old := range other.Sizes {
				if size.Name == old.Name {
					return fmt.Errorf("two models are called %q: of %T and %T", size.Name, old.Model, size.Model)
				}
			}
		}
	}
	names := make(map[string]bool)
	for _, size := range f.Sizes {
		if reflect.TypeOf(size.Model) != reflect.TypeOf(f.Default) {
			return fmt.Errorf("the model %q is a %T, want a %T as its family's default", size.Name, size.Model, f.Default)
		}
		if names[size.Name] {
			return fmt.Errorf("two models of the family %q are called %q", f.Type, size.Name)
		}
		names[size.Name] = true
	}
	return checkFields(f.Default)
}

// checkFields wants a key of its own for each field, values that two models do not share, and
// fields for all sizes.
func checkFields(m Model) error {
	if err := checkKeys(reflect.TypeOf(m), fmt.Sprintf("%T", m)); err != nil {
		return err
	}
	var lacks []string
	for _, size := range sizes {
		if _, ok := field(reflect.ValueOf(m), size.keys...); !ok {
			lacks = append(lacks, fmt.Sprintf("the %s (%s)", size.name, strings.Join(size.keys, " or ")))
		}
	}
	if len(lacks) > 0 {
		return errors.New(fmt.Sprintf("%T: no whole number by json tag for ", m) + strings.Join(lacks, ", "))
	}
	return nil
}

// checkKeys checks the fields of a configuration, and of the structs in it.
func checkKeys(t reflect.Type, of string) error {
	names := make(map[string]string) // of fields by key
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch kind := f.Type.Kind(); {
		case key == "-":
			continue
		case kind == reflect.Pointer || kind == reflect.Map:
			return fmt.Errorf("%s: field %s is a %s, which several models would share; want a value", of, f.Name, kind)
		case f.Anonymous:
			continue
		case key == "":
			return fmt.Errorf(`%s: field %s has no tag json:"…", its key in config.json; json:"-" if it is not written`, of, f.Name)
		case names[key] != "":
			return fmt.Errorf("%s: fields %s and %s have one key, %q", of, names[key], f.Name, key)
		}
		names[key] = f.Name
		if isObject(f.Type) {
			if err := checkKeys(f.Type, of+"."+f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Same tells whether two models are of one family with the same configuration.
func Same(a, b Model) bool { return reflect.DeepEqual(a, b) }

// Name is what errors call a model's family: its package.
func Name(m Model) string { return path.Base(reflect.TypeOf(m).PkgPath()) }

// OneOf refuses the value of a key that names none of what a family knows by such names.
func OneOf[N ~string, V any](key string, name N, known map[N]V) error {
	if _, ok := known[name]; ok {
		return nil
	}
	var names []string
	for _, n := range slices.Sorted(maps.Keys(known)) {
		names = append(names, string(n))
	}
	return fmt.Errorf("%s is %q, want %s", key, name, strings.Join(names, ", "))
}
