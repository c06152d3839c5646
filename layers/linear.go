package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// Linear maps x (N, K) to x·weight + bias (N, out), with a weight (K, out) as in GPT-2's files.
//
// In a model that is split over ranks ([graph.Params.Split]), the weight is split by columns if x enters a
// branch ([ops.Enter]), so that each rank has some columns of the result. It is split by rows if x consists of
// such columns; then the result is summed over the ranks and whole on each.
func Linear(s *graph.Scope, x *G.Node, out int, w Weights) *G.Node {
	return linearOf.declare(s, x, w, out)
}

// Dense is [Linear] with a weight (out, K), as in PyTorch's nn.Linear and in Llama's files.
func Dense(s *graph.Scope, x *G.Node, out int, w Weights) *G.Node {
	return denseOf.declare(s, x, w, out)
}

// linear is a kind of linear layer. in and out are the axes of the weight's inputs and outputs.
type linear struct {
	name    string
	op      func(s *graph.Scope, x, w, bias *G.Node) *G.Node
	in, out int
}

var (
	linearOf = linear{"Linear", ops.Linear, 0, 1}
	denseOf  = linear{"Dense", ops.Dense, 1, 0}
)

// declare declares the layer. Its columns are consecutive sections, each of which ranks divide among
// themselves.
func (l linear) declare(s *graph.Scope, x *G.Node, w Weights, sections ...int) *G.Node {
	x = s.Require(l.name, "x", x)
	columns := graph.Cut(1, sections...)
	width := columns.Total()
	if x.Dims() != 2 {
		return s.Fail(l.name, []int{1, width}, "x is %v; want (N, K)", x.Shape())
	}
	given := s.Layout(x)
	shape := tensor.Shape{x.Shape()[0], width}
	if given.Entered {
		for _, n := range sections {
			if n%s.Ranks().Size() != 0 {
				return s.Fail(l.name, shape, "%d columns cannot be divided evenly among %d ranks", n, s.Ranks().Size())
			}
		}
		shape[1] /= s.Ranks().Size()
	}
	return s.Layer(x, shape, func(s *graph.Scope, x *G.Node) *G.Node {
		full := make([]int, 2)
		full[l.in], full[l.out] = wholeDim(s, x), width
		var cut, bias graph.Layout
		switch given := s.Layout(x); {
		case given.Entered:
			cut, bias = graph.Cut(l.out, sections...), graph.Cut(0, sections...)
		case given.Sections != nil:
			cut = graph.Cut(l.in, given.Sections...)
		}
		weight := s.CutParam("weight", first(w.Init), cut, full...)
		var b *G.Node
		if !w.NoBias {
			b = s.CutParam("bias", graph.Zeros(), bias, width)
		}
		return l.op(s, x, weight, b) // (N, out)
	})
}

// wholeDim returns how many columns x has on all ranks together.
func wholeDim(s *graph.Scope, x *G.Node) int {
	if l := s.Layout(x); l.Sections != nil {
		return l.Total()
	}
	return dim(x, 1)
}
