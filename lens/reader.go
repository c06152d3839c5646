package lens

import (
	"context"
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// Limits of what a reader reads and keeps.
const (
	// MostTokens is the length of the longest text that is read, if the model has as many positions.
	MostTokens = 1024

	keptReadings = 4        // texts whose streams are kept
	keptBytes    = 96 << 20 // maximum size of a text's stream that is kept whole; of larger ones, only what was asked for is
)

// Reader looks into one model. Its methods may be called from several goroutines, which take turns; a call that waits
// for its turn returns when its context ends. The weights must not be changed meanwhile.
type Reader struct {
	model  models.Model
	params *graph.Params
	dims   models.Dims
	exact  bool   // texts are read without padding
	blocks string // the pattern of the blocks' paths; "" if blocks are not layers that can be wrapped

	places  []Place
	layers  []Heads
	routers []Router

	turn     chan struct{} // has an element while a call runs
	closed   bool
	streams  graph.Family[[]*G.Node] // (T)
	heads    graph.Family[*G.Node]   // (whose, N)
	maps     graph.Family[[]*G.Node] // (from, to, T)
	routes   graph.Family[[]*G.Node] // (T)
	graphs   graph.Family[none]      // (T)
	readings []*reading              // the last used at the end
	attended []attended              // the last computed at the end
}

// none is for families whose programs need no other data.
type none struct{}

// New returns a reader for a model with these weights. It declares the model's graph and computes nothing yet.
func New(m models.Model, params *graph.Params) (*Reader, error) {
	r := &Reader{model: m, params: params, dims: models.DimsOf(m), turn: make(chan struct{}, 1)}
	if pattern, err := models.Blocks(m); err == nil {
		r.blocks = pattern
	}
	s, err := r.survey(2)
	if err != nil && r.blocks != "" {
		r.blocks = "" // the paths are numbered, but are not those of layers that can be wrapped
		s, err = r.survey(2)
	}
	if err != nil {
		return nil, err
	}
	r.places, r.exact = s.places, generate.Piecewise(models.Graphs(m), params) != nil
	if r.layers, r.routers, err = r.findHeads(); err != nil {
		return nil, err
	}
	arena := new(graph.Arena)
	r.streams = graph.Family[[]*G.Node]{Build: r.buildStream, Round: r.rounded, Most: 4, Arena: arena}
	r.heads = graph.Family[*G.Node]{Build: r.buildHead, Most: 8, Arena: arena}
	r.maps = graph.Family[[]*G.Node]{Build: r.buildMaps, Most: 8, Arena: arena}
	r.routes = graph.Family[[]*G.Node]{Build: r.buildRouters, Round: r.rounded, Most: 2, Arena: arena}
	r.graphs = graph.Family[none]{Build: r.buildGraph, Most: 1, Arena: arena}
	return r, nil
}

// Limit returns how many tokens can be read at once.
func (r *Reader) Limit() int { return min(r.dims.Context, MostTokens) }

// Close waits until no call runs, and closes the reader's programs.
func (r *Reader) Close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closed, r.readings, r.attended = true, nil, nil
	return errors.Join(r.streams.Close(), r.heads.Close(), r.maps.Close(), r.routes.Close(), r.graphs.Close())
}

// begin checks the tokens and waits for a turn. If it returns no error, end must be called.
func (r *Reader) begin(ctx context.Context, ids []int) error {
	if n := len(ids); n < 1 || n > r.Limit() {
		return fmt.Errorf("lens: %s; want 1 to %d", plural.Of(n, "token"), r.Limit())
	}
	for i, id := range ids {
		if id < 0 || id >= r.dims.Vocab {
			return fmt.Errorf("lens: token %d is %d; the vocabulary has 0 to %d", i, id, r.dims.Vocab-1)
		}
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	var err error
	if r.closed {
		err = errors.New("lens: the reader is closed")
	} else {
		err = ctx.Err() // select chooses at random if both cases are ready
	}
	if err != nil {
		r.end()
	}
	return err
}

func (r *Reader) end() { <-r.turn }

// rounded returns the shape of a program for a text: its last dimension, the length, is rounded up. The padding after a
// text does not affect it, except in a model that does not work row by row, such as one whose experts take a limited
// number of rows: its texts are not padded.
func (r *Reader) rounded(shape ...int) []int {
	if r.exact {
		return shape
	}
	n := shape[len(shape)-1]
	for _, short := range []int{8, 16, 32, 64} {
		if n <= short {
			return append(slices.Clone(shape[:len(shape)-1]), min(short, r.dims.Context))
		}
	}
	return append(slices.Clone(shape[:len(shape)-1]), min((n+63)/64*64, r.dims.Context))
}

// padded returns ids padded to a length.
func padded(ids []int, length int) []int {
	return append(slices.Clone(ids), make([]int, length-len(ids))...)
}
