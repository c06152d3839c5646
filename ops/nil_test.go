package ops_test

import (
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestNil: for an op that is given a nil node, the error names the input and the path.
func TestNil(t *testing.T) {
	for want, build := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"at: GELU: x is nil; want a node":               func(s *graph.Scope, _ *G.Node) *G.Node { return ops.GELU(s, nil) },
		"at: Add: a is nil; want a node":                func(s *graph.Scope, x *G.Node) *G.Node { return ops.Add(s, nil, x) },
		"at: Add: b is nil; want a node":                func(s *graph.Scope, x *G.Node) *G.Node { return ops.Add(s, x, nil) },
		"at: Dropout: x is nil; want a node":            func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Dropout(s, nil, 0) },
		"at: Embed: ids is nil; want a node":            func(s *graph.Scope, x *G.Node) *G.Node { return ops.Embed(s, nil, x) },
		"at: Embed: table is nil; want a node":          func(s *graph.Scope, x *G.Node) *G.Node { return ops.Embed(s, s.Ints("i", 2), nil) },
		"at: Project: w is nil; want a node":            func(s *graph.Scope, x *G.Node) *G.Node { return ops.Project(s, x, nil) },
		"at: CrossEntropy: logits is nil; want a node":  func(s *graph.Scope, _ *G.Node) *G.Node { return ops.CrossEntropy(s, nil, s.Ints("t", 2)) },
		"at: CrossEntropy: targets is nil; want a node": func(s *graph.Scope, x *G.Node) *G.Node { return ops.CrossEntropy(s, x, nil) },
		"at: SplitHeads: x is nil; want a node":         func(s *graph.Scope, _ *G.Node) *G.Node { return ops.SplitHeads(s, ops.Heads{Count: 2, Size: 3}) },
		"at: MergeHeads: x is nil; want a node":         func(s *graph.Scope, _ *G.Node) *G.Node { return ops.MergeHeads(s, nil, 2) },
		"at: LayerNorm: gain is nil; want a node":       func(s *graph.Scope, x *G.Node) *G.Node { return ops.LayerNorm(s, x, nil, nil, 1e-5) },
		"at: Linear: w is nil; want a node":             func(s *graph.Scope, x *G.Node) *G.Node { return ops.Linear(s, x, nil, nil) },
		"at: CausalMask: scores is nil; want a node":    func(s *graph.Scope, _ *G.Node) *G.Node { return ops.CausalMask(s, nil, 0) },
		"at: BatchedMatMul: b is nil; want a node":      func(s *graph.Scope, x *G.Node) *G.Node { return ops.BatchedMatMul(s, x, nil, false, true) },
		"at: AddPositions: table is nil; want a node":   func(s *graph.Scope, x *G.Node) *G.Node { return ops.AddPositions(s, x, nil) },
		"at: AddSinusoids: x is nil; want a node":       func(s *graph.Scope, _ *G.Node) *G.Node { return ops.AddSinusoids(s, nil) },
		"at: Reshape: x is nil; want a node":            func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Reshape(s, nil, 2) },
		"at: Softmax: x is nil; want a node":            func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Softmax(s, nil) },
		"at: QKV: qkv is nil; want a node":              func(s *graph.Scope, _ *G.Node) *G.Node { return attend(s, nil, 1, 1, ops.AttentionOptions{}) },
		"at: Attention: q is nil; want a node": func(s *graph.Scope, _ *G.Node) *G.Node {
			return ops.Attention(s, ops.Heads{}, ops.Heads{}, ops.Heads{}, ops.AttentionOptions{})
		},
		"at: TopK: scores is nil; want a node":       func(s *graph.Scope, _ *G.Node) *G.Node { return ops.TopK(s, nil, 1) },
		"at: TakeColumns: picks is nil; want a node": func(s *graph.Scope, x *G.Node) *G.Node { return ops.TakeColumns(s, x, nil) },
		"at: Route: picks is nil; want a node":       func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Route(s, nil, 2, ops.Capacity{}).Slots },
		"at: Combine: weights is nil; want a node": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Combine(s, x, nil, ops.Route(s, x, 2, ops.Capacity{}))
		},
		"at: Shares: x is nil; want a node":      func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Shares(s, nil) },
		"at: Load: picks is nil; want a node":    func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Load(s, nil, 2, nil) },
		"at: MeanRows: x is nil; want a node":    func(s *graph.Scope, _ *G.Node) *G.Node { return ops.MeanRows(s, nil, nil) },
		"at: Columns: x is nil; want a node":     func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Columns(s, nil, 0, 1) },
		"at: AllHeads: x is nil; want a node":    func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Rotary(s, nil, 1, ops.RotaryOptions{}) },
		"at: RMSNorm: gain is nil; want a node":  func(s *graph.Scope, x *G.Node) *G.Node { return ops.RMSNorm(s, x, nil, 1) },
		"at: RMSNormBare: x is nil; want a node": func(s *graph.Scope, _ *G.Node) *G.Node { return ops.RMSNormBare(s, nil, 2, 1) },
		"at: Gate: factor is nil; want a node":   func(s *graph.Scope, x *G.Node) *G.Node { return ops.Gate(s, x, nil) },
		"at: PlusOne: x is nil; want a node":     func(s *graph.Scope, _ *G.Node) *G.Node { return ops.PlusOne(s, nil) },
		"at: SoftCap: x is nil; want a node":     func(s *graph.Scope, _ *G.Node) *G.Node { return ops.SoftCap(s, nil, 2) },
		"at: SquaredReLU: x is nil; want a node": func(s *graph.Scope, _ *G.Node) *G.Node { return ops.SquaredReLU(s, nil) },
		"at: LinearCrossEntropy: w is nil; want a node": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.HeadLoss(s, x, nil, s.Ints("t", 2), ops.LossOptions{ZLoss: 1})
		},
		"at: Mul: b is nil; want a node":           func(s *graph.Scope, x *G.Node) *G.Node { return ops.Mul(s, x, nil) },
		"at: MulRow: row is nil; want a node":      func(s *graph.Scope, x *G.Node) *G.Node { return ops.MulRow(s, x, nil) },
		"at: Sigmoid: x is nil; want a node":       func(s *graph.Scope, _ *G.Node) *G.Node { return ops.Sigmoid(s, nil) },
		"at: Dense: w is nil; want a node":         func(s *graph.Scope, x *G.Node) *G.Node { return ops.Dense(s, x, nil, nil) },
		"at: Concat: a matrix is nil; want a node": func(s *graph.Scope, x *G.Node) *G.Node { return ops.Concat(s, x, nil) },
		"at: WeightedLinearCrossEntropy: weights is nil; want a node": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.WeightedLinearCrossEntropy(s, x, x, s.Ints("t", 2), nil)
		},
	} {
		s := graph.New(graph.NewParams(1), graph.Training()).At("at")
		if y := build(s, s.Floats("x", 2, 3)); y == nil {
			t.Errorf("%s: it returned no node", want)
		}
		if s.Err() == nil || s.Err().Error() != want {
			t.Errorf("error %v\nwant  %s", s.Err(), want)
		}
	}
}
