package generate

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// mostPrompts bounds how many programs for pieces of several tokens are kept, besides those for
// single tokens. Only one program for whole windows is kept, as the next window is a token longer.
const mostPrompts = 4

// runner runs a model over pieces of sequences whose past is in the places of one cache.
type runner struct {
	model    Model
	params   *graph.Params
	context  int
	seamless bool
	cache    *graph.Cache
	whole    error // why every token needs a run over its whole window; nil if it does not
	pieces   graph.Family[*piece]
}

// piece holds the output and inputs of a program for the next length tokens of n sequences.
type piece struct {
	logits             *G.Node      // (n·rows, V)
	places             *graph.Cache // the sequences' part of the cache; nil if nothing is cached
	tokens, rows, past []int        // (n, length); (n·rows), the rows whose logits are wanted; (n)
	counts             []int        // (n), how many tokens of each piece are not padding
}

// newRunner returns a runner with c.Slots places. If the model cannot be run incrementally, the
// runner runs whole windows; if it cannot do that either, the error is that of the first attempt.
func newRunner(m Model, params *graph.Params, c EngineConfig) (*runner, error) {
	context, places := c.Context, c.Slots
	r := &runner{model: m, params: params, context: context, seamless: c.Seamless, cache: graph.NewCache(places, context)}
	r.pieces = graph.Family[*piece]{Build: r.compile, Most: places + mostPrompts}
	if _, _, err := r.pieces.For(places, 1, 1); err != nil {
		r.cache, r.whole = graph.NewCache(places, context), err // some layers may have declared stores in the first
		r.pieces.Most = 1
		if _, _, unless := r.pieces.For(1, 1, 1); unless != nil {
			return nil, err
		}
	}
	return r, nil
}

// Piecewise returns nil if a model works row by row, so that it can be run piece by piece, and the padding after a text does
// not change what it computes for the text. Otherwise the error names the layer or op that may use more; see [Generator.Whole].
func Piecewise(m Model, params *graph.Params) error {
	r, err := newRunner(m, params, EngineConfig{Context: 1, Slots: 1})
	if err != nil {
		return err
	}
	return errors.Join(r.whole, r.pieces.Close())
}

// length returns the length of the program for a piece of that many tokens after past positions.
// As the shapes of a graph are fixed, it is rounded up: to a power of two, and from 64 on to a
// multiple of 64. It is not rounded for whole windows, where an op may read the padding.
func (r *runner) length(tokens, past int) int {
	if r.whole != nil || tokens == 0 {
		return tokens
	}
	length := (tokens + 63) &^ 63
	if tokens < 64 {
		for length = 1; length < tokens; {
			length *= 2
		}
	}
	return min(length, r.context-past)
}

// compile makes the program for a shape (n, length, rows), with rows rows of logits for
// each sequence. If the model panics, that is an error for this shape only, as an engine calls compile
// in a separate goroutine, where a panic would end the process.
func (r *runner) compile(shape ...int) (program *graph.Program, p *piece, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("generate: the model's graph for %s of %s panicked: %v", plural.Of(shape[0], "sequence"), plural.Of(shape[1], "token"), v)
		}
	}()
	n, length, rows := shape[0], shape[1], shape[2]
	p = &piece{tokens: make([]int, n*length), rows: make([]int, n*rows), past: make([]int, n), counts: make([]int, n)}
	var options []graph.Option
	if r.whole == nil {
		p.places = r.cache.Part(0, n)
		options = append(options, graph.Incremental(p.places))
		if r.seamless {
			options = append(options, graph.Seamless())
		}
	}
	s := graph.New(r.params, options...)
	p.logits = r.model.GraphAt(s, s.Ints("tokens", n, length), s.Ints("rows", n*rows))
	s.Past() // declares the input, which a model without positions and attention does not
	program, err = s.Compile(p.logits)
	return program, p, err
}

// run runs the next tokens of slots with contiguous places in a program of the given length. It
// returns the logits (n, V) after each slot's piece, or (length, V) after each token of a single
// slot whose prompt is echoed.
func (r *runner) run(slots []*slot, length int) ([]float32, error) {
	rows := 1
	if slots[0].echo {
		rows = length
	}
	program, p, err := r.pieces.For(len(slots), length, rows)
	if err != nil {
		return nil, err
	}
	clear(p.tokens) // attention is causal, so the padding does not matter
	for i, s := range slots {
		n := copy(p.tokens[i*length:][:length], s.ids[len(s.ids)-s.todo:])
		p.past[i], p.counts[i] = s.past, n
		for j := range rows {
			p.rows[i*rows+j] = i*length + max(n-rows, 0) + j
		}
	}
	if err := errors.Join(program.SetInts("tokens", p.tokens), program.SetInts("rows", p.rows)); err != nil {
		return nil, err
	}
	if p.places != nil {
		p.places.MoveTo(slots[0].place)
		p.places.Count(p.counts)
		if err := program.SetInts("past", p.past); err != nil {
			return nil, err
		}
	}
	if err := program.Run(); err != nil {
		return nil, err
	}
	return program.Value(p.logits), nil
}
