package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// The ops of a model that is split over ranks (graph.Params.Split): Shoeybi et al. 2019, "Megatron-LM", §3,
// whose f is Enter and whose g is SumRanks. Graphs that are not split do not contain them.

// BetweenRanks names the ops of this package in which the ranks sum their parts of the result.
var BetweenRanks = []string{"SumRanks", "EnterGrad", "GatherColumns"}

// Enter marks x as the input of a branch that is divided among ranks: the value is x on each of them, and the
// gradient is the sum of the gradients of the ranks' parts of the branch, Megatron's f. Layers that follow
// split their weights by columns ([Linear]). In a graph that is not split, it is x.
func Enter(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("Enter", "x", x)
	r := s.Ranks()
	if r == nil || s.Layout(x).Entered {
		return x
	}
	if l := s.Layout(x); !l.Whole() {
		return s.Fail("Enter", x.Shape(), "x, %v, is %v; want all of it", x.Shape(), l)
	}
	return s.Apply(graph.Op{
		Name:    "Enter",
		RowWise: 1,
		Out:     x.Shape(),
		Layout:  &graph.Layout{Entered: true},
		Run: func(a *graph.Args) error {
			copy(a.Out(0), a.Floats(0))
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{sumRanks(s, "EnterGrad", grad, nil)} },
	}, x)
}

// SumRanks is the sum over the ranks of x, of which each rank has a summand of full size: Megatron's g. The
// gradient of the sum is also that of each summand.
func SumRanks(s *graph.Scope, x *G.Node) *G.Node {
	x = s.Require("SumRanks", "x", x)
	if s.Ranks() == nil {
		return x
	}
	return sumRanks(s, "SumRanks", x, func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} })
}

func sumRanks(s *graph.Scope, name string, x *G.Node, grad func(G.Nodes, *G.Node, *G.Node) G.Nodes) *G.Node {
	r := s.Ranks()
	return s.Apply(graph.Op{
		Name:    name,
		RowWise: 1,
		Out:     x.Shape(),
		Layout:  new(graph.Layout),
		Run: func(a *graph.Args) error {
			copy(a.Out(0), a.Floats(0))
			return r.Sum(a.Out(0))
		},
		Grad: grad,
	}, x)
}

// gatherColumns assembles the whole of x (N, ·), of which each rank has some columns, one rank after the other.
// Every rank runs the same ops after it, so the gradient is this rank's columns of the gradient of the whole.
func gatherColumns(s *graph.Scope, x *G.Node) *G.Node {
	l, r := s.Layout(x), s.Ranks()
	if len(l.Sections) != 1 {
		return s.Fail("GatherColumns", x.Shape(), "x, %v, is %v; want a rank's columns", x.Shape(), l)
	}
	rows, width, whole := x.Shape()[0], x.Shape()[1], l.Total()
	first := l.Spans(r.Rank(), r.Size())[0].From
	return s.Apply(graph.Op{
		Name:    "GatherColumns",
		RowWise: 1,
		Out:     tensor.Shape{rows, whole},
		Layout:  new(graph.Layout),
		Run: func(a *graph.Args) error {
			x, out := a.Floats(0), a.Out(0)
			clear(out)
			for n := range rows {
				copy(out[n*whole+first:][:width], x[n*width:])
			}
			return r.Sum(out) // with zeros, which changes nothing
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{Columns(s, grad, first, width)} },
	}, x)
}

// splitProduct determines how ranks divide x·w: the layout of the result, whether each rank's result is a
// summand, and what does not fit. in and out are the axes of the weight's inputs and outputs.
func splitProduct(s *graph.Scope, x, w, bias *G.Node, in, out int) (result graph.Layout, summand bool, fault string) {
	if s.Ranks() == nil {
		return graph.Layout{}, false, ""
	}
	lx, lw := s.Layout(x), s.Layout(w)
	var lb graph.Layout
	if bias != nil {
		lb = s.Layout(bias)
	}
	columns := lw.Sections != nil && lw.Axis == out
	switch {
	case lx.Whole() && lw.Whole() && lb.Whole():
	case lx.Entered && columns && (bias == nil || lb.Same(graph.Cut(bias.Dims()-1, lw.Sections...))):
		return graph.Cut(1, lw.Sections...), false, ""
	case lx.Sections != nil && lw.Same(graph.Cut(in, lx.Sections...)) && lb.Whole():
		return graph.Layout{}, true, ""
	default:
		return graph.Layout{}, false, "x is " + lx.String() + ", w " + lw.String() + ": these cannot be multiplied in a model that is split over ranks"
	}
	return graph.Layout{}, false, ""
}
