package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Dropout sets elements of x to 0 with probability rate and scales the others by 1/(1-rate) (Srivastava et al.
// 2014). Outside of training graphs, and for a rate of 0, it is x itself. The mask is a function of the
// program's seed and step, the scope's path and the element, so a run can be repeated or resumed bit for bit.
func Dropout(s *graph.Scope, x *G.Node, rate float64) *G.Node {
	x = s.Require("Dropout", "x", x)
	if err := checkRate(s, "Dropout", x.Shape(), rate); err != nil {
		return err
	}
	l := s.Layout(x)
	if l.Sections == nil {
		return drop(s, "Dropout", true, x, rate, func(_ *graph.Args, mask kernel.Mask, out, x []float32) { mask.Apply(out, x) })
	}
	return drop(s, "Dropout", true, x, rate, wholeMask(l, s.Ranks(), dim(x, -1)))
}

// wholeMask drops, from a rank's columns of the given width, the elements that would be dropped if the model
// were whole.
func wholeMask(l graph.Layout, r graph.Ranks, width int) func(a *graph.Args, mask kernel.Mask, out, x []float32) {
	return func(a *graph.Args, mask kernel.Mask, out, x []float32) {
		a.For(len(x)/width, grain(width), func(lo, hi int) {
			for row := lo; row < hi; row++ {
				at := row * width
				for _, span := range l.Spans(r.Rank(), r.Size()) {
					n := span.To - span.From
					mask.Row(out[at:at+n], x[at:at+n], uint64(row*l.Total()+span.From))
					at += n
				}
			}
		})
	}
}

// DropoutShared is [Dropout] of the rows of x (N·K, C), where K consecutive rows lose the same elements, such
// as the rows of one question's answers.
func DropoutShared(s *graph.Scope, x *G.Node, rate float64, share int) *G.Node {
	x = s.Require("DropoutShared", "x", x)
	if err := checkRate(s, "DropoutShared", x.Shape(), rate); err != nil {
		return err
	}
	if !isMatrix(x) || share < 1 || x.Shape()[0]%share != 0 {
		return s.Fail("DropoutShared", x.Shape(), "x is %v; want (N·K, C) with a K of %d", x.Shape(), share)
	}
	width := x.Shape()[1]
	return drop(s, "DropoutShared", false, x, rate, func(a *graph.Args, mask kernel.Mask, out, x []float32) {
		a.For(len(x), grain(1), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				out[i] = x[i] * mask.At(uint64(i/(share*width)*width+i%width))
			}
		})
	})
}

// drop declares an op that multiplies by a mask, as does its gradient. Outside of training graphs, and for a
// rate of 0, it is x itself.
func drop(s *graph.Scope, name string, columnwise bool, x *G.Node, rate float64, apply func(a *graph.Args, mask kernel.Mask, out, x []float32)) *G.Node {
	if !s.Drops() || rate == 0 {
		return x
	}
	stream := s.Stream("dropout")
	masked := func(name string, x *G.Node, grad func(G.Nodes, *G.Node, *G.Node) G.Nodes) *G.Node {
		return s.Apply(graph.Op{
			Name:       name,
			Out:        x.Shape(),
			FLOPs:      size(x.Shape()),
			Columnwise: columnwise,
			Run: func(a *graph.Args) error {
				seed, step := a.Random()
				apply(a, kernel.NewMask(rate, seed, step, stream), a.Out(0), a.Floats(0))
				return nil
			},
			Grad: grad,
		}, x)
	}
	return masked(name, x, func(_ G.Nodes, _, grad *G.Node) G.Nodes {
		return G.Nodes{masked(name+"Grad", grad, nil)}
	})
}

// checkRate returns a placeholder if rate is not a probability below 1, else nil.
func checkRate(s *graph.Scope, op string, shape tensor.Shape, rate float64) *G.Node {
	if rate >= 0 && rate < 1 {
		return nil
	}
	return s.Fail(op, shape, "a dropout rate of %v is not in [0, 1)", rate)
}
