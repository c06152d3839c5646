package ops_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

func ExampleSiLU() {
	show(ops.SiLU, -2, 0, 3)
	// Output: (1, 3) [-0.238 0.000 2.858]
}

func ExampleSquaredReLU() {
	show(ops.SquaredReLU, -2, 0, 3)
	// Output: (1, 3) [0.000 0.000 9.000]
}

func ExampleQuickGELU() {
	show(ops.QuickGELU, -2, 0, 3)
	// Output: (1, 3) [-0.064 0.000 2.982]
}

func ExampleGELUErf() {
	show(ops.GELUErf, -2, 0, 3)
	// Output: (1, 3) [-0.046 0.000 2.996]
}

// A residual connection.
func ExampleAdd() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Add(s, x, ops.ReLU(s, x)) }, -2, 0, 3)
	// Output: (1, 3) [-2.000 0.000 6.000]
}

// The second position of a sequence gets the second row of the table.
func ExampleAddPositions() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		s.SetSequence(1, 2)                                        // as layers.Embedding does
		table := s.Param("wpe", graph.Ones(), 8, 2)                // (positions, C)
		return ops.AddPositions(s, ops.Reshape(s, x, 2, 2), table) // (B·T, C)
	}, 1, 2, 3, 4)
	// Output: (2, 2) [2.000 3.000 4.000 5.000]
}

// Sine and cosine of 0, then of 1.
func ExampleAddSinusoids() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		s.SetSequence(1, 2)
		return ops.AddSinusoids(s, ops.Reshape(s, x, 2, 2)) // (B·T, C)
	}, 0, 0, 0, 0)
	// Output: (2, 2) [0.000 1.000 0.841 0.540]
}

func ExampleSoftmax() {
	show(ops.Softmax, 1, 1, 1, 1)
	// Output: (1, 4) [0.250 0.250 0.250 0.250]
}

func ExampleLogSoftmax() {
	show(ops.LogSoftmax, 1, 1)
	// Output: (1, 2) [-0.693 -0.693]
}

func ExampleLogSumExp() {
	show(ops.LogSumExp, 1, 1)
	// Output: (1) [1.693]
}

// The last column is far larger than the others: normalization brings all of them to the same scale.
func ExampleLayerNorm() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.LayerNorm(s, x, s.Param("weight", graph.Ones(), 4), nil, 0) // (N, C)
	}, 1, 1, 1, 1001)
	// Output: (1, 4) [-0.577 -0.577 -0.577 1.732]
}

// Scores of two positions, the first of which does not see the second.
func ExampleCausalMask() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		scores := ops.Reshape(s, x, 1, 2, 2)                // (N, T, T)
		return ops.Softmax(s, ops.CausalMask(s, scores, 0)) // (N, T, T)
	}, 1, 1, 1, 1)
	// Output: (1, 2, 2) [1.000 0.000 0.500 0.500]
}

func ExampleBatchedMatMul() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		a := ops.Reshape(s, x, 2, 1, 2)                // two rows of two
		return ops.BatchedMatMul(s, a, a, false, true) // each times its transpose
	}, 1, 2, 3, 4)
	// Output: (2, 1, 1) [5.000 25.000]
}

func ExampleReshape() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Reshape(s, x, 2, 2) }, 1, 2, 3, 4)
	// Output: (2, 2) [1.000 2.000 3.000 4.000]
}

// Two heads of two columns, over a sequence of two positions.
func ExampleSplitHeads() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		s.SetSequence(1, 2)
		x = ops.Reshape(s, x, 2, 4)                     // (B·T, C)
		return ops.SplitHeads(s, ops.AllHeads(s, x, 2)) // (B·H, T, D)
	}, 1, 2, 3, 4, 5, 6, 7, 8)
	// Output: (2, 2, 2) [1.000 2.000 5.000 6.000 3.000 4.000 7.000 8.000]
}

func ExampleMergeHeads() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.MergeHeads(s, ops.Reshape(s, x, 2, 2, 1), 2) // (B·T, H·D)
	}, 1, 2, 3, 4)
	// Output: (2, 2) [1.000 3.000 2.000 4.000]
}

func ExampleAllHeads() {
	s := graph.New(graph.NewParams(1))
	h := ops.AllHeads(s, s.Floats("q", 8, 12), 3)
	fmt.Println(h.Count, "heads of", h.Size, "columns")
	// Output: 3 heads of 4 columns
}

// The columns of queries, keys and values in the output of GPT-2's c_attn, for a width of 12 and 3 heads.
func ExampleQKV() {
	s := graph.New(graph.NewParams(1))
	q, k, v := ops.QKV(s, s.Floats("qkv", 8, 36), 3, 3)
	fmt.Println(q.First, k.First, v.First, k.Size)
	// Output: 0 12 24 4
}

func ExampleComposedAttention() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(2, 4)
	q, k, v := ops.QKV(s, s.Floats("qkv", 8, 36), 3, 3)
	fmt.Println(ops.ComposedAttention(s, q, k, v, ops.AttentionOptions{}).Shape())
	// Output: (8, 12)
}

// Outside of training graphs, dropout is the identity.
func ExampleDropout() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.Dropout(s, x, 0.9) }, 1, 2, 3)
	// Output: (1, 3) [1.000 2.000 3.000]
}

// The two rows that belong to one question drop the same elements.
func ExampleDropoutShared() {
	s := graph.New(graph.NewParams(1), graph.Training())
	x := ops.DropoutShared(s, s.Floats("x", 6, 4), 0.1, 2)
	fmt.Println(x.Shape(), s.Err())
	// Output: (6, 4) <nil>
}

// A block without its branch: the residual stream passes unchanged, and the branch gets a gradient of zero.
func ExampleZero() {
	s := graph.New(graph.NewParams(1))
	x := s.Param("x", graph.Ones(), 1, 2)
	branch := ops.Scale(s, x, 5)
	p, err := s.CompileGrad(s.Node(G.Sum(ops.Add(s, x, ops.Zero(s, branch)))))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params().Get("x").GradData()) // of the stream alone
	// Output: [1 1]
}

// The gradient of x² with one factor detached is x, not 2x.
func ExampleDetach() {
	s := graph.New(graph.NewParams(1))
	x := s.Param("x", graph.Ones(), 1, 2)
	p, err := s.CompileGrad(s.Node(G.Sum(ops.Mul(s, x, ops.Detach(s, x)))))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Params().Get("x").GradData())
	// Output: [1 1]
}

// Two of eight states, so that only these are scored.
func ExamplePick() {
	s := graph.New(graph.NewParams(1))
	x := ops.Pick(s, s.Ints("rows", 2), s.Floats("x", 8, 12))
	fmt.Println(x.Shape())
	// Output: (2, 12)
}

// The loss of a language model with 50 tokens, without its logits (6, 50).
func ExampleLinearCrossEntropy() {
	s := graph.New(graph.NewParams(1))
	loss := ops.LinearCrossEntropy(s, s.Floats("x", 6, 4), s.Param("wte", graph.Normal(1), 50, 4), s.Ints("targets", 6))
	fmt.Println(loss.IsScalar(), s.Err())
	// Output: true <nil>
}

func ExampleWeightedLinearCrossEntropy() {
	s := graph.New(graph.NewParams(1))
	weights := s.Floats("weights", 6) // for example 1/3 for each of three answers, and 0 for prompts
	loss := ops.WeightedLinearCrossEntropy(s, s.Floats("x", 6, 4), s.Param("wte", graph.Normal(1), 50, 4), s.Ints("targets", 6), weights)
	fmt.Println(loss.IsScalar(), s.Err())
	// Output: true <nil>
}
