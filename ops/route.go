package ops

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Routes says where the picks of tokens go: to rows of a buffer (N·K, ·) that is sorted by expert.
type Routes struct {
	Slots *G.Node // (N, K): the row of the buffer, or −1 for a pick without one
	Ends  *G.Node // (E): where each expert's rows end; rows after the last are empty
}

// Capacity bounds the rows of an expert. The zero value has no bound.
type Capacity struct {
	Rows        int // that an expert takes in all
	PerSequence int // that it takes from each sequence, in the order of its positions, as in transformers' Switch
}

// Route sorts the picks (N, K) of tokens by expert. If an expert has no room for all tokens that picked it, all
// first choices come before all second ones, and equal choices come in the order of the tokens (Lepikhin et al.
// 2020, GShard, §2.2); the rest get no row. A negative pick is not a pick.
func Route(s *graph.Scope, picks *G.Node, experts int, c Capacity) Routes {
	picks = s.Require("Route", "picks", picks)
	switch {
	case !isMatrix(picks) || experts < 1:
		s.Fail("Route", picks.Shape(), "picks are %v among %d experts; want (N, K) among 1 or more", picks.Shape(), experts)
	case c.Rows < 0 || c.PerSequence < 0:
		s.Fail("Route", picks.Shape(), "a capacity of %d rows, %d a sequence; want 1 or more, or 0 for no bound", c.Rows, c.PerSequence)
	case size(picks.Shape()) > 1<<24:
		s.Fail("Route", picks.Shape(), "picks are %v; want at most 2^24 in all", picks.Shape())
	}
	rows, k, context, rowWise := dim(picks, 0), dim(picks, 1), dim(picks, 0), 1
	if c.PerSequence > 0 {
		if _, t, failed := sequences(s, "Route", picks.Shape(), picks); failed == nil {
			context = t
		}
	}
	if c != (Capacity{}) {
		rowWise = 0
	}
	nodes := s.ApplyAll(graph.Op{
		Name:     "Route",
		RowWise:  rowWise,
		Out:      tensor.Shape{rows, k},
		Extra:    []tensor.Shape{{experts}},
		Scratch:  []tensor.Shape{{experts}},
		Detached: true,
		Run: func(a *graph.Args) error {
			picks, slots, ends, counts := a.Floats(0), a.Out(0), a.Out(1), a.Scratch(0)
			clear(ends)
			c.admit(picks, slots, ends, counts, k, context)
			total := float32(0)
			for e, n := range ends { // n is a count so far
				counts[e] = total
				total += n
				ends[e] = total
			}
			for j := range k {
				for i := j; i < len(slots); i += k {
					if slots[i] >= 0 {
						e := int(picks[i])
						slots[i] = counts[e]
						counts[e]++
					}
				}
			}
			return nil
		},
	}, picks)
	return Routes{Slots: nodes[0], Ends: nodes[1]}
}

// admit sets slots to 0 for the picks that get a row and to −1 for the others, and sets counts to the number of
// rows of each expert. room is scratch space of the same length as counts.
func (c Capacity) admit(picks, slots, counts, room []float32, k, context int) {
	whole, sequence := float32(math.Inf(1)), float32(math.Inf(1))
	if c.Rows > 0 {
		whole = float32(c.Rows)
	}
	if c.PerSequence > 0 {
		sequence = float32(c.PerSequence)
	}
	admit := func(first, last, j int) {
		for n := first; n < last; n++ {
			i := n*k + j
			slots[i] = -1
			if e := int(picks[i]); e >= 0 && counts[e] < whole && room[e] < sequence {
				slots[i] = 0
				counts[e]++
				room[e]++
			}
		}
	}
	if c.PerSequence == 0 {
		clear(room)
		for j := range k {
			admit(0, len(picks)/k, j)
		}
		return
	}
	for first := 0; first < len(picks)/k; first += context {
		clear(room)
		for j := range k {
			admit(first, first+context, j)
		}
	}
}

