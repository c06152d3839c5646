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

// Model is a GPT of one architecture and size: a struct without pointers, in which the json tag of each field
// is its key in config.json. B is the batch size, T the context, C the width, V the vocabulary.
type Model interface {
	// Body declares everything below the head over tokens (B, T). It returns the final states (B·T, C) and
	// the token embedding (V, C), which the head shares unless the configuration's tie_word_embeddings is
	// false.
	Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node)
}

// Named is a model in the catalogue.
type Named struct {
	Name  string // Hugging Face's, where there is one
	About string // one line
	Model Model
}

// Family is what the rest of the project knows about an architecture.
//
// Default holds the values of keys that a config.json lacks. Every family has the sizes, under Hugging Face's
// keys or OpenAI's: vocab_size, max_position_embeddings or n_positions, hidden_size or n_embd,
// num_hidden_layers, num_layers or n_layer, num_attention_heads, num_heads or n_head. Floats with "drop" in
// their keys are dropout rates, and those with "eps" are added to variances. Both are checked, as is
// initializer_range, the standard deviation of the initial weights, including an untied head's. A field with
// the tag `config:"null"` is null in the file if it is zero; with the option omitempty, it is left out. A
// method Validate() error checks everything else.
type Family struct {
	Type         string  // model_type in config.json
	Architecture string  // the class of transformers that opens it, "GPT2LMHeadModel"
	Default      Model   // a struct
	Sizes        []Named // its models in the catalogue

	// As, if set, returns the Type of another family whose graph computes the same from a model's tensors and
	// keys, or "". For transformers, the file is that other family's; an extra key records the family it has
	// here. A GPT-3 without bands is written as a GPT-2 in this way.
	As func(Model) string

	// Aliases maps other names of keys to the keys. If a file has both, the alias counts, as in transformers.
	Aliases map[string]string
	// Only lists keys that can ask for arithmetic that the family does not have.
	Only []Only
	// Harmless lists keys that do not affect the results, in addition to those of all families. A key that
	// ends in * stands for all keys with that prefix.
	Harmless []string

	// Prefix precedes the names of all tensors but the head's in files of Architecture: "transformer.".
	Prefix string
	// Buffers are tensors in these files that are not weights, such as masks, by names in which * stands for
	// any part between dots. They are scalars or matrices of the context's size.
	Buffers []string
	// Forms, if set, describes how files hold parameters that are not stored one by one under their names.
	// Each form is a list of parameters with their pieces, under names without Prefix. Files are written in
	// the first.
	Forms func(Model) [][]weights.Whole
	// Swapped are the parameters, as patterns such as "h.*.mlp.experts.w", whose last two axes are (out, in)
	// here and (in, out) in a file of plain numbers. A file may also hold them in MXFP4, with the layout used
	// here.
	Swapped []string
	// Whole, if set, returns the model that Architecture builds from a configuration. Parameters that only
	// this model has are zeros in a file, such as the biases if the configuration has none.
	Whole func(Model) Model
	// GGUF, if its Architecture is set, describes how llama.cpp's files hold the family's models.
	GGUF GGUF
	// Export, if its Name is set, converts models of other families to this one.
	Export Export
}

// registry lists families, and holds the error of the first that was invalid.
type registry struct {
	sync.Mutex
	all   []Family
	fault error
}

// known holds the families of this program.
var known registry

// Register makes a family known to everything that reads, writes or names models, much as sql.Register does
// for a driver: call it in an init function, and import the package. If two families have the same name, or
// Default lacks the key of a size, Register does not panic; every later lookup of a model returns the error.
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

// Of returns the family of a model, by its type.
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
	return Family{}, fmt.Errorf("models: the family of %T is not registered", m)
}

// check returns an error if a family cannot join others.
func (f Family) check(others []Family) error {
	if f.Type == "" || f.Default == nil || reflect.TypeOf(f.Default).Kind() != reflect.Struct {
		return fmt.Errorf("a family needs a Type and a Default that is a struct; got %q and %T", f.Type, f.Default)
	}
	if (f.Export.Name == "") != (f.Export.Of == nil) {
		return fmt.Errorf("the family %q has an incomplete Export: want both Name and Of, or neither", f.Type)
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
			return fmt.Errorf("%T belongs to two families, %q and %q", f.Default, other.Type, f.Type)
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

// checkFields requires that each field has a key of its own, that no value is shared between copies of a
// model, and that there is a field for each size.
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
		return errors.New(fmt.Sprintf("%T: no integer field with a json tag for ", m) + strings.Join(lacks, ", "))
	}
	return nil
}

// checkKeys checks the fields of a configuration and of the structs in it.
func checkKeys(t reflect.Type, of string) error {
	names := make(map[string]string) // names of fields by key
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

// Same reports whether two models are of the same family with the same configuration.
func Same(a, b Model) bool { return reflect.DeepEqual(a, b) }

// Name returns the name of a model's family for errors: its package.
func Name(m Model) string { return path.Base(reflect.TypeOf(m).PkgPath()) }

// OneOf returns an error unless name, the value of a key, is one of the known names.
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
