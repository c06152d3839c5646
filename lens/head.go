package lens

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// statesName is the name of the input of head programs.
const statesName = "lens.states"

// The states that a head program scores.
const (
	finalStates = iota // inputs of the head
	blockStates        // outputs of a block, which go through the final norm, or whatever else follows the last block, first
)

// chunk is how many states are scored at once.
const chunk = 64

// buildHead compiles the program that computes logits (N, V) from states (N, C). For states between blocks it is the
// model itself with the output of each block replaced by the states; nodes that are no longer needed are not run.
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
			layer(x) // declared for the edits within it
			return states
		})), s, s.Ints("tokens", n, 1))
	}
	p, err := s.Compile(logits)
	if err != nil {
		return nil, nil, err
	}
	return p, logits, p.SetInts("tokens", make([]int, n))
}

// width returns the width of the stream.
func (r *Reader) width() int { return r.dims.Width }

// logits calls f with the logits of each of the states (N, C). They are valid during the call.
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