// Dispatch copies each row of x (N, C) to the rows of the buffer (N·K, C) that its picks go to. All other rows
// are 0.
func Dispatch(s *graph.Scope, x *G.Node, r Routes) *G.Node {
	x, slots := s.Require("Dispatch", "x", x), s.Require("Dispatch", "the routes", r.Slots)
	k := dim(slots, 1)
	if !isMatrix(x) || dim(slots, 0) != x.Shape()[0] {
		return s.Fail("Dispatch", tensor.Shape{dim(slots, 0) * k, dim(x, 1)}, "x is %v, the routes are of %v; want (N, C) and (N, K)", x.Shape(), slots.Shape())
	}
	rows, width := x.Shape()[0], x.Shape()[1]
	return s.Apply(graph.Op{
		Name:    "Dispatch",
		RowWise: 3,
		Out:     tensor.Shape{rows * k, width},
		Run: func(a *graph.Args) error {
			clearRest(a.Out(0), a.Floats(2), width)
			kernel.Dispatch(a.Out(0), a.Floats(0), a.Floats(1), k, width)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{
				Name:  "DispatchGrad",
				Out:   x.Shape(),
				FLOPs: size(x.Shape()) * int64(k),
				Run: func(a *graph.Args) error {
					kernel.Combine(a.Out(0), a.Floats(1), a.Floats(0), nil, k, width)
					return nil
				},
			}, in[1], grad), zerosLike(s, in[1]), zerosLike(s, in[2])}
		},
	}, x, slots, r.Ends)
}

// Combine brings the rows of a buffer y (N·K, C) back to their tokens: each token gets the sum of the rows of
// its picks times their weights (N, K), in the order of the picks. A pick without a row adds nothing.
func Combine(s *graph.Scope, y, weights *G.Node, r Routes) *G.Node {
	y, weights, slots := s.Require("Combine", "y", y), s.Require("Combine", "weights", weights), s.Require("Combine", "the routes", r.Slots)
	k := dim(slots, 1)
	if !isMatrix(y) || dim(y, 0) != dim(slots, 0)*k || !isMatrix(weights) || !weights.Shape().Eq(slots.Shape()) {
		return s.Fail("Combine", tensor.Shape{dim(slots, 0), dim(y, 1)}, "y is %v, weights %v, the routes are of %v; want (N·K, C) and (N, K) twice", y.Shape(), weights.Shape(), slots.Shape())
	}
	width := y.Shape()[1]
	out := tensor.Shape{dim(slots, 0), width}
	flops := 2 * size(y.Shape())
	return s.Apply(graph.Op{
		Name:    "Combine",
		RowWise: 4,
		Out:     out,
		FLOPs:   flops,
		Run: func(a *graph.Args) error {
			kernel.Combine(a.Out(0), a.Floats(0), a.Floats(2), a.Floats(1), k, width)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{
				s.Apply(graph.Op{
					Name:  "CombineGradY",
					Out:   y.Shape(),
					FLOPs: size(y.Shape()),
					Run: func(a *graph.Args) error {
						clearRest(a.Out(0), a.Floats(2), width)
						kernel.CombineGrad(a.Out(0), nil, a.Floats(3), nil, a.Floats(1), a.Floats(0), k, width)
						return nil
					},
				}, in[1], in[2], in[3], grad),
				s.Apply(graph.Op{
					Name:  "CombineGradWeights",
					Out:   weights.Shape(),
					FLOPs: flops,
					Run: func(a *graph.Args) error {
						kernel.CombineGrad(nil, a.Out(0), a.Floats(2), a.Floats(0), a.Floats(1), nil, k, width)
						return nil
					},
				}, in[0], in[2], grad),
				zerosLike(s, in[2]), zerosLike(s, in[3]),
			}
		},
	}, y, weights, slots, r.Ends)
}

// clearRest clears the rows of a buffer that belong to no expert.
func clearRest(buffer, ends []float32, width int) { clear(buffer[int(ends[len(ends)-1])*width:]) }
