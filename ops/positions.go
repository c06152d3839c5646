package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// AddPositions adds row t of table (positions, C) to position t of every sequence in x
// (B·T, C). In an incremental graph, positions are counted from the past of each sequence.
func AddPositions(s *graph.Scope, x, table *G.Node) *G.Node {
	x, table = s.Require("AddPositions", "x", x), s.Require("AddPositions", "table", table)
	if !isMatrix(x) || !isMatrix(table) || x.Shape()[1] != table.Shape()[1] {
		return s.Fail("AddPositions", x.Shape(), "x is %v, table %v; want (B·T, C) and (positions, C)", x.Shape(), table.Shape())
	}
	_, context, failed := sequences(s, "AddPositions", x.Shape(), x)
	if failed != nil {
		return failed
	}
	if context > table.Shape()[0] {
		return s.Fail("AddPositions", x.Shape(), "a context of %d does not fit the %d positions of the table", context, table.Shape()[0])
	}
	return addTable(s, "AddPositions", context, x, table, func(a *graph.Args) []float32 { return a.Floats(1) })
}

// AddSinusoids adds to position t of every sequence in x (B·T, C) the fixed
// encoding of "Attention Is All You Need", §3.5: column 2i holds sin(t/10000^(2i/C)),
// column 2i+1 the cosine. In an incremental graph, t is counted from the past.
func AddSinusoids(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("AddSinusoids", "x", x)
	if !isMatrix(x) {
		return s.Fail("AddSinusoids", x.Shape(), "x is %v; want (B·T, C)", x.Shape())
	}
	_, context, failed := sequences(s, "AddSinusoids", x.Shape(), x)
	if failed != nil {
		return failed
	}
	positions := context
	if m := s.Cache(); m != nil {
		positions = m.Capacity()
	}
	width := x.Shape()[1]
	table := s.Constant(fmt.Sprint("sinusoids ", positions, width), func() []float32 { return sinusoids(positions, width) })
	return addTable(s, "AddSinusoids", context, x, nil, func(*graph.Args) []float32 { return table() })
}

// addTable adds rows of values, which are those of the node table unless it is nil, to the sequences of context
// positions in x.
func addTable(s *graph.Scope, name string, context int, x, table *G.Node, values func(a *graph.Args) []float32) *G.Node {
	width := x.Shape()[1]
	op := graph.Op{
		Name:    name,
		RowWise: 1,
		Out:     x.Shape(),
		FLOPs:   size(x.Shape()),
		Run: func(a *graph.Args) error {
			kernel.AddPeriodic(a.Out(0), a.Floats(0), values(a)[:context*width])
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			if table == nil {
				return G.Nodes{grad}
			}
			return G.Nodes{grad, s.Apply(graph.Op{
				Name:  name + "Grad",
				Out:   table.Shape(),
				FLOPs: size(x.Shape()),
				Run: func(a *graph.Args) error {
					used := a.Out(0)[:context*width]
					clear(a.Out(0)[len(used):])
					kernel.SumPeriodic(used, a.Floats(0))
					return nil
				},
			}, grad)}
		},
	}
	in := some(x, table)
	if past := s.Past(); past != nil {
		last := len(in)
		in = append(in, past)
		op.Run = func(a *graph.Args) error { return addAt(a.Out(0), a.Floats(0), values(a), a.Ints(last), width) }
	}
	return s.Apply(op, in...)
}

// addAt adds to each sequence the rows of the table that follow its past.
func addAt(out, x, table []float32, past []int, width int) error {
	each, positions := len(x)/len(past), len(table)/width
	if err := checkPast(past, each/width, positions); err != nil {
		return err
	}
	for b, p := range past {
		kernel.AddPeriodic(out[b*each:(b+1)*each], x[b*each:(b+1)*each], table[p*width:][:each])
	}
	return nil
}

// sinusoids returns the table of the first positions.
func sinusoids(positions, width int) []float32 {
	table := make([]float32, positions*width)
	for t := range positions {
		for i := range width {
			angle := float64(t) / math.Pow(10000, float64(i-i%2)/float64(width))
			if i%2 == 0 {
				table[t*width+i] = float32(math.Sin(angle))
			} else {
				table[t*width+i] = float32(math.Cos(angle))
			}
		}
	}
	return table
}
