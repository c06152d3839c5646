package ops_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// variants are modifications of the scores of four heads, with or without sinks.
var variants = map[string]struct {
	o     ops.AttentionOptions
	sinks bool
}{
	"a cap":                  {ops.AttentionOptions{SoftCap: 0.8}, false},
	"slopes":                 {ops.AttentionOptions{Slopes: ops.ALiBi(4)}, false},
	"sinks":                  {ops.AttentionOptions{}, true},
	"sinks, in a window":     {ops.AttentionOptions{Window: 3}, true},
	"all, in a window":       {ops.AttentionOptions{Window: 4, SoftCap: 2, Slopes: ops.ALiBi(4), Scale: 0.9}, true},
	"a cap, in a window":     {ops.AttentionOptions{Window: 5, SoftCap: 3}, false},
	"slopes that go upwards": {ops.AttentionOptions{Slopes: []float64{-0.1, 0, 0.2, 3}}, false},
}

// variant declares attention with four query heads over x.
func variant(op attentionOp, x *G.Node, kv int, o ops.AttentionOptions, sinks bool) func(s *graph.Scope) *G.Node {
	return func(s *graph.Scope) *G.Node {
		if sinks {
			o.Sinks = s.Param("sinks", graph.Normal(1), 4)
		}
		batch, context := s.Sequence()
		if x == nil {
			x := s.Floats("x", batch*context, (4+2*kv)*3)
			q, k, v := ops.QKV(s, x, 4, kv)
			return op(s, q, k, v, o)
		}
		q, k, v := ops.QKV(s, x, 4, kv)
		return op(s, q, k, v, o)
	}
}

type attentionOp = func(s *graph.Scope, q, k, v ops.Heads, o ops.AttentionOptions) *G.Node

// TestVariantSlopes: gradients match finite differences for each variant, including those of sinks.
func TestVariantSlopes(t *testing.T) {
	for name, c := range variants {
		for _, kv := range []int{4, 2, 1} {
			for form, op := range map[string]attentionOp{"fused": ops.Attention, "composed": ops.ComposedAttention} {
				err := graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *G.Node {
					s.SetSequence(2, 6)
					return variant(op, nil, kv, c.o, c.sinks)(s)
				})
				if err != nil {
					t.Errorf("%s, %s, %d heads of keys: %v", name, form, kv, err)
				}
			}
		}
	}
}

// TestVariantPieces: pieces of sequences with different pasts get the same results as whole sequences, and in
// a seamless graph bit for bit the same.
func TestVariantPieces(t *testing.T) {
	for name, c := range variants {
		for _, options := range [][]graph.Option{nil, {graph.Seamless()}} {
			for _, kv := range []int{4, 1} {
				err := graph.CheckPieces(graph.PiecesCheck{Positions: 15, Options: options, Tolerance: 1e-5}, variant(ops.Attention, nil, kv, c.o, c.sinks))
				if err != nil {
					t.Errorf("%s, %d options: %v", name, len(options), err)
				}
			}
		}
	}
}

// TestVariants: the fused form matches the composed one over more than one block of keys, and gives the same
// bits if it is recomputed.
func TestVariants(t *testing.T) {
	const context = 300
	near := func(a, b float32) bool { return math.Abs(float64(a-b)) < tolWindow }
	for name, c := range variants {
		run := func(op attentionOp, options ...graph.Option) []float32 {
			params := graph.NewParams(7)
			s := graph.New(params, options...)
			s.SetSequence(1, context)
			x := s.Param("x", graph.Normal(1), context, 4*3*3)
			in := s.At("h.0")
			y := variant(op, ops.Scale(in, x, 1), 4, c.o, c.sinks)(in)
			p, err := s.CompileGrad(s.Node(G.Mean(s.Node(G.Square(y)))), y)
			if err != nil {
				t.Fatal(name, err)
			}
			defer p.Close()
			if err := p.RunGrad(context); err != nil { // gradients of elements of about 1
				t.Fatal(name, err)
			}
			all := slices.Clone(p.Value(y))
			for _, param := range params.All() {
				all = append(all, param.GradData()...)
			}
			return all
		}
		fused := run(ops.Attention)
		if composed := run(ops.ComposedAttention); !slices.EqualFunc(fused, composed, near) {
			t.Errorf("%s: other values or gradients than of small operations", name)
		}
		if again := run(ops.Attention, graph.Recompute("h.*")); !slices.Equal(fused, again) {
			t.Errorf("%s: computed again, other bits", name)
		}
	}
}

// TestNoVariant: a sink of −∞ has no effect, bit for bit, and a cap far above the scores changes only the last digits.
func TestNoVariant(t *testing.T) {
	values := func(o ops.AttentionOptions, sinks bool) []float32 {
		s := graph.New(graph.NewParams(1))
		s.SetSequence(1, 40)
		if sinks {
			o.Sinks = s.Param("sinks", graph.Zeros(), 4)
			if err := s.Params().Get("sinks").Adopt(slices.Repeat([]float32{float32(math.Inf(-1))}, 4)); err != nil {
				t.Fatal(err)
			}
		}
		data := make([]float32, 40*36)
		for i := range data {
			data[i] = float32(math.Sin(float64(i * i)))
		}
		return run(t, s, attend(s, s.Floats("x", 40, 36), 4, 4, o), data, nil)
	}
	plain := values(ops.AttentionOptions{}, false)
	if !slices.Equal(plain, values(ops.AttentionOptions{}, true)) {
		t.Error("sinks of −∞ change the result")
	}
	if capped := values(ops.AttentionOptions{SoftCap: 1e3}, false); !slices.EqualFunc(plain, capped, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-4 }) {
		t.Error("a cap of 1000 changes the result")
	}
}

func ExampleALiBi() {
	fmt.Println(ops.ALiBi(4))
	fmt.Printf("%.4f\n", ops.ALiBi(6))
	// Output:
	// [0.25 0.0625 0.015625 0.00390625]
	// [0.2500 0.0625 0.0156 0.0039 0.5000 0.1250]
}

func ExampleALiBiMPT() {
	fmt.Printf("%.4f\n", ops.ALiBiMPT(6, 8))
	// Output: [0.2500 0.0625 0.0156 0.0039 0.5000 0.1250]
}

func ExampleSoftCap() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.SoftCap(s, x, 30) }, -1, 30, 1000)
	// Output: (1, 3) [-1.000 22.848 30.000]
}

// Attention that may attend to nothing: its weights sum to less than 1.
func ExampleAttentionOptions() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 1)
	q, k, v := ops.QKV(s, s.Floats("qkv", 1, 3), 1, 1)
	y := ops.Attention(s, q, k, v, ops.AttentionOptions{Sinks: s.Param("sinks", graph.Zeros(), 1)}) // (B·T, C)
	p, err := s.Compile(y)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetFloats("qkv", []float32{0, 0, 8})
	fmt.Println(p.Run(), p.Value(y)) // the score and the sink are both 0, so this is half of 8
	// Output: <nil> [4]
}
