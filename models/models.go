package models

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/models/family"
	_ "github.com/gorgpt/gorgpt/models/gpt1" // registers itself
	_ "github.com/gorgpt/gorgpt/models/gpt2"
	_ "github.com/gorgpt/gorgpt/models/gpt3"
	_ "github.com/gorgpt/gorgpt/models/gptneo"
	_ "github.com/gorgpt/gorgpt/models/gptoss"
	_ "github.com/gorgpt/gorgpt/models/llama"
	_ "github.com/gorgpt/gorgpt/models/mixtral"
	_ "github.com/gorgpt/gorgpt/models/nanochat"
)

// These types describe a family and its models; they are documented in package family.
type (
	Model  = family.Model
	Named  = family.Named
	Family = family.Family
	Only   = family.Only
	Dims   = family.Dims
	Ends   = family.Ends
	Export = family.Export
)

// Register makes a family known by its name and by the config.json of its checkpoints. Call it in an init
// function of the family's package, which programs import. If the family is invalid, [Find], [All] and
// [Parse] return the error.
func Register(f Family) { family.Register(f) }

// Exports lists the forms that models can be exported to for other programs.
func Exports() ([]Export, error) {
	families, err := family.All()
	var all []Export
	for _, f := range families {
		if f.Export.Name != "" {
			all = append(all, f.Export)
		}
	}
	return all, err
}

// All lists the named models of all families.
func All() ([]Named, error) {
	families, err := family.All()
	var all []Named
	for _, f := range families {
		all = append(all, f.Sizes...)
	}
	return all, err
}

// Find returns the named model. For an unknown name, the error suggests the nearest one.
func Find(name string) (Model, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, m := range all {
		if m.Name == name {
			return m.Model, nil
		}
		known = append(known, m.Name)
	}
	return nil, nearest.Unknown("model", name, known)
}

// Parse returns the model that a config.json describes, by its model_type. If the file lists edits, as
// [Edits] returns them, the same edits must be passed, as they were to [Edit].
func Parse(config []byte, edits ...graph.Option) (Model, error) {
	m, err := ParseUnedited(config)
	if err != nil {
		return nil, err
	}
	listed, err := Edits(config)
	if err != nil {
		return nil, err
	}
	return reedit(m, listed, edits)
}

// ErrNoFamily is the error for a model_type of which no family is registered: import the family's package.
var ErrNoFamily = errors.New("the model's family is not registered")

type unknownType string

func (e unknownType) Error() string        { return string(e) }
func (e unknownType) Is(target error) bool { return target == ErrNoFamily }

// ParseUnedited is Parse for a caller that only passes on the configuration and the weights. If [Edits] finds
// edits in the configuration, the result is not the model that was trained.
func ParseUnedited(config []byte) (Model, error) {
	kind, err := family.TypeOf(config)
	if err != nil {
		return nil, err
	}
	families, err := family.All()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, f := range families {
		if f.Type == kind {
			return f.Parse(config)
		}
		known = append(known, f.Type)
	}
	slices.Sort(known)
	return nil, unknownType(fmt.Sprintf("config.json: model_type is %q, want %s", kind, strings.Join(known, " or ")))
}

// JSON returns the config.json of a model, as Hugging Face's transformers reads it. ends are the tokens that
// end a text; the first of them also begins one. Negative tokens are ignored.
func JSON(m Model, ends ...int) ([]byte, error) {
	return JSONFor(m, append(family.NewEnds(ends), -1)[0], ends...)
}

// JSONFor is [JSON] for a model whose texts begin with the token begin.
func JSONFor(m Model, begin int, ends ...int) ([]byte, error) {
	m, edits := unedited(m)
	f, err := family.Of(m)
	if err != nil {
		return nil, err
	}
	if calls := graph.Edits(edits...); len(calls) > 0 {
		return f.JSON(m, begin, ends, editsKey, calls)
	}
	return f.JSON(m, begin, ends, "", nil)
}

// DimsOf returns the sizes of a model.
func DimsOf(m Model) Dims {
	m, _ = unedited(m)
	return family.DimsOf(m)
}

// WithDims returns the model with other sizes and the same edits.
func WithDims(m Model, d Dims) Model {
	m, edits := unedited(m)
	return Edit(family.WithDims(m, d), edits...)
}

// WithDropout returns the model with the given dropout rate wherever it has dropout.
func WithDropout(m Model, rate float64) Model {
	m, edits := unedited(m)
	return Edit(family.WithDropout(m, rate), edits...)
}

// DropoutOf returns the highest dropout rate of a model. For a model read from a file, this is the rate it
// was pre-trained with.
func DropoutOf(m Model) float64 {
	m, _ = unedited(m)
	return family.DropoutOf(m)
}

// Validate returns what is wrong with a model's sizes, rates and other settings, or nil.
func Validate(m Model) error {
	m, _ = unedited(m)
	return family.Validate(m)
}

// Declare declares the parameters of m in a store, as every graph of m does. Use it to load weights or to
// count parameters.
func Declare(m Model, params *graph.Params) error {
	s := graph.New(params)
	Logits(m, s, s.Ints("tokens", 1, 1))
	return s.Check()
}

// NameOf returns the catalogue's name of a model, whatever its dropout, or else its family's with "of another size".
func NameOf(m Model) string {
	all, err := All()
	plain, _ := unedited(m)
	f, unknown := family.Of(plain)
	if cmp.Or(err, unknown) != nil {
		return "unknown"
	}
	for _, known := range all {
		if family.Same(WithDropout(known.Model, 0), WithDropout(plain, 0)) {
			return known.Name
		}
	}
	return f.Type + " of another size"
}
