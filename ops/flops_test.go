package ops_test

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestFLOPs: what each op counts, forward and in its gradients, for N = 6 rows (2 sequences of 3), C = 4
// columns and V = 5. A multiply-add counts as two.
func TestFLOPs(t *testing.T) {
	const n, c, v = 6, 4, 5
	x := func(s *graph.Scope) *G.Node { return s.Param("x", graph.Normal(1), n, c) }
	weight := func(s *graph.Scope, shape ...int) *G.Node { return s.Param("w", graph.Normal(1), shape...) }
	for _, test := range []struct {
		name  string
		build func(s *graph.Scope) *G.Node
		want  map[string]int64
	}{
		{"Linear", func(s *graph.Scope) *G.Node {
			return ops.Linear(s, x(s), weight(s, c, 3), s.Param("b", graph.Zeros(), 3))
		},
			map[string]int64{"Linear": 2 * n * c * 3, "LinearGradX": 2 * n * c * 3, "LinearGradW": 2 * n * c * 3, "LinearGradBias": n * 3}},
		{"Project", func(s *graph.Scope) *G.Node { return ops.Project(s, x(s), weight(s, v, c)) },
			map[string]int64{"Project": 2 * n * c * v, "ProjectGradX": 2 * n * c * v, "ProjectGradW": 2 * n * c * v}},
		{"LinearCrossEntropy", func(s *graph.Scope) *G.Node { return ops.LinearCrossEntropy(s, x(s), weight(s, v, c), s.Ints("t", n)) },
			map[string]int64{"LinearCrossEntropy": 2 * n * c * v, "LinearCrossEntropy.1": 2 * n * c * v, "LinearCrossEntropy.2": 2 * n * c * v}},
		{"CrossEntropy", func(s *graph.Scope) *G.Node { return ops.CrossEntropy(s, x(s), s.Ints("t", n)) },
			map[string]int64{"CrossEntropy": 4 * n * c, "CrossEntropyGrad": 5 * n * c}},
		{"Embed", func(s *graph.Scope) *G.Node { return ops.Embed(s, s.Ints("t", n), weight(s, v, c)) },
			map[string]int64{"Embed": 0, "EmbedGrad": n * c}},
		{"Pick", func(s *graph.Scope) *G.Node { return ops.Pick(s, s.Ints("t", n), weight(s, v, c)) },
			map[string]int64{"Pick": 0, "PickGrad": n * c}},
		{"AddPositions", func(s *graph.Scope) *G.Node { return ops.AddPositions(s, x(s), weight(s, 3, c)) },
			map[string]int64{"AddPositions": n * c, "AddPositionsGrad": n * c}},
		{"AddSinusoids", func(s *graph.Scope) *G.Node { return ops.AddSinusoids(s, x(s)) },
			map[string]int64{"AddSinusoids": n * c}},
		{"LayerNorm", func(s *graph.Scope) *G.Node { return ops.LayerNorm(s, x(s), weight(s, c), nil, 1e-5) },
			map[string]int64{"LayerNorm": 8 * n * c, "LayerNormGrad": 10 * n * c, "LayerNormGradParams": 5 * n * c}},
		{"RMSNorm", func(s *graph.Scope) *G.Node { return ops.RMSNorm(s, x(s), weight(s, c), 1e-5) },
			map[string]int64{"RMSNorm": 5 * n * c, "RMSNormGrad": 8 * n * c, "RMSNormGradGain": 3 * n * c}},
		{"RMSNormBare", func(s *graph.Scope) *G.Node { return ops.RMSNormBare(s, x(s), 2, 1e-5) },
			map[string]int64{"RMSNorm": 5 * n * c, "RMSNormGrad": 8 * n * c}},
		{"Gate", func(s *graph.Scope) *G.Node { return ops.Gate(s, x(s), weight(s, 1)) },
			map[string]int64{"Gate": 2 * n * c, "GateGradFactor": 2 * n * c}}, // the gate itself, and its gradient with respect to x
		{"SoftCap", func(s *graph.Scope) *G.Node { return ops.SoftCap(s, x(s), 2) },
			map[string]int64{"SoftCap": 10 * n * c, "SoftCapGrad": 5 * n * c}},
		{"SquaredReLU", func(s *graph.Scope) *G.Node { return ops.SquaredReLU(s, x(s)) },
			map[string]int64{"SquaredReLU": 2 * n * c, "SquaredReLUGrad": 4 * n * c}},
		{"Rotary", func(s *graph.Scope) *G.Node { return ops.Rotary(s, x(s), 2, ops.RotaryOptions{}) },
			map[string]int64{"Rotary": 3 * n * c, "RotaryGrad": 3 * n * c}},
		{"Dense", func(s *graph.Scope) *G.Node {
			return ops.Dense(s, x(s), weight(s, 3, c), s.Param("b", graph.Zeros(), 3))
		},
			map[string]int64{"Dense": 2 * n * c * 3, "DenseGradX": 2 * n * c * 3, "DenseGradW": 2 * n * c * 3, "DenseGradBias": n * 3}},
		{"MulRow", func(s *graph.Scope) *G.Node { return ops.MulRow(s, x(s), weight(s, c)) },
			map[string]int64{"MulRow": 2 * n * c, "Mul": n * c, "MulRowGradRow": n * c}}, // the product itself, and its gradient with respect to x
		{"Attention of grouped queries", func(s *graph.Scope) *G.Node {
			return attend(s, s.Param("x", graph.Normal(1), n, 2*c), 2, 1, ops.AttentionOptions{})
		},
			map[string]int64{"Attention": 2 * n * 3 * c, "AttentionGrad": 5 * n * 3 * c}},
		{"Attention", func(s *graph.Scope) *G.Node {
			return attend(s, s.Param("x", graph.Normal(1), n, 3*c), 2, 2, ops.AttentionOptions{})
		},
			map[string]int64{"Attention": 2 * n * 3 * c, "AttentionGrad": 5 * n * 3 * c}},
		{"GELU", func(s *graph.Scope) *G.Node { return ops.GELU(s, x(s)) }, map[string]int64{"GELU": 15 * n * c, "GELUGrad": 30 * n * c}},
		{"GELUErf", func(s *graph.Scope) *G.Node { return ops.GELUErf(s, x(s)) }, map[string]int64{"GELUErf": 15 * n * c, "GELUErfGrad": 30 * n * c}},
		{"ReLU", func(s *graph.Scope) *G.Node { return ops.ReLU(s, x(s)) }, map[string]int64{"ReLU": n * c, "ReLUGrad": 2 * n * c}},
		{"Softmax", func(s *graph.Scope) *G.Node { return ops.Softmax(s, x(s)) }, map[string]int64{"Softmax": 5 * n * c, "SoftmaxGrad": 4 * n * c}},
		{"LogSoftmax", func(s *graph.Scope) *G.Node { return ops.LogSoftmax(s, x(s)) }, map[string]int64{"LogSoftmax": 5 * n * c, "LogSoftmaxGrad": 4 * n * c}},
		{"LogSumExp", func(s *graph.Scope) *G.Node { return ops.LogSumExp(s, x(s)) }, map[string]int64{"LogSumExp": 5 * n * c, "LogSumExpGrad": 6 * n * c}},
		{"Add", func(s *graph.Scope) *G.Node { return ops.Add(s, x(s), weight(s, n, c)) }, map[string]int64{"Add": n * c}},
		{"Scale", func(s *graph.Scope) *G.Node { return ops.Scale(s, x(s), 2) }, map[string]int64{"Scale": 2 * n * c}}, // with its gradient
		{"Dropout", func(s *graph.Scope) *G.Node { return ops.Dropout(s, x(s), 0.1) }, map[string]int64{"Dropout": n * c, "DropoutGrad": n * c}},
		{"DropoutShared", func(s *graph.Scope) *G.Node { return ops.DropoutShared(s, x(s), 0.1, 2) }, map[string]int64{"DropoutShared": n * c, "DropoutSharedGrad": n * c}},
		{"BatchedMatMul", func(s *graph.Scope) *G.Node {
			return ops.BatchedMatMul(s, s.Param("a", graph.Normal(1), 2, 3, c), s.Param("b", graph.Normal(1), 2, c, v), false, false)
		}, map[string]int64{"BatchedMatMul": 3 * 2 * 2 * 3 * c * v}}, // with its gradients
		{"Reshape, SplitHeads and MergeHeads", func(s *graph.Scope) *G.Node {
			return ops.MergeHeads(s, ops.SplitHeads(s, ops.AllHeads(s, ops.Reshape(s, x(s), n, c), 2)), 2)
		}, map[string]int64{"Reshape": 0, "SplitHeads": 0, "MergeHeads": 0}},
	} {
		s := graph.New(graph.NewParams(1), graph.Training())
		s.SetSequence(2, 3)
		y := test.build(s)
		if !y.IsScalar() {
			y = s.Node(G.Sum(y))
		}
		p, err := s.CompileGrad(y)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		p.Close()
		got := make(map[string]int64)
		for _, node := range p.Nodes() {
			if _, counted := test.want[node.Op]; counted {
				got[node.Op] += node.FLOPs
			}
		}
		for op, want := range test.want {
			if got[op] != want {
				t.Errorf("%s: %s counts %d, want %d", test.name, op, got[op], want)
			}
		}
	}
}

