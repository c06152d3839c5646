package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// CachedAttention is [Attention] in an incremental graph: qkv (B·N, 3C) is of the N
// positions that follow those that the scope's memory has of each of the B sequences. It
// remembers their keys and values, and returns (B·N, C). Dropout is left out.
func CachedAttention(s *graph.Scope, qkv *G.Node, heads int, o AttentionOptions) *G.Node {
	qkv = s.Given("CachedAttention", "qkv", qkv)
	m := s.Memory()
	shape := tensor.Shape{dim(qkv, 0), max(dim(qkv, 1)/3, 1)}
	switch {
	case m == nil:
		return s.Fail("CachedAttention", shape, "the graph is not incremental; build it with graph.Incremental")
	case !isMatrix(qkv) || qkv.Shape()[1]%3 != 0 || qkv.Shape()[0]%m.Batch() != 0:
		return s.Fail("CachedAttention", shape, "qkv is %v; want (B·N, 3C) for %d sequences", qkv.Shape(), m.Batch())
	case heads < 1 || shape[1]%heads != 0:
		return s.Fail("CachedAttention", shape, "width %d is not a multiple of %d heads; qkv is %v", shape[1], heads, qkv.Shape())
	case o.Window < 0:
		return s.Fail("CachedAttention", shape, "a window of %d is below 0", o.Window)
	}
	rows, width := shape[0], shape[1]
	keys, values := s.Remember("keys", width), s.Remember("values", width)
	att := &kernel.CachedAttention{
		Batch: m.Batch(), New: rows / m.Batch(), Capacity: m.Capacity(), Heads: heads, Size: width / heads,
		Scale:  o.scale(width / heads),
		Window: o.Window,
	}
	return s.Apply(graph.Op{
		Name:    "CachedAttention",
		RowWise: 1,
		Out:     shape,
		// As if all had been filled: what a run costs depends on the past.
		FLOPs: 4 * int64(rows) * int64(m.Capacity()) * int64(width),
		Run: func(a *graph.Args) error {
			return att.Forward(a.Out(0), keys(), values(), a.Floats(0), a.Ints(1))
		},
	}, qkv, s.Past())
}

// AddPositionsAt is [AddPositions] in an incremental graph: x (B·N, C) is of the positions
// that follow the past ones of each sequence, past of shape (B).
func AddPositionsAt(s *graph.Scope, x, table, past *G.Node) *G.Node {
	x, table, past = s.Given("AddPositionsAt", "x", x), s.Given("AddPositionsAt", "table", table), s.Given("AddPositionsAt", "past", past)
	if !isMatrix(x) || !isMatrix(table) || x.Shape()[1] != table.Shape()[1] || !isIDs(past) || x.Shape()[0]%past.Shape().TotalSize() != 0 {
		return s.Fail("AddPositionsAt", x.Shape(), "x is %v, table %v, past %v; want (B·N, C), (positions, C) and (B)", x.Shape(), table.Shape(), past.Shape())
	}
	positions := table.Shape()[0]
	return s.Apply(graph.Op{
		Name:    "AddPositionsAt",
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   size(x.Shape()),
		Run: func(a *graph.Args) error {
			return addAt(a.Out(0), a.Floats(0), a.Floats(1), a.Ints(2), positions)
		},
	}, x, table, past)
}

// AddSinusoidsAt is [AddSinusoids] in an incremental graph of at most positions places.
func AddSinusoidsAt(s *graph.Scope, x, past *G.Node, positions int) *G.Node {
	x, past = s.Given("AddSinusoidsAt", "x", x), s.Given("AddSinusoidsAt", "past", past)
	if !isMatrix(x) || !isIDs(past) || positions < 1 || x.Shape()[0]%past.Shape().TotalSize() != 0 {
		return s.Fail("AddSinusoidsAt", x.Shape(), "x is %v, past %v; want (B·N, C) and (B)", x.Shape(), past.Shape())
	}
	var table []float32 // made at the first run
	return s.Apply(graph.Op{
		Name:    "AddSinusoidsAt",
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   size(x.Shape()),
		Run: func(a *graph.Args) error {
			if table == nil {
				table = sinusoids(positions, x.Shape()[1])
			}
			return addAt(a.Out(0), a.Floats(0), table, a.Ints(1), positions)
		},
	}, x, past)
}

// addAt adds to the rows of each sequence those of the table from its past on.
func addAt(out, x, table []float32, past []int, positions int) error {
	width, each := len(table)/positions, len(x)/len(past)
	for b, p := range past {
		if p < 0 || p+each/width > positions {
			return fmt.Errorf("sequence %d has %d positions and gets %d; there are %d", b, p, each/width, positions)
		}
		kernel.AddPeriodic(out[b*each:(b+1)*each], x[b*each:(b+1)*each], table[p*width:][:each])
	}
	return nil
}
