package layers_test

import (
	"fmt"
	"strings"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

func ExampleLinear() {
	params := graph.NewParams(1)
	s := graph.New(params)
	y := layers.Linear(s.At("c_fc"), s.Floats("x", 6, 4), 16, layers.Weights{})
	fmt.Println(y.Shape(), params.Names())
	// Output: (6, 16) [c_fc.weight c_fc.bias]
}

func ExampleLayerNorm() {
	params := graph.NewParams(1)
	s := graph.New(params)
	y := layers.LayerNorm(s.At("ln_f"), s.Floats("x", 6, 4), layers.Norm{NoBias: true})
	fmt.Println(y.Shape(), params.Names())
	// Output: (6, 4) [ln_f.weight]
}

func ExampleMLP() {
	params := graph.NewParams(1)
	s := graph.New(params)
	y := layers.MLP(s.At("mlp"), s.Floats("x", 6, 4), 16, ops.ReLU, layers.BranchWeights{NoBias: true})
	fmt.Println(y.Shape(), params.Names())
	// Output: (6, 4) [mlp.c_fc.weight mlp.c_proj.weight]
}

func ExampleAttention() {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.SetSequence(2, 8) // as layers.Embedding does for tokens (2, 8)
	y := layers.Attention(s.At("attn"), s.Floats("x", 2*8, 12), layers.AttentionConfig{Heads: 3, Window: 4})
	fmt.Println(y.Shape(), params.Names())
	// Output: (16, 12) [attn.c_attn.weight attn.c_attn.bias attn.c_proj.weight attn.c_proj.bias]
}

// The composed form has the same parameters and computes the same function.
func ExampleAttention_composed() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(2, 8)
	layers.Attention(s.At("attn"), s.Floats("x", 2*8, 12), layers.AttentionConfig{Heads: 3, Composed: true})
	for _, n := range s.Nodes() {
		if n.Op != "param" && n.Op != "input" {
			fmt.Println(n.Op, n.Shape)
		}
	}
	// Output:
	// Linear (16, 36)
	// Columns (16, 12)
	// SplitHeads (6, 8, 4)
	// SplitHeads (6, 8, 4)
	// BatchedMatMul (6, 8, 8)
	// Scale (6, 8, 8)
	// CausalMask (6, 8, 8)
	// Softmax (6, 8, 8)
	// SplitHeads (6, 8, 4)
	// BatchedMatMul (6, 8, 4)
	// MergeHeads (16, 12)
	// Linear (16, 12)
}

func ExampleEmbedding() {
	params := graph.NewParams(1)
	s := graph.New(params)
	tokens := s.Ints("tokens", 2, 8)                                       // (B, T)
	x, wte := layers.Embedding(s.At("wte"), tokens, 100, 12, graph.Init{}) // (B·T, C), (V, C)
	x = layers.LearnedPositions(s.At("wpe"), x, 32, graph.Init{})          // (B·T, C)
	fmt.Println(x.Shape(), wte.Shape(), params.Names())
	// Output: (16, 12) (100, 12) [wte.weight wpe.weight]
}

func ExampleLearnedPositions() {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.SetSequence(2, 8)
	x := layers.LearnedPositions(s.At("wpe"), s.Floats("x", 2*8, 12), 32, graph.Init{}) // (B·T, C)
	fmt.Println(x.Shape(), params.Get("wpe.weight").Shape())
	// Output: (16, 12) (32, 12)
}

func ExampleSinusoidalPositions() {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.SetSequence(2, 8)
	x := layers.SinusoidalPositions(s, s.Floats("x", 2*8, 12)) // (B·T, C)
	fmt.Println(x.Shape(), params.Count())
	// Output: (16, 12) 0
}

// A block is a single layer to edits: here the second of two is removed.
func ExampleBlock() {
	params := graph.NewParams(1)
	s := graph.New(params, graph.Remove("h.1"))
	x := s.Floats("x", 6, 4)
	for i := range 2 {
		x = layers.Block(s.At("h.%d", i), x, func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.Residual(s, x, layers.Linear(s.At("fc"), x, 4, layers.Weights{}), 0) // (N, C)
		})
	}
	fmt.Println(params.Names())
	// Output: [h.0.fc.weight h.0.fc.bias]
}

// A pre-norm branch: x + dropout(MLP(LayerNorm(x))).
func ExampleResidual() {
	s := graph.New(graph.NewParams(1), graph.Training())
	x := s.Floats("x", 6, 4)
	m := layers.MLP(s.At("mlp"), layers.LayerNorm(s.At("ln_2"), x, layers.Norm{}), 16, ops.GELU, layers.BranchWeights{}) // (N, C)
	x = layers.Residual(s.At("mlp"), x, m, 0.1)                                                                          // (N, C)
	fmt.Println(x.Shape(), s.Err())
	// Output: (6, 4) <nil>
}

// The smallest language model, a bigram model. The head shares the embedding.
func ExampleTiedLoss() {
	params := graph.NewParams(1)
	s := graph.New(params)
	x, wte := layers.Embedding(s.At("wte"), s.Ints("tokens", 1, 4), 10, 3, graph.Init{}) // (B·T, C)
	loss := layers.TiedLoss(s, x, wte, s.Ints("targets", 1, 4))                          // scalar
	p, err := s.CompileGrad(loss)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetInts("tokens", []int{1, 2, 3, 4})
	_ = p.SetInts("targets", []int{2, 3, 4, 5})
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f = log 10\n", p.Loss())
	// Output: 2.30 = log 10
}