// TestWindowFLOPs: for 2 sequences of 50 positions, only pairs of positions within the window are counted,
// and never more than without a window. All heads together have 4 columns.
func TestWindowFLOPs(t *testing.T) {
	for window, pairs := range map[int]int64{
		0: 50 * 50 / 2, 50: 50 * 50 / 2, 60: 50 * 50 / 2, 49: 50 * 50 / 2,
		1: 50, 4: 1 + 2 + 3 + 47*4, 20: 20*21/2 + 30*20,
	} {
		s := graph.New(graph.NewParams(1), graph.Training())
		s.SetSequence(2, 50)
		y := attend(s, s.Param("x", graph.Normal(1), 100, 12), 2, 2, ops.AttentionOptions{Window: window})
		p, err := s.CompileGrad(s.Node(G.Sum(y)))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Nodes() {
			name := strings.TrimPrefix(n.Op, "Banded")
			if banded := name != n.Op; strings.HasPrefix(name, "Attention") && banded != (window > 0 && window < 50) {
				t.Errorf("window %d: %s", window, n.Op)
			}
			if want := map[string]int64{"Attention": 2, "AttentionGrad": 5}[name] * 2 * 2 * pairs * 4; want > 0 && n.FLOPs != want {
				t.Errorf("window %d: %s counts %d, want %d", window, n.Op, n.FLOPs, want)
			}
		}
		p.Close()
	}
}

// TestCachedFLOPs: 2 sequences with 3 new positions each and a capacity of 8, C = 4 columns in 2 heads.
func TestCachedFLOPs(t *testing.T) {
	s := graph.New(graph.NewParams(1), graph.Incremental(graph.NewCache(2, 8)))
	s.SetSequence(2, 3)
	x := s.Floats("x", 6, 4)
	ops.AddPositions(s, x, s.Param("w", graph.Normal(1), 8, 4))
	ops.AddSinusoids(s, x)
	attend(s, s.Floats("qkv", 6, 12), 2, 2, ops.AttentionOptions{})
	want := map[string]int64{"AddPositions": 6 * 4, "AddSinusoids": 6 * 4, "Attention": 4 * 6 * 8 * 4}
	for _, n := range s.Nodes() {
		if count, ok := want[n.Op]; ok && n.FLOPs != count {
			t.Errorf("%s counts %d, want %d", n.Op, n.FLOPs, count)
		}
		delete(want, n.Op)
	}
	if len(want) > 0 {
		t.Errorf("no %v", want)
	}
}
