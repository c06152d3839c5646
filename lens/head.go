package lens

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// statesName is the input of programs of the head.
const statesName = "lens.states"

// Whose states a head's program scores.
const (
	finalStates = iota // what the head is given
	blockStates        // what a block gives: the norm, or what else follows the last one, comes first
)

// chunk is how many states are scored at once.
const chunk = 64

// buildHead compiles the program that makes logits (N, V) of states (N, C). Of states between blocks it is the model itself, whose
// blocks give the states in the place of their results; what nothing needs any more is not run.
func (r *Reader) buildHead(shape ...int) (*graph.Program, *G.Node, error) {
	whose, n := shape[0], shape[1]
	s := graph.New(r.params)
	states := s.Floats(statesName, n, r.width())
	var logits *G.Node
	if whose == finalStates {
		_, head := models.Body(r.model, s, s.Ints("tokens", n, 1))
		logits = head.Logits(s, states)
	} else {
		logits = models.Logits(models.Edit(r.model, graph.Wrap(r.blocks, func(_ *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
			layer(x) // for edits within it
			return states
		})), s, s.Ints("tokens", n, 1))
	}
	p, err := s.Compile(logits)
	if err != nil {
		return nil, nil, err
	}
	return p, logits, p.SetInts("tokens", make([]int, n))
}

// width is that of the stream.
func (r *Reader) width() int { return r.dims.Width }

// logits calls f with the logits of each of some states (N, C), valid during the call.
func (r *Reader) logits(whose int, states []float32, f func(i int, row []float32)) error {
	width := r.width()
	if whose == blockStates && r.blocks == "" {
		whose = finalStates
	}
	i := 0
	for part := range slices.Chunk(states, chunk*width) {
		n := 1
		for n*width < len(part) {
			n *= 4
		}
		p, out, err := r.heads.For(whose, n)
		if err != nil {
			return fmt.Errorf("lens: the head on its own: %w", err)
		}
		if err := p.SetFloats(statesName, append(slices.Clone(part), make([]float32, n*width-len(part))...)); err != nil {
			return err
		}
		if err := p.Run(); err != nil {
			return err
		}
		all := p.Value(out)
		for k := range len(part) / width {
			f(i, all[k*r.dims.Vocab:(k+1)*r.dims.Vocab])
			i++
		}
	}
	return nil
}
