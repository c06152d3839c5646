package generate

import (
	"errors"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// mostPrompts bounds the programs for pieces of several tokens that are kept. Of those for whole
// windows one is: the next is a token longer.
const mostPrompts = 4

// runner runs a model over pieces of the sequences whose past lies in the places of one cache.
type runner struct {
	model   Model
	params  *graph.Params
	context int
	cache   *graph.Memory
	whole   error    // why every token takes a run over its whole window; nil if none does
	pieces  []*piece // the last used at the end
}

// piece is a program for the next length tokens of n sequences.
type piece struct {
	program            *graph.Program
	logits             *G.Node       // (n, V)
	places             *graph.Memory // of the sequences; nil where the cache is not used
	n, length          int
	tokens, rows, past []int // (n, length); (n), whose logits are wanted; (n)
}

// newRunner returns a runner with so many places. If the model cannot go on from what is
// remembered it runs whole windows; if it cannot even do that, the error is the first one.
func newRunner(m Model, params *graph.Params, context, places int) (*runner, error) {
	r := &runner{model: m, params: params, context: context, cache: graph.NewMemory(places, context)}
	if _, err := r.piece(places, 1); err != nil {
		r.cache, r.whole = graph.NewMemory(places, context), err // some layers have declared theirs
		if _, unless := r.piece(1, 1); unless != nil {
			return nil, err
		}
	}
	return r, nil
}

// length is that of the program for pieces of so many tokens after past ones. Shapes are fixed
// in a graph, so it is rounded up, to powers of two and from 64 on to multiples of 64; but not
// for whole windows, where an op may look at what fills the rest.
func (r *runner) length(tokens, past int) int {
	if r.whole != nil {
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

// piece returns the program for n sequences and a length.
func (r *runner) piece(n, length int) (*piece, error) {
	if i := slices.IndexFunc(r.pieces, func(p *piece) bool { return p.n == n && p.length == length }); i >= 0 {
		p := r.pieces[i]
		r.pieces = append(slices.Delete(r.pieces, i, i+1), p)
		return p, nil
	}
	p, err := r.compile(n, length)
	if err != nil {
		return nil, err
	}
	most := mostPrompts
	if r.whole != nil {
		most = 1
	}
	for i := len(r.pieces) - 1; i >= 0; i-- {
		if r.pieces[i].length == 1 && r.whole == nil {
			continue // for single tokens all stay
		}
		if most--; most == 0 {
			if err := r.pieces[i].program.Close(); err != nil {
				return nil, err
			}
			r.pieces = slices.Delete(r.pieces, i, i+1)
			break
		}
	}
	r.pieces = append(r.pieces, p)
	return p, nil
}

func (r *runner) compile(n, length int) (*piece, error) {
	p := &piece{n: n, length: length, tokens: make([]int, n*length), rows: make([]int, n), past: make([]int, n)}
	var options []graph.Option
	if r.whole == nil {
		p.places = r.cache.Part(0, n)
		options = append(options, graph.Incremental(p.places))
	}
	s := graph.New(r.params, options...)
	p.logits = r.model.GraphAt(s, s.Ints("tokens", n, length), s.Ints("rows", n))
	s.Past() // a model without positions and attention does not ask
	var err error
	p.program, err = s.Compile(p.logits)
	return p, err
}

// run runs the next tokens of some slots, whose places lie together, in a program of a length,
// and returns the logits (n, V) after each one's piece.
func (r *runner) run(slots []*slot, length int) ([]float32, error) {
	p, err := r.piece(len(slots), length)
	if err != nil {
		return nil, err
	}
	clear(p.tokens) // attention is causal: what fills the rest does not matter
	for i, s := range slots {
		n := copy(p.tokens[i*length:][:length], s.ids[len(s.ids)-s.todo:])
		p.rows[i], p.past[i] = i*length+n-1, s.past
	}
	if err := errors.Join(p.program.SetInts("tokens", p.tokens), p.program.SetInts("rows", p.rows)); err != nil {
		return nil, err
	}
	if p.places != nil {
		p.places.MoveTo(slots[0].place)
		if err := p.program.SetInts("past", p.past); err != nil {
			return nil, err
		}
	}
	if err := p.program.Run(); err != nil {
		return nil, err
	}
	return p.program.Value(p.logits), nil
}

// close ends the programs.
func (r *runner) close() error {
	var errs []error
	for _, p := range r.pieces {
		errs = append(errs, p.program.Close())
	}
	return errors.Join(errs...)
}
