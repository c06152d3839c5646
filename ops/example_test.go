package ops_test

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// show runs an operation over x, a matrix (1, N), and prints the result.
func show(op func(s *graph.Scope, x *G.Node) *G.Node, x ...float32) {
	s := graph.New(graph.NewParams(1))
	y := op(s, s.Floats("x", 1, len(x)))
	p, err := s.Compile(y)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.SetFloats("x", x); err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Run(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v %.3f\n", y.Shape(), p.Value(y))
}

func ExampleReLU() {
	show(ops.ReLU, -2, 0, 3)
	// Output: (1, 3) [0.000 0.000 3.000]
}

func ExampleGELU() {
	show(ops.GELU, -2, 0, 3)
	// Output: (1, 3) [-0.045 0.000 2.996]
}

func ExampleScale() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, 0.5) }, -2, 0, 3)
	// Output: (1, 3) [-1.000 0.000 1.500]
}

func ExampleLinear() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		w := s.Param("weight", graph.Ones(), 3, 2) // (3, 2)
		return ops.Linear(s, x, w, nil)            // (1, 2)
	}, 1, 2, 3)
	// Output: (1, 2) [6.000 6.000]
}

func ExampleProject() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		table := s.Param("weight", graph.Ones(), 4, 3) // (V, C)
		return ops.Project(s, x, table)                // (1, V)
	}, 1, 2, 3)
	// Output: (1, 4) [6.000 6.000 6.000 6.000]
}

func ExampleEmbed() {
	s := graph.New(graph.NewParams(1))
	table := s.Param("weight", graph.Normal(0.02), 50, 8) // (V, C)
	x := ops.Embed(s, s.Ints("tokens", 2, 3), table)      // (B·T, C)
	fmt.Println(x.Shape(), s.Err())
	// Output: (6, 8) <nil>
}

// Four equally likely tokens: the loss is ln 4.
func ExampleCrossEntropy() {
	s := graph.New(graph.NewParams(1))
	logits := s.Param("logits", graph.Zeros(), 1, 4) // (N, V)
	loss := ops.CrossEntropy(s, logits, s.Ints("targets", 1))
	p, err := s.CompileGrad(loss)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetInts("targets", []int{2})
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f %.2f\n", p.Loss(), s.Params().Get("logits").GradData())
	// Output: 1.3863 [0.25 0.25 -0.75 0.25]
}

// How much each of two positions attends to each position, in one head. Their keys are equal.
func ExampleAttentionWeights() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 2)
	weights := ops.AttentionWeights(s, ops.AllHeads(s, s.Floats("q", 2, 2), 1), ops.AllHeads(s, s.Floats("k", 2, 2), 1), ops.AttentionOptions{}) // (B·H, T, T)
	p, err := s.Compile(weights)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetFloats("q", make([]float32, 4))
	_ = p.SetFloats("k", make([]float32, 4))
	if err := p.Run(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Value(weights))
	// Output: [1 0 0.5 0.5]
}

func ExampleSigmoid() {
	show(ops.Sigmoid, -2, 0, 3)
	// Output: (1, 3) [0.119 0.500 0.953]
}

func ExampleMul() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Mul(s, x, x) }, -2, 0, 3)
	// Output: (1, 3) [4.000 0.000 9.000]
}

func ExampleMulRow() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		gain := s.Param("gain", graph.Ones(), 3) // (C)
		return ops.MulRow(s, x, gain)            // (N, C)
	}, -2, 0, 3)
	// Output: (1, 3) [-2.000 0.000 3.000]
}

func ExampleAddRow() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.AddRow(s, x, s.Param("bias", graph.Ones(), 3)) }, -2, 0, 3)
	// Output: (1, 3) [-1.000 1.000 4.000]
}

// Subtracting from each row the logarithm of the sum of its exponentials gives LogSoftmax.
func ExampleAddColumn() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		total := ops.LogSumExp(s, x)                        // (N)
		return ops.AddColumn(s, x, ops.Scale(s, total, -1)) // (N, C)
	}, 1, 1, 1)
	// Output: (1, 3) [-1.099 -1.099 -1.099]
}

func ExampleMulColumn() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.MulColumn(s, x, s.Param("factors", graph.Ones(), 1))
	}, -2, 0, 3)
	// Output: (1, 3) [-2.000 0.000 3.000]
}

func ExampleColumns() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Columns(s, x, 1, 2) }, -2, 0, 3)
	// Output: (1, 2) [0.000 3.000]
}

func ExampleConcat() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Concat(s, x, ops.Scale(s, x, 2)) }, -2, 0, 3)
	// Output: (1, 6) [-2.000 0.000 3.000 -4.000 0.000 6.000]
}

func ExampleDense() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		w := s.Param("weight", graph.Ones(), 2, 3) // (M, K)
		return ops.Dense(s, x, w, nil)             // (1, M)
	}, 1, 2, 3)
	// Output: (1, 2) [6.000 6.000]
}

func ExampleRMSNorm() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.RMSNorm(s, x, s.Param("weight", graph.Ones(), 2), 0) // (1, C)
	}, 1, 7)
	// Output: (1, 2) [0.200 1.400]
}

// A sequence of two positions: the second is rotated by a quarter turn.
func ExampleRotary() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 2)
	x := s.Param("x", graph.Ones(), 2, 2)
	y := ops.Rotary(s, x, 1, ops.RotaryOptions{Frequencies: []float64{math.Pi / 2}}) // (B·T, H·D)
	p, err := s.Compile(y)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.Run(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f\n", p.Value(y))
	// Output: [1.0 1.0 -1.0 1.0]
}

// Four query heads share two heads of keys and values. All are in one matrix.
func ExampleAttention() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(2, 8)                                          // as layers.Embedding does for tokens (2, 8)
	q, k, v := ops.QKV(s, s.Floats("qkv", 2*8, (4+2+2)*3), 4, 2) // heads of 3 columns
	y := ops.Attention(s, q, k, v, ops.AttentionOptions{Window: 4})
	fmt.Println(y.Shape(), s.Err())
	// Output: (16, 12) <nil>
}
