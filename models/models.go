package models

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// Blocks is the pattern of the scopes of a model's blocks: h.0, h.1, ….
const Blocks = "h.*"

// Model is a GPT of one architecture and size: what it takes to declare, train, sample,
// save and read it. B is the batch, T the context, V the vocabulary.
type Model interface {
	// Graph declares the model over tokens (B, T) and returns the logits (B·T, V).
	Graph(s *graph.Scope, tokens *G.Node) *G.Node
	// GraphAt is Graph for the given rows (N) of the logits only: (N, V).
	GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node
	// States declares everything below the head and returns the final states (B·T, C) and
	// the token embedding (V, C), which the head shares: what other heads are put on.
	States(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node)
	// Loss declares the mean cross-entropy of the next token; targets (B, T).
	Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node

	// Dims are the model's sizes, and WithDims the same model with others.
	Dims() layers.Dims
	WithDims(layers.Dims) Model
	// WithDropout is the same model with one dropout rate wherever it has dropout.
	WithDropout(rate float64) Model
	// Validate tells what is wrong with the sizes and rates, or nil.
	Validate() error

	// JSON is the config.json that Hugging Face's transformers reads. ends are the tokens that
	// end a text; negative ones are none.
	JSON(ends ...int) ([]byte, error)
	// Absent names the parameters, with their shapes, that Hugging Face's model has and
	// this one lacks, because they are 0.
	Absent() map[string][]int
}

// Named is a model of the catalogue.
type Named struct {
	Name  string // Hugging Face's, where there is one
	About string // a line
	Model Model
}

// gpt1Model and gpt2Model make a Model of a Config, whose WithDims and WithDropout
// return the Config.
type (
	gpt1Model struct{ gpt1.Config }
	gpt2Model struct{ gpt2.Config }
)

func (m gpt1Model) WithDims(d layers.Dims) Model   { return gpt1Model{m.Config.WithDims(d)} }
func (m gpt1Model) WithDropout(rate float64) Model { return gpt1Model{m.Config.WithDropout(rate)} }
func (m gpt2Model) WithDims(d layers.Dims) Model   { return gpt2Model{m.Config.WithDims(d)} }
func (m gpt2Model) WithDropout(rate float64) Model { return gpt2Model{m.Config.WithDropout(rate)} }

// GPT1 and GPT2 make a Model of a configuration of one's own.
func GPT1(c gpt1.Config) Model { return gpt1Model{c} }
func GPT2(c gpt2.Config) Model { return gpt2Model{c} }

// All lists the catalogue.
func All() []Named {
	var all []Named
	for _, size := range gpt1.Sizes() {
		all = append(all, Named{size.Name, size.About, GPT1(size.Config)})
	}
	for _, size := range gpt2.Sizes() {
		all = append(all, Named{size.Name, size.About, GPT2(size.Config)})
	}
	return all
}

// Find returns the named model. The error for another name offers the nearest.
func Find(name string) (Model, error) {
	var known []string
	for _, m := range All() {
		if m.Name == name {
			return m.Model, nil
		}
		known = append(known, m.Name)
	}
	return nil, nearest.Unknown("model", name, known)
}

// Parse returns the model that a config.json describes, by its model_type. One that lists
// edits wants the same again, as [Edit] was given them; see [Edits].
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

// ParseUnedited is Parse for one who only passes on the configuration and the weights: what
// it returns is not the model that was trained if [Edits] finds some.
func ParseUnedited(config []byte) (Model, error) {
	var kind struct {
		Type string `json:"model_type"`
	}
	if err := plainjson.Unmarshal(config, &kind); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	var (
		m   Model
		err error
	)
	switch kind.Type {
	case "gpt2":
		var c gpt2.Config
		c, err = gpt2.ParseJSON(config)
		m = GPT2(c)
	case "openai-gpt":
		var c gpt1.Config
		c, err = gpt1.ParseJSON(config)
		m = GPT1(c)
	default:
		return nil, fmt.Errorf("config.json: model_type is %q, want gpt2 or openai-gpt", kind.Type)
	}
	if err != nil {
		return nil, err
	}
	if err := Bounded(m.Dims()); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return m, nil
}

// Declare declares the parameters of m in a store, as any of its graphs does: to read weights
// into, or to count them.
func Declare(m Model, params *graph.Params) error {
	s := graph.New(params)
	m.Graph(s, s.Ints("tokens", 1, 1))
	return s.Err()
}

// What a model may ask for, many times what any has: declaring one takes memory by the
// layer, and a number of weights must fit an int64.
const (
	maxLayers = 1000
	maxSize   = 1 << 24
)

// Bounded refuses sizes that come from outside, as in a config.json or a flag, and are far
// beyond those of any model: more than 1,000 layers, or 2²⁴ of anything else.
func Bounded(d layers.Dims) error {
	for _, f := range []struct {
		name       string
		value, max int
	}{{"vocabulary", d.Vocab, maxSize}, {"context", d.Context, maxSize}, {"width", d.Width, maxSize}, {"number of layers", d.Layers, maxLayers}} {
		if f.value > f.max {
			return fmt.Errorf("the %s is %d, want at most %d", f.name, f.value, f.max)
		}
	}
	return nil
}
