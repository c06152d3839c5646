package ops_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// tolWindow bounds the difference of values and gradients of about 1 that are summed in a different order.
const tolWindow = 1e-5

// windowed runs attention over sequences and returns its values and the gradient of qkv, from a loss that
// weights every element differently.
func windowed(t *testing.T, op func(*graph.Scope, ops.Heads, ops.Heads, ops.Heads, ops.AttentionOptions) *G.Node, context, heads, kv, size int, o ops.AttentionOptions, options ...graph.Option) (values, grads []float32) {
	t.Helper()
	const batch = 2
	params := graph.NewParams(7)
	s := graph.New(params, append(options, graph.Training())...)
	s.SetSequence(batch, context)
	x := s.Param("x", graph.Normal(1), batch*context, (heads+2*kv)*size)
	in := s.At("h.0")
	q, k, v := ops.QKV(in, ops.Scale(in, x, 1), heads, kv)
	y := op(in, q, k, v, o)
	y = ops.Mul(s, y, s.Param("weights", graph.Normal(1), batch*context, heads*size))
	p, err := s.CompileGrad(s.Node(G.Sum(y)), y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y)), slices.Clone(params.Get("x").GradData())
}

// TestWindow: attention in a window matches the composed form in both passes and gives the same bits if it is
// recomputed; with a window as long as the context, it gives the bits of attention without a window.
func TestWindow(t *testing.T) {
	near := func(a, b float32) bool { return math.Abs(float64(a-b)) < tolWindow }
	for _, context := range []int{1, 9, 150} {
		for _, c := range []struct{ heads, kv int }{{2, 2}, {4, 2}, {3, 1}} {
			dense, ddense := windowed(t, ops.Attention, context, c.heads, c.kv, 4, ops.AttentionOptions{})
			for _, window := range []int{1, 4, 5, 40, context - 1, context, context + 1, math.MaxInt} {
				if window < 1 {
					continue
				}
				what := fmt.Sprintf("%d positions, %d/%d heads, window %d", context, c.heads, c.kv, window)
				o := ops.AttentionOptions{Window: window}
				got, dgot := windowed(t, ops.Attention, context, c.heads, c.kv, 4, o)
				want, dwant := windowed(t, ops.ComposedAttention, context, c.heads, c.kv, 4, o)
				if !slices.EqualFunc(got, want, near) || !slices.EqualFunc(dgot, dwant, near) {
					t.Errorf("%s: other values or gradients than of small operations", what)
				}
				again, dagain := windowed(t, ops.Attention, context, c.heads, c.kv, 4, o, graph.Recompute("h.*"))
				if !slices.Equal(got, again) || !slices.Equal(dgot, dagain) {
					t.Errorf("%s: computed again, other bits", what)
				}
				if same := slices.Equal(got, dense) && slices.Equal(dgot, ddense); same != (window >= context) {
					t.Errorf("%s: the bits of no window are %v", what, same)
				}
			}
		}
	}
}

// TestWindowDropout: a window drops the same weights when it is recomputed, and the same as without a window.
func TestWindowDropout(t *testing.T) {
	o := ops.AttentionOptions{Window: 4, Dropout: 0.3}
	got, dgot := windowed(t, ops.Attention, 20, 2, 2, 4, o)
	again, dagain := windowed(t, ops.Attention, 20, 2, 2, 4, o, graph.Recompute("h.*"))
	if !slices.Equal(got, again) || !slices.Equal(dgot, dagain) {
		t.Error("computed again, other bits")
	}
	o.Window = 20
	whole, dwhole := windowed(t, ops.Attention, 20, 2, 2, 4, o)
	o.Window = 0
	if dense, ddense := windowed(t, ops.Attention, 20, 2, 2, 4, o); !slices.Equal(whole, dense) || !slices.Equal(dwhole, ddense) {
		t.Error("in a window of all positions, other bits than without one")
	}
}

// TestWindowSlopes: gradients match finite differences.
func TestWindowSlopes(t *testing.T) {
	for _, window := range []int{1, 4, 5, 9} {
		err := graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			s.SetSequence(1, 9)
			return attend(s, s.Floats("x", 9, 16), 2, 1, ops.AttentionOptions{Window: window})
		})
		if err != nil {
			t.Errorf("window %d: %v", window, err)
		}
	}
}

// TestWindowPieces: sequences with different pasts, longer than several windows, get the same results as whole
// sequences, in pieces of any length that often end in padding; the cache holds only as many positions as the window.
func TestWindowPieces(t *testing.T) {
	const batch, context, heads, size = 3, 41, 4, 3
	for _, kv := range []int{4, 2, 1} {
		for _, window := range []int{1, 4, 5, 8, 41, 50} {
			width := (heads + 2*kv) * size
			params, o := graph.NewParams(1), ops.AttentionOptions{Window: window}
			random := rand.New(rand.NewPCG(uint64(window), uint64(kv)))
			data := make([]float32, batch*context*width)
			for i := range data {
				data[i] = float32(random.NormFloat64())
			}
			s := graph.New(params)
			s.SetSequence(batch, context)
			want := run(t, s, attend(s, s.Floats("x", batch*context, width), heads, kv, o), data, nil)
			memory, past := graph.NewCache(batch, context), make([]int, batch)
			for range 25 {
				n := 1 + random.IntN(min(12, context-slices.Max(past)))
				s := graph.New(params, graph.Incremental(memory))
				s.SetSequence(batch, n)
				y := attend(s, s.Floats("x", batch*n, width), heads, kv, o)
				piece, counts := make([]float32, batch*n*width), make([]int, batch)
				for i := range piece {
					piece[i] = 50
				}
				for b := range batch {
					counts[b] = 1 + random.IntN(n)
					copy(piece[b*n*width:], data[(b*context+past[b])*width:][:counts[b]*width])
				}
				memory.Count(counts)
				got := run(t, s, y, piece, past)
				for b, count := range counts {
					from := (b*context + past[b]) * heads * size
					for i, v := range got[b*n*heads*size:][:count*heads*size] {
						if !(math.Abs(float64(v-want[from+i])) < tolPieces) {
							t.Fatalf("window %d, %d heads of keys: sequence %d, positions %d to %d of %d: element %d is %v, of the whole %v", window, kv, b, past[b], past[b]+count-1, n, i, v, want[from+i])
						}
					}
					if past[b] += count; past[b] == context {
						past[b] = 0 // the next sequence takes its place
					}
				}
			}
			if got, want := memory.Bytes(), int64(4*batch*min(window, context)*2*kv*size); got != want {
				t.Errorf("window %d: %d bytes, want %d", window, got, want)
			}
		}
	}
}
