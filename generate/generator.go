package generate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Model declares the logits (N, V) at the given rows (N) of the flattened positions
// of tokens (B, T).
type Model interface {
	GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node
}

// Generator predicts with one model. It is for one goroutine at a time.
type Generator struct {
	model   Model
	params  *graph.Params
	context int
	windows map[int]*window // by length
}

// window is a program for sequences up to a length.
type window struct {
	program *graph.Program
	logits  *G.Node
	tokens  []int
}

// New returns a generator for a model of at most context positions.
func New(m Model, params *graph.Params, context int) *Generator {
	return &Generator{model: m, params: params, context: context, windows: make(map[int]*window)}
}

// Close ends the generator's programs.
func (g *Generator) Close() error {
	var errs []error
	for _, w := range g.windows {
		errs = append(errs, w.program.Close())
	}
	return errors.Join(errs...)
}

// Logits scores every token as the one after ids, of which the last that fit the
// context count. The slice is valid until the next call.
func (g *Generator) Logits(ids []int) ([]float32, error) {
	if len(ids) == 0 {
		return nil, errors.New("generate: no tokens to go on from")
	}
	ids = ids[max(0, len(ids)-g.context):]
	w, err := g.window(len(ids))
	if err != nil {
		return nil, err
	}
	// Attention is causal: what fills the rest does not matter.
	clear(w.tokens)
	copy(w.tokens, ids)
	if err := w.program.SetInts("tokens", w.tokens); err != nil {
		return nil, err
	}
	if err := w.program.SetInts("rows", []int{len(ids) - 1}); err != nil {
		return nil, err
	}
	if err := w.program.Run(); err != nil {
		return nil, err
	}
	return w.program.Value(w.logits), nil
}

// window returns the program for the shortest power of two that holds n tokens, or
// for the whole context. Shapes are fixed in a graph, so each has one of its own.
func (g *Generator) window(n int) (*window, error) {
	length := 1
	for length < n {
		length *= 2
	}
	length = min(length, g.context)
	if w := g.windows[length]; w != nil {
		return w, nil
	}
	s := graph.New(g.params)
	logits := g.model.GraphAt(s, s.Ints("tokens", 1, length), s.Ints("rows", 1))
	p, err := s.Compile(logits)
	if err != nil {
		return nil, err
	}
	w := &window{program: p, logits: logits, tokens: make([]int, length)}
	g.windows[length] = w
	return w, nil
}

// Stream yields n tokens that go on from prompt, as they are chosen. It ends early
// with the context's error, or that of a run.
func (g *Generator) Stream(ctx context.Context, prompt []int, n int, o Options) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		if err := o.Validate(); err != nil {
			yield(0, err)
			return
		}
		random := rand.New(rand.NewPCG(o.Seed, 0))
		ids := slices.Clone(prompt)
		for range n {
			if err := ctx.Err(); err != nil {
				yield(0, fmt.Errorf("generate: %w", err))
				return
			}
			logits, err := g.Logits(ids)
			if err != nil {
				yield(0, err)
				return
			}
			id := o.Choose(logits, random)
			if !yield(id, nil) {
				return
			}
			ids = append(ids, id)
		}
	}
}
