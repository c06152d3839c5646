package ops_test

import (
	"fmt"

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

// Four tokens that are equally likely: the loss is ln 4.
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

// How much each of two positions attends to each, by one head: nothing tells them apart.
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
