package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// RMSNorm divides the rows of x (N, C) by the root of their mean square, to which epsilon is added inside the
// root, and multiplies by gain (C) (Zhang and Sennrich 2019). With a gain (D) of fewer columns, where D divides
// C, each D columns are normalized separately, such as those of a head.
//
// Implementations differ in whether the gain is multiplied before (gpt-oss, Gemma) or after (Llama) a cast to
// the type of x. Here everything is float32 and nothing is cast, so the two are the same.
func RMSNorm(s *graph.Scope, x, gain *G.Node, epsilon float64) *G.Node {
	x, gain = s.Require("RMSNorm", "x", x), s.Require("RMSNorm", "gain", gain)
	width := dim(gain, 0)
	if !isMatrix(x) || !isVector(gain, width) || x.Shape()[1]%width != 0 {
		return s.Fail("RMSNorm", x.Shape(), "x is %v, gain %v; want (N, C), and (C) or a part of it for the gain", x.Shape(), gain.Shape())
	}
	if s.Layout(x).Sections != nil {
		gain = Enter(s, gain) // each rank has a part of its gradient
	}
	return rmsNorm(s, x, gain, func(a *graph.Args) []float32 { return a.Floats(1) }, width, epsilon)
}

// RMSNormBare is [RMSNorm] without a gain, of the given number of columns at a time, which must divide C.
func RMSNormBare(s *graph.Scope, x *G.Node, columns int, epsilon float64) *G.Node {
	x = s.Require("RMSNormBare", "x", x)
	if !isMatrix(x) || columns < 1 || x.Shape()[1]%columns != 0 {
		return s.Fail("RMSNormBare", x.Shape(), "x is %v; want (N, C), and %d columns a part of C", x.Shape(), columns)
	}
	ones := s.Constant(fmt.Sprint("ones ", columns), func() []float32 { return slices.Repeat([]float32{1}, columns) })
	return rmsNorm(s, x, nil, func(*graph.Args) []float32 { return ones() }, columns, epsilon)
}

// rmsNorm normalizes width columns at a time and multiplies them by gains, which are those of the node gain
// unless it is nil.
func rmsNorm(s *graph.Scope, x, gain *G.Node, gains func(a *graph.Args) []float32, width int, epsilon float64) *G.Node {
	if !finite(epsilon) || epsilon < 0 {
		return s.Fail("RMSNorm", x.Shape(), "an epsilon of %v; want 0 or more", epsilon)
	}
	layout := s.Layout(x)
	if len(layout.Sections) > 1 || layout.Total()%width != 0 || layout.Entered {
		return s.Fail("RMSNorm", x.Shape(), "x, %v, is %v, which cannot be normalized %d columns at a time", x.Shape(), layout, width)
	}
	return s.Apply(graph.Op{
		Name:    "RMSNorm",
		RowWise: 1,
		Out:     x.Shape(),
		Layout:  &layout,
		FLOPs:   5 * size(x.Shape()),
		Saves:   []tensor.Shape{{x.Shape().TotalSize() / width}}, // each reciprocal root
		Run: func(a *graph.Args) error {
			kernel.RMSNorm(a.Out(0), a.Floats(0), gains(a), a.Save(0), epsilon)
			return nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			last := len(in)
			grads := G.Nodes{s.Apply(graph.Op{
				Name:  "RMSNormGrad",
				Of:    out,
				Out:   x.Shape(),
				FLOPs: 8 * size(x.Shape()),
				Run: func(a *graph.Args) error {
					kernel.RMSNormGrad(a.Out(0), a.Floats(last), a.Floats(0), gains(a), a.Saved(0))
					return nil
				},
			}, append(in[:last:last], grad)...)}
			if gain == nil {
				return grads
			}
			return append(grads, s.Apply(graph.Op{
				Name:  "RMSNormGradGain",
				Of:    out,
				Out:   gain.Shape(),
				FLOPs: 3 * size(x.Shape()),
				Run: func(a *graph.Args) error {
					kernel.RMSNormGradGain(a.Out(0), a.Floats(1), a.Floats(0), a.Saved(0))
					return nil
				},
			}, in[0], grad))
		},
	}, some(x, gain)...)
}
