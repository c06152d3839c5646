package generate

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// mostPrompts bounds the programs for pieces of several tokens that are kept beside those for
// single ones. Of those for whole windows one is kept: the next is a token longer.
const mostPrompts = 4

// runner runs a model over pieces of the sequences whose past lies in the places of one cache.
type runner struct {
	model    Model
	params   *graph.Params
	context  int
	seamless bool
	cache    *graph.Cache
	whole    error // why every token takes a run over its whole window; nil if none does
	pieces   graph.Family[*piece]
}

// piece is what a program for the next length tokens of n sequences needs.
type piece struct {
	logits             *G.Node      // (n·rows, V)
	places             *graph.Cache // of the sequences; nil where nothing is remembered
	tokens, rows, past []int        // (n, length); (n·rows), whose logits are wanted; (n)
	counts             []int        // (n) tokens that do not only fill a piece
}

// newRunner returns a runner with so many places. If the model cannot go on from what is
// remembered it runs whole windows; if it cannot even do that, the error is the first one.
func newRunner(m Model, params *graph.Params, c EngineConfig) (*runner, error) {
	context, places := c.Context, c.Slots
	r := &runner{model: m, params: params, context: context, seamless: c.Seamless, cache: graph.NewCache(places, context)}
	r.pieces = graph.Family[*piece]{Build: r.compile, Most: places + mostPrompts}
	if _, _, err := r.pieces.For(places, 1, 1); err != nil {
		r.cache, r.whole = graph.NewCache(places, context), err // some layers have declared theirs
		r.pieces.Most = 1
		if _, _, unless := r.pieces.For(1, 1, 1); unless != nil {
			return nil, err
		}
	}
	return r, nil
}

// length is that of the program for pieces of so many tokens after past ones. Shapes are fixed
// in a graph, so it is rounded up, to powers of two and from 64 on to multiples of 64; but not
// for whole windows, where an op may look at what fills the rest.
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

// compile makes the program for a shape (n, length, rows), with so many rows of logits for
// each sequence.
// A model that panics fails for this shape alone: an engine runs it in a goroutine of its own.
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
	s.Past() // a model without positions and attention does not ask
	program, err = s.Compile(p.logits)
	return program, p, err
}

// run runs the next tokens of some slots, whose places lie together, in a program of a length,
// and returns the logits (n, V) after each one's piece, or (length, V) after each token of one
// that is echoed.
func (r *runner) run(slots []*slot, length int) ([]float32, error) {
	rows := 1
	if slots[0].echo {
		rows = length
	}
	program, p, err := r.pieces.For(len(slots), length, rows)
	if err != nil {
		return nil, err
	}
	clear(p.tokens) // attention is causal: what fills the rest does not matter
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
