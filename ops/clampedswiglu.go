package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// ClampedSwiGLU is gpt-oss's gate: the columns of u (N, 2I) alternate between gate and up, and the result (N,
// I) is (up + 1)·gate·σ(1.702·gate), where gate is clamped to at most limit and up to ±limit. Clamped values
// get no gradient.
func ClampedSwiGLU(s *graph.Scope, u *G.Node, limit float64) *G.Node {
	u = s.Require("ClampedSwiGLU", "u", u)
	if !isMatrix(u) || dim(u, 1)%2 != 0 || !(limit > 0) {
		return s.Fail("ClampedSwiGLU", tensor.Shape{dim(u, 0), dim(u, 1) / 2}, "u is %v, the limit %v; want (N, 2I), and above 0", u.Shape(), limit)
	}
	out, most := tensor.Shape{dim(u, 0), dim(u, 1) / 2}, float32(limit)
	layout := s.Layout(u)
	if layout.Sections != nil {
		if len(layout.Sections) > 1 || dim(u, 1)*s.Ranks().Size() != layout.Total() {
			return s.Fail("ClampedSwiGLU", out, "u, %v, is %v; want pairs divided evenly among ranks", u.Shape(), layout)
		}
		layout = graph.Cut(1, layout.Total()/2)
	}
	return s.Apply(graph.Op{
		Name:    "ClampedSwiGLU",
		RowWise: 1,
		Out:     out,
		Layout:  &layout,
		FLOPs:   14 * size(out),
		Run: func(a *graph.Args) error {
			u, y := a.Floats(0), a.Out(0)
			gates(a, y, u, most)
			kernel.Activate(kernel.QuickGELU, y, y)
			a.For(len(y), grain(1), func(lo, hi int) {
				for i := lo; i < hi; i++ {
					y[i] *= min(max(u[2*i+1], -most), most) + 1
				}
			})
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:    "ClampedSwiGLUGrad",
				Out:     u.Shape(),
				FLOPs:   30 * size(out),
				Scratch: []tensor.Shape{out, out},
				Run: func(a *graph.Args) error {
					clampedGrad(a, most)
					return nil
				},
			}, in[0], grad)}
		},
	}, u)
}

// gates sets out to the gates of u, clamped to at most most.
func gates(a *graph.Args, out, u []float32, most float32) {
	a.For(len(out), grain(1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] = min(u[2*i], most)
		}
	})
}

// clampedGrad computes the gradient of the alternating gates and ups.
func clampedGrad(a *graph.Args, most float32) {
	u, dy, du := a.Floats(0), a.Floats(1), a.Out(0)
	gate, slope := a.Scratch(0), a.Scratch(1)
	gates(a, gate, u, most)
	a.For(len(dy), grain(1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			slope[i] = dy[i] * (min(max(u[2*i+1], -most), most) + 1)
		}
	})
	kernel.ActivateGrad(kernel.QuickGELU, slope, gate, slope)
	kernel.Activate(kernel.QuickGELU, gate, gate)
	a.For(len(dy), grain(1), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			du[2*i], du[2*i+1] = 0, 0
			if u[2*i] <= most {
				du[2*i] = slope[i]
			}
			if up := u[2*i+1]; up >= -most && up <= most {
				du[2*i+1] = dy[i] * gate[i]
			}
		}
	})
}
