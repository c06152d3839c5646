package ops

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// AddPositions adds row t of table (at least T rows, C) to position t of every
// sequence in x (B·T, C).
func AddPositions(s *graph.Scope, x, table *G.Node, context int) *G.Node {
	x, table = s.Given("AddPositions", "x", x), s.Given("AddPositions", "table", table)
	switch {
	case !isMatrix(x) || !isMatrix(table) || x.Shape()[1] != table.Shape()[1]:
		return s.Fail("AddPositions", x.Shape(), "x is %v, table %v; want (B·T, C) and (positions, C)", x.Shape(), table.Shape())
	case context < 1 || x.Shape()[0]%context != 0:
		return s.Fail("AddPositions", x.Shape(), "x is %v, whose rows are not sequences of %d", x.Shape(), context)
	case context > table.Shape()[0]:
		return s.Fail("AddPositions", x.Shape(), "a context of %d does not fit the %d positions of the table", context, table.Shape()[0])
	}
	if s.Memory() != nil {
		return s.Fail("AddPositions", x.Shape(), "it counts from 0, which is wrong in an incremental graph; use AddPositionsAt there")
	}
	return s.Apply(graph.Op{
		Name:  "AddPositions",
		Out:   x.Shape(),
		FLOPs: size(x.Shape()),
		Run: func(a *graph.Args) error {
			kernel.AddPeriodic(a.Out(0), a.Floats(0), a.Floats(1)[:context*x.Shape()[1]])
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{grad, s.Apply(graph.Op{
				Name:  "AddPositionsGrad",
				Out:   table.Shape(),
				FLOPs: size(x.Shape()),
				Run: func(a *graph.Args) error {
					used := a.Out(0)[:context*x.Shape()[1]]
					clear(a.Out(0)[len(used):])
					kernel.SumPeriodic(used, a.Floats(0))
					return nil
				},
			}, grad)}
		},
	}, x, table)
}

// AddSinusoids adds to position t of every sequence in x (B·T, C) the fixed
// encoding of "Attention Is All You Need", §3.5: column 2i holds sin(t/10000^(2i/C)),
// column 2i+1 the cosine.
func AddSinusoids(s *graph.Scope, x *G.Node, context int) *G.Node {
	x = s.Given("AddSinusoids", "x", x)
	if !isMatrix(x) || context < 1 || x.Shape()[0]%context != 0 {
		return s.Fail("AddSinusoids", x.Shape(), "x is %v; want (B·T, C) with sequences of %d", x.Shape(), context)
	}
	if s.Memory() != nil {
		return s.Fail("AddSinusoids", x.Shape(), "it counts from 0, which is wrong in an incremental graph; use AddSinusoidsAt there")
	}
	width := x.Shape()[1]
	var table []float32 // made at the first run
	return elementwise(s, "AddSinusoids", 1, x,
		func(out, x []float32) {
			if table == nil {
				table = sinusoids(context, width)
			}
			kernel.AddPeriodic(out, x, table)
		},
		func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} })
}

// sinusoids is the table of the first positions.
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
