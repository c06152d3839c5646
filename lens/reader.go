package lens

import (
	"context"
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// What a reader takes on and keeps.
const (
	// MostTokens is the longest text that is read, if the model has as many positions.
	MostTokens = 1024

	keptReadings = 4        // texts of which the stream is kept
	keptBytes    = 96 << 20 // of a text's stream, above which only what was asked for is kept
)

// Reader reads one model. Its methods may be called from several goroutines, which take turns; one that waits for its turn stops as
// its context ends. The weights must not be changed meanwhile.
type Reader struct {
	model  models.Model
	params *graph.Params
	dims   models.Dims
	blocks string // the pattern of blocks that are layers; "" where they are none

	places  []Place
	layers  []Heads
	routers []Router

	turn     chan struct{} // has an element while somebody reads
	closed   bool
	streams  graph.Family[[]*G.Node] // (T)
	heads    graph.Family[*G.Node]   // (whose, N)
	maps     graph.Family[[]*G.Node] // (from, to, T)
	routes   graph.Family[[]*G.Node] // (T)
	graphs   graph.Family[none]      // (T)
	readings []*reading              // the last used at the end
	attended []attended              // likewise
}

// none is what a family's programs have beside them.
type none struct{}

// New returns a reader of a model with these weights. It declares the model's graph, and computes nothing yet.
func New(m models.Model, params *graph.Params) (*Reader, error) {
	r := &Reader{model: m, params: params, dims: models.DimsOf(m), turn: make(chan struct{}, 1)}
	if pattern, err := models.Blocks(m); err == nil {
		r.blocks = pattern
	}
	s, err := r.survey(2)
	if err != nil && r.blocks != "" {
		r.blocks = "" // their paths are numbered, but they are no layers that can be wrapped
		s, err = r.survey(2)
	}
	if err != nil {
		return nil, err
	}
	r.places = s.places
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

// Limit is the most tokens that are read at once.
func (r *Reader) Limit() int { return min(r.dims.Context, MostTokens) }

// Close ends the reader's programs, when who reads has ended.
func (r *Reader) Close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closed, r.readings, r.attended = true, nil, nil
	return errors.Join(r.streams.Close(), r.heads.Close(), r.maps.Close(), r.routes.Close(), r.graphs.Close())
}

// begin waits for a turn, and checks the tokens. Where there is no error, end must follow.
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
		err = ctx.Err() // select chooses by chance where both may go on
	}
	if err != nil {
		r.end()
	}
	return err
}

func (r *Reader) end() { <-r.turn }

// rounded is a length for which there is a program: models look back only, so that what is behind a text does not matter to it.
func (r *Reader) rounded(shape ...int) []int {
	n := shape[len(shape)-1]
	for _, short := range []int{8, 16, 32, 64} {
		if n <= short {
			return append(slices.Clone(shape[:len(shape)-1]), min(short, r.dims.Context))
		}
	}
	return append(slices.Clone(shape[:len(shape)-1]), min((n+63)/64*64, r.dims.Context))
}

// padded is ids in so many tokens.
func padded(ids []int, length int) []int {
	return append(slices.Clone(ids), make([]int, length-len(ids))...)
}
