package graph_test

import (
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// One function declares a model. It is called once for each use, with the same store of parameters.
func ExampleScope_Compile() {
	params := graph.NewParams(1)
	for _, rows := range []int{1, 3} {
		s := graph.New(params)
		x := s.Floats("x", rows, 2)
		y := layers.Linear(s.At("fc"), x, 4, layers.Weights{Init: graph.Ones()}) // (rows, 4)
		p, err := s.Compile(y)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6}[:2*rows]); err != nil {
			fmt.Println(err)
			return
		}
		if err := p.Run(); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(y.Shape(), p.Value(y))
	}
	fmt.Println(params.Names(), params.Count())
	// Output:
	// (1, 4) [3 3 3 3]
	// (3, 4) [3 3 3 3 7 7 7 7 11 11 11 11]
	// [fc.weight fc.bias] 12
}

// The first error sticks, and names the place.
func ExampleScope_Err() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(2, 4)
	x := layers.Linear(s.At("h.3.attn.c_attn"), s.Floats("x", 8, 10), 30, layers.Weights{}) // (8, 30)
	q, k, v := ops.QKV(s.At("h.3.attn"), x, 3, 3)
	x = ops.Attention(s.At("h.3.attn"), q, k, v, ops.AttentionOptions{})
	ops.GELU(s, x)
	fmt.Println(s.Err())
	// Output: h.3.attn: QKV: qkv is (8, 30); want (B·T, a multiple of 9) for 3 heads of queries, 3 of keys and 3 of values
}

// Every node has a path and a cost.
func ExampleScope_Nodes() {
	s := graph.New(graph.NewParams(1))
	layers.MLP(s.At("mlp"), s.Floats("x", 8, 16), 64, ops.GELU, layers.BranchWeights{})
	for _, n := range s.Nodes() {
		fmt.Printf("%-18s %-7s %-9s %6d FLOPs %5d bytes\n", n.Path, n.Op, fmt.Sprint(n.Shape), n.FLOPs, n.Bytes)
	}
	// Output:
	// x                  input   (8, 16)        0 FLOPs   512 bytes
	// mlp.c_fc.weight    param   (16, 64)       0 FLOPs  4096 bytes
	// mlp.c_fc.bias      param   (64)           0 FLOPs   256 bytes
	// mlp.c_fc           Linear  (8, 64)    16384 FLOPs  2048 bytes
	// mlp.act            GELU    (8, 64)     7680 FLOPs  2048 bytes
	// mlp.c_proj.weight  param   (64, 16)       0 FLOPs  4096 bytes
	// mlp.c_proj.bias    param   (16)           0 FLOPs    64 bytes
	// mlp.c_proj         Linear  (8, 16)    16384 FLOPs   512 bytes
}

// A store declares a parameter once; declaring it again returns the same parameter.
func ExampleParams() {
	params := graph.NewParams(1)
	for range 2 {
		s := graph.New(params)
		layers.Linear(s.At("fc"), s.Floats("x", 1, 2), 3, layers.Weights{Init: graph.Normal(0.02)})
	}
	for _, p := range params.All() {
		fmt.Println(p.Name(), p.Shape(), p.Size())
	}
	// Output:
	// fc.weight (2, 3) 6
	// fc.bias (3) 3
}

// A program with a loss runs forward and backward; gradients accumulate until they are cleared.
func ExampleProgram() {
	params := graph.NewParams(1)
	s := graph.New(params)
	x, targets := s.Floats("x", 1, 2), s.Ints("targets", 1)
	logits := layers.Linear(s.At("fc"), x, 2, layers.Weights{Init: graph.Zeros(), NoBias: true}) // (1, 2)
	p, err := s.CompileGrad(ops.CrossEntropy(s.At("loss"), logits, targets))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := errors.Join(p.SetFloats("x", []float32{1, 2}), p.SetInts("targets", []int{1})); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		if err := p.RunGrad(1); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%.4f %v\n", p.Loss(), params.Get("fc.weight").GradData())
	}
	// Output:
	// 0.6931 [0.5 -0.5 1 -1]
	// 0.6931 [1 -1 2 -2]
}

// A differentiated graph has more nodes than were declared.
func ExampleNode() {
	s := graph.New(graph.NewParams(1))
	x, targets := s.Floats("x", 4, 2), s.Ints("targets", 4)
	logits := layers.Linear(s.At("fc"), x, 3, layers.Weights{NoBias: true}) // (4, 3)
	p, err := s.CompileGrad(ops.CrossEntropy(s.At("loss"), logits, targets))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for _, n := range p.Nodes() {
		fmt.Println(n.ID, n.Path, n.Op, n.Shape, n.Inputs, n.Grad)
	}
	// Output:
	// 0 x input (4, 2) [] false
	// 1 targets input (4) [] false
	// 2 fc.weight param (2, 3) [] false
	// 3 fc Linear (4, 3) [0 2] false
	// 4 loss CrossEntropy () [3 1] false
	// 5  const 1 () [] true
	// 6 loss CrossEntropyGrad (4, 3) [3 1 5] true
	// 7 fc LinearGradW (2, 3) [0 6] true
}

func ExampleInit() {
	fmt.Println(graph.Normal(0.02), graph.Zeros(), graph.Ones())
	params := graph.NewParams(1)
	gain, err := params.Declare("ln.weight", graph.Ones(), 3)
	fmt.Println(gain.Data(), err)
	// Output:
	// N(0, 0.02) 0 1
	// [1 1 1] <nil>
}