func ExampleTiedHead() {
	s := graph.New(graph.NewParams(1))
	x, wte := layers.Embedding(s.At("wte"), s.Ints("tokens", 1, 4), 10, 3, graph.Init{}) // (B·T, C), (V, C)
	fmt.Println(layers.TiedHead(s, x, wte).Shape())                                      // (B·T, V)
	// Output: (4, 10)
}

func ExampleHead() {
	params := graph.NewParams(1)
	s := graph.New(params)
	logits := layers.Head(s.At("lm_head"), s.Floats("x", 4, 3), 10, graph.Init{})
	fmt.Println(logits.Shape(), params.Names())
	// Output: (4, 10) [lm_head.weight]
}

func ExampleHeadLoss() {
	params := graph.NewParams(1)
	s := graph.New(params)
	loss := layers.HeadLoss(s.At("lm_head"), s.Floats("x", 4, 3), s.Ints("targets", 4), 10, graph.Init{})
	fmt.Println(loss.IsScalar(), params.Names())
	// Output: true [lm_head.weight]
}

// A custom activation made of Gorgonia's operations is differentiated like any other.
func ExampleActivation() {
	squaredReLU := func(s *graph.Scope, x *G.Node) *G.Node {
		return s.Node(G.Square(ops.ReLU(s, x)))
	}
	s := graph.New(graph.NewParams(1))
	y := layers.MLP(s.At("mlp"), s.Floats("x", 6, 4), 16, squaredReLU, layers.BranchWeights{})
	_, err := s.CompileGrad(s.Node(G.Mean(y)))
	fmt.Println(y.Shape(), err)
	// Output: (6, 4) <nil>
}

// Weights are initialized as in GPT-1, or as given.
func ExampleWeights() {
	params := graph.NewParams(1)
	s := graph.New(params)
	x := s.Floats("x", 6, 2)
	layers.Linear(s.At("a"), x, 2, layers.Weights{Init: graph.Ones()})
	layers.Linear(s.At("b"), x, 2, layers.Weights{Init: graph.Normal(0.5)})
	fmt.Println(params.Get("a.weight").Data(), params.Get("a.bias").Data())
	fmt.Println(params.Get("b.weight").Data()[0] != 0)
	// Output:
	// [1 1 1 1] [0 0]
	// true
}

// The head of a task: scores of three classes for each of two states.
func ExampleClassifier() {
	params := graph.NewParams(1)
	s := graph.New(params)
	scores := layers.Classifier(s.At("classifier"), s.Floats("x", 2, 4), 3, 1, 0, layers.Weights{})
	fmt.Println(scores.Shape(), params.Names())
	// Output: (2, 3) [classifier.weight classifier.bias]
}

func ExampleDense() {
	params := graph.NewParams(1)
	s := graph.New(params)
	y := layers.Dense(s.At("up_proj"), s.Floats("x", 6, 4), 16, layers.Weights{NoBias: true})
	fmt.Println(y.Shape(), params.Names(), params.Get("up_proj.weight").Shape())
	// Output: (6, 16) [up_proj.weight] (16, 4)
}

func ExampleRMSNorm() {
	params := graph.NewParams(1)
	s := graph.New(params)
	y := layers.RMSNorm(s.At("input_layernorm"), s.Floats("x", 6, 4), layers.RMS{Epsilon: 1e-6})
	fmt.Println(y.Shape(), params.Names())
	// Output: (6, 4) [input_layernorm.weight]
}

// SwiGLU, as in Llama.
func ExampleGatedMLP() {
	params := graph.NewParams(1)
	s := graph.New(params)
	y := layers.GatedMLP(s.At("mlp"), s.Floats("x", 6, 4), 11, ops.SiLU, layers.BranchWeights{NoBias: true})
	fmt.Println(y.Shape(), params.Names())
	// Output: (6, 4) [mlp.gate_proj.weight mlp.up_proj.weight mlp.down_proj.weight]
}

// Llama's attention: four projections, grouped queries, and rotary positions, which are applied between the
// projections and the core.
func ExampleAttentionConfig() {
	params := graph.NewParams(1)
	s := graph.New(params)
	x, _ := layers.Embedding(s.At("embed_tokens"), s.Ints("tokens", 2, 8), 100, 16, graph.Init{}) // (B·T, C)
	y := layers.Attention(s.At("self_attn"), x, layers.AttentionConfig{
		Heads: 4, KVHeads: 2, Separate: true, Weights: layers.BranchWeights{NoBias: true},
		Between: func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
			o := ops.RotaryOptions{Theta: 10000}
			return ops.Rotary(s, q, 4, o), ops.Rotary(s, k, 2, o)
		},
	}) // (B·T, C)
	fmt.Println(y.Shape(), params.Get("self_attn.k_proj.weight").Shape(), s.Err())
	// Output: (16, 16) (8, 16) <nil>
}

// A banded layer, like every other layer of GPT-3: a position sees 16 positions, including itself. Scores
// outside the band are not computed.
func ExampleAttentionConfig_banded() {
	s := graph.New(graph.NewParams(1))
	x, _ := layers.Embedding(s.At("wte"), s.Ints("tokens", 2, 64), 100, 32, graph.Init{}) // (B·T, C)
	layers.Attention(s.At("h.0.attn"), x, layers.AttentionConfig{Heads: 4})
	layers.Attention(s.At("h.1.attn"), x, layers.AttentionConfig{Heads: 4, Window: 16})
	for _, n := range s.Nodes() {
		if strings.HasSuffix(n.Op, "Attention") {
			fmt.Println(n.Path, n.Op, n.FLOPs)
		}
	}
	// Output:
	// h.0.attn Attention 524288
	// h.1.attn BandedAttention 231424
}
