package gpt2_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
)

// The largest GPT-2 is declared and its parameters are counted, without allocating a weight.
func ExampleConfig_Body() {
	for _, size := range gpt2.Sizes() {
		if size.Name != "gpt2-xl" {
			continue
		}
		params := graph.NewParams(1)
		s := graph.New(params)
		logits := models.Logits(size.Model, s, s.Ints("tokens", 1, 1024))
		fmt.Println(logits.Shape(), params.Count(), params.Get("h.47.attn.c_attn.weight").Shape())
	}
	// Output: (1024, 50257) 1557611200 (1600, 4800)
}

// A training step: one program runs the model forward and backward.
func Example_loss() {
	c := gpt2.New(256, 32, 16, 2, 4)
	params := graph.NewParams(1)
	s := graph.New(params, graph.Training())
	loss := models.Loss(c, s, s.Ints("tokens", 1, 3), s.Ints("targets", 1, 3))
	p, err := s.CompileGrad(loss)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetInts("tokens", []int{71, 111, 112})
	_ = p.SetInts("targets", []int{111, 112, 104})
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f\n", p.Loss())
	fmt.Println(len(params.Get("h.1.mlp.c_fc.weight").GradData()))
	// Output:
	// 5.5
	// 1024
}

// A configuration with another block: attention and MLP in parallel after one norm, with squared ReLU, as in
// later models, and fixed positions. It can be trained like any other: [train.Trainer] needs only Loss.
func Example_yourOwn() {
	squaredReLU := func(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Square(ops.ReLU(s, x))) }

	loss := func(s *graph.Scope, tokens, targets *G.Node) *G.Node {
		x, wte := layers.Embedding(s.At("wte"), tokens, 256, 48, graph.Init{}) // (B·T, C), (V, C)
		x = layers.SinusoidalPositions(s, x)                                   // (B·T, C)
		for i := range 2 {
			s := s.At("h.%d", i)
			n := layers.LayerNorm(s.At("ln"), x, layers.Norm{})                       // (B·T, C)
			a := layers.Attention(s.At("attn"), n, layers.AttentionConfig{Heads: 4})  // (B·T, C)
			m := layers.MLP(s.At("mlp"), n, 192, squaredReLU, layers.BranchWeights{}) // (B·T, C)
			x = ops.Add(s, x, ops.Add(s, a, m))                                       // (B·T, C)
		}
		return layers.TiedLoss(s, layers.LayerNorm(s.At("ln_f"), x, layers.Norm{}), wte, targets)
	}

	params := graph.NewParams(1)
	s := graph.New(params)
	p, err := s.CompileGrad(loss(s, s.Ints("tokens", 8, 64), s.Ints("targets", 8, 64)))
	if err != nil {
		fmt.Println(err)
		return
	}
	total := graph.Sum(p.Nodes())
	fmt.Println(total.Nodes, "nodes,", total.Params, "parameters")
	// Output: 99 nodes, 68736 parameters
}
