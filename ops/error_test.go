package ops_test

import (
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestErrors has the expected error of every check.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		build func(s *graph.Scope) *G.Node
		want  string
	}{
		{func(s *graph.Scope) *G.Node { return ops.Add(s, s.Floats("a", 2, 3), s.Floats("b", 3, 2)) },
			"Add: the shapes (2, 3) and (3, 2) differ"},
		{func(s *graph.Scope) *G.Node { return ops.Embed(s, s.Floats("a", 2), s.Floats("b", 3, 2)) },
			"Embed: ids are float32 of shape (2), table (3, 2); want integers and a matrix (V, C)"},
		{func(s *graph.Scope) *G.Node { return ops.AddPositions(s, s.Floats("a", 6, 2), s.Floats("b", 4, 3)) },
			"AddPositions: x is (6, 2), table (4, 3); want (B·T, C) and (positions, C)"},
		{func(s *graph.Scope) *G.Node { return ops.AddPositions(s, s.Floats("a", 5, 2), s.Floats("b", 4, 2)) },
			"AddPositions: the rows of (5, 2) are not those of 2 sequences of 3 positions"},
		{func(s *graph.Scope) *G.Node { return ops.AddPositions(s, s.Floats("a", 6, 2), s.Floats("b", 2, 2)) },
			"AddPositions: a context of 3 does not fit the 2 positions of the table"},
		{func(s *graph.Scope) *G.Node { return ops.AddSinusoids(s, s.Floats("a", 4, 2)) },
			"AddSinusoids: the rows of (4, 2) are not those of 2 sequences of 3 positions"},
		{func(s *graph.Scope) *G.Node {
			return ops.LayerNorm(s, s.Floats("a", 6, 2), s.Floats("b", 3), nil, 1e-5)
		},
			"LayerNorm: x is (6, 2), gain (3); want (N, C), and (C) for gain and bias"},
		{func(s *graph.Scope) *G.Node { return ops.Linear(s, s.Floats("a", 6, 2), s.Floats("b", 3, 2), nil) },
			"Linear: x is (6, 2), w (3, 2); want (N, K) and (K, M), and (M) for the bias"},
		{func(s *graph.Scope) *G.Node { return ops.Linear(s, s.Floats("a", 6), s.Floats("b", 3), nil) },
			"Linear: x is (6), w (3); want (N, K) and (K, M), and (M) for the bias"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 8), 2, 2, ops.AttentionOptions{})
		}, "QKV: qkv is (6, 8); want (B·T, a multiple of 6) for 2 heads of queries, 2 of keys and 2 of values"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 5, 9), 1, 1, ops.AttentionOptions{})
		}, "Attention: the rows of (5, 9) are not those of 2 sequences of 3 positions"},
		{func(s *graph.Scope) *G.Node {
			x := s.Floats("a", 6, 9)
			return ops.Attention(s, ops.Heads{x, 0, 3, 2}, ops.Heads{x, 0, 2, 2}, ops.Heads{x, 0, 2, 2}, ops.AttentionOptions{})
		}, "Attention: 3 query heads of 2 columns do not match 2 key heads of 2 and 2 value heads of 2"},
		{func(s *graph.Scope) *G.Node {
			x := s.Floats("a", 6, 9)
			return ops.Attention(s, ops.Heads{x, 0, 2, 2}, ops.Heads{x, 6, 2, 2}, ops.Heads{x, 0, 2, 2}, ops.AttentionOptions{})
		}, "Attention: k is (6, 9); want (B·T, columns) with 2 heads of 2 from column 6"},
		{func(s *graph.Scope) *G.Node { return ops.AllHeads(s, s.Floats("a", 6, 9), 2).In },
			"AllHeads: x is (6, 9); want (B·T, columns) of 2 heads"},
		{func(s *graph.Scope) *G.Node { return ops.Rotary(s, s.Floats("a", 6, 9), 3, ops.RotaryOptions{}) },
			"Rotary: 3 columns cannot be rotated in pairs; want an even number; x is (6, 9)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Frequencies: []float64{1, 2, 3}})
		}, "Rotary: 3 frequencies for heads of 4 columns; want 1 to 2; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node { return ops.Rotary(s, s.Floats("a", 5, 8), 2, ops.RotaryOptions{}) },
			"Rotary: the rows of (5, 8) are not those of 2 sequences of 3 positions"},
		{func(s *graph.Scope) *G.Node { return ops.RMSNorm(s, s.Floats("a", 6, 8), s.Floats("b", 3), 1e-5) },
			"RMSNorm: x is (6, 8), gain (3); want (N, C), and (C) or a part of it for the gain"},
		{func(s *graph.Scope) *G.Node { return ops.RMSNormBare(s, s.Floats("a", 6, 8), 3, 1e-5) },
			"RMSNormBare: x is (6, 8); want (N, C), and 3 columns a part of C"},
		{func(s *graph.Scope) *G.Node { return ops.Gate(s, s.Floats("a", 6, 8), s.Floats("b", 2)) },
			"Gate: x is (6, 8), the factor (2); want (N, C) and (1)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Columns: 3})
		}, "Rotary: 3 columns cannot be rotated in pairs; want an even number; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Columns: 6})
		}, "Rotary: 6 columns of heads of 4 cannot be rotated; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Frequencies: []float64{1}, Theta: 5})
		}, "Rotary: frequencies are given together with a base, columns or a scaling; want one or the other; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Scaling: ops.RotaryScaling{Factor: 2}})
		}, "Rotary: scaling has no type, want default, linear, ntk, yarn or llama3; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Scaling: ops.RotaryScaling{Type: "su"}})
		}, `Rotary: scaling is of type "su", want default, linear, ntk, yarn or llama3; x is (6, 8)`},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{SoftCap: -2}) },
			"HeadLoss: a soft-cap of -2; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{ZLoss: -1}) },
			"HeadLoss: a z-loss of -1; want 0 or more"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{Smoothing: 1}) },
			"HeadLoss: label smoothing of 1; want 0 or more, and below 1"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{SoftCap: math.Inf(1)}) },
			"HeadLoss: a soft-cap of +Inf; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{SoftCap: 1e-60}) }, // 0 in float32
			"HeadLoss: a soft-cap of 1e-60; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{ZLoss: math.NaN()}) },
			"HeadLoss: a z-loss of NaN; want 0 or more"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{ZLoss: 1e39}) },
			"HeadLoss: a z-loss of 1e+39; want 0 or more"},
		{func(s *graph.Scope) *G.Node { return headLoss(s, ops.LossOptions{Smoothing: -0.1}) },
			"HeadLoss: label smoothing of -0.1; want 0 or more, and below 1"},
		{func(s *graph.Scope) *G.Node { return ops.RMSNorm(s, s.Floats("a", 6, 8), s.Floats("b", 8), -1e-5) },
			"RMSNorm: an epsilon of -1e-05; want 0 or more"},
		{func(s *graph.Scope) *G.Node { return ops.RMSNormBare(s, s.Floats("a", 6, 8), 8, math.NaN()) },
			"RMSNorm: an epsilon of NaN; want 0 or more"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Frequencies: []float64{1, math.NaN()}})
		}, "Rotary: frequencies are [1 NaN], want numbers; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node {
			return ops.Rotary(s, s.Floats("a", 6, 8), 2, ops.RotaryOptions{Theta: math.NaN()})
		}, "Rotary: a base of NaN has no frequencies; x is (6, 8)"},
		{func(s *graph.Scope) *G.Node { // its last frequency overflows
			return ops.Rotary(s, s.Floats("a", 6, 128), 1, ops.RotaryOptions{Theta: 5e-324})
		}, "Rotary: a base of 5e-324 has no frequencies; x is (6, 128)"},
		{func(s *graph.Scope) *G.Node { return ops.Mul(s, s.Floats("a", 2, 3), s.Floats("b", 3, 2)) },
			"Mul: the shapes (2, 3) and (3, 2) differ"},
		{func(s *graph.Scope) *G.Node { return ops.MulRow(s, s.Floats("a", 2, 3), s.Floats("b", 2)) },
			"MulRow: x is (2, 3), the row (2); want (N, C) and (C)"},
		{func(s *graph.Scope) *G.Node { return ops.AddColumn(s, s.Floats("a", 2, 3), s.Floats("b", 3)) },
			"AddColumn: x is (2, 3), the column (3); want (N, C) and (N)"},
		{func(s *graph.Scope) *G.Node { return ops.Dense(s, s.Floats("a", 2, 3), s.Floats("b", 3, 2), nil) },
			"Dense: x is (2, 3), w (3, 2); want (N, K) and (M, K), and (M) for the bias"},
		{func(s *graph.Scope) *G.Node { return ops.Columns(s, s.Floats("a", 6, 9), 7, 3) },
			"Columns: x is (6, 9); want (N, C) with 3 columns from column 7"},
		{func(s *graph.Scope) *G.Node { return ops.Concat(s, s.Floats("a", 6, 9), s.Floats("b", 5, 9)) },
			"Concat: matrix 1 is (5, 9); want (6, columns) as the first has"},
		{func(s *graph.Scope) *G.Node { return ops.Concat(s) }, "Concat: no matrices; want 1 or more"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Window: -1})
		}, "Attention: a window of -1 is below 0"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{SoftCap: -1})
		}, "Attention: a soft-cap of -1; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{SoftCap: math.NaN()})
		}, "Attention: a soft-cap of NaN; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{SoftCap: math.Inf(1)})
		}, "Attention: a soft-cap of +Inf; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{SoftCap: 1e-60}) // 0 in float32
		}, "Attention: a soft-cap of 1e-60; want one above 0, or 0 for none"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Scale: math.NaN()})
		}, "Attention: a scale of NaN; want a finite number, or 0 for the default, from the head size"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Slopes: []float64{0, 1, math.Inf(1)}})
		}, "Attention: slopes are [0 1 +Inf]; want finite numbers"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Sinks: s.Floats("b", 3, 1)})
		}, "Attention: sinks are (3, 1); want (3), one for each head of queries"},
		{func(s *graph.Scope) *G.Node { return ops.SoftCap(s, s.Floats("a", 6, 9), 0) },
			"SoftCap: a soft-cap of 0; want one above 0"},
		{func(s *graph.Scope) *G.Node { return ops.SoftCap(s, s.Floats("a", 6, 9), math.NaN()) },
			"SoftCap: a soft-cap of NaN; want one above 0"},
		{func(s *graph.Scope) *G.Node { return ops.SoftCap(s, s.Floats("a", 6, 9), -30) },
			"SoftCap: a soft-cap of -30; want one above 0"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Slopes: ops.ALiBi(2)})
		}, "Attention: 2 slopes; want one for each of 3 heads of queries"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Sinks: s.Floats("b", 2)})
		}, "Attention: sinks are (2); want (3), one for each head of queries"},
		{func(s *graph.Scope) *G.Node {
			return attend(s, s.Floats("a", 6, 9), 3, 3, ops.AttentionOptions{Dropout: 1})
		}, "Attention: a dropout rate of 1 is not in [0, 1)"},
		{func(s *graph.Scope) *G.Node { return ops.Dropout(s, s.Floats("a", 6), -0.1) },
			"Dropout: a dropout rate of -0.1 is not in [0, 1)"},
		{func(s *graph.Scope) *G.Node { return ops.Project(s, s.Floats("a", 6, 2), s.Floats("b", 5, 3)) },
			"Project: x is (6, 2), w (5, 3); want (N, C) and (V, C)"},
		{func(s *graph.Scope) *G.Node {
			return ops.LinearCrossEntropy(s, s.Floats("a", 6, 2), s.Floats("b", 5, 2), s.Ints("t", 5))
		}, "LinearCrossEntropy: x is (6, 2), w (5, 2), targets (5) of int; want (N, C), (V, C) and N integers"},
		{func(s *graph.Scope) *G.Node { return ops.CrossEntropy(s, s.Floats("a", 6, 2), s.Ints("t", 5)) },
			"CrossEntropy: logits are (6, 2), targets (5) of int; want (N, V) and N integers"},
		{func(s *graph.Scope) *G.Node {
			return ops.Reshape(s, s.Param("a", graph.Ones(), 1))
		}, "Reshape: x is (1); () has a different number of elements"},
		{func(s *graph.Scope) *G.Node {
			return ops.Reshape(s, s.Floats("a", 2, 3), -2, -3)
		}, "Reshape: x is (2, 3); (-2, -3) has a different number of elements"},
		{func(s *graph.Scope) *G.Node {
			return ops.WeightedLinearCrossEntropy(s, s.Floats("a", 3, 4), s.Floats("b", 5, 4), s.Ints("c", 3), s.Floats("d", 2))
		}, "WeightedLinearCrossEntropy: x is (3, 4), weights (2); want (N, C) and (N)"},
		{func(s *graph.Scope) *G.Node {
			return ops.BatchedMatMul(s, s.Floats("a", 2, 3, 4), s.Floats("b", 3, 4, 5), false, false)
		}, "BatchedMatMul: a is (2, 3, 4) (transposed: false), b (3, 4, 5) (false); want (N, M, K) and (N, K, L)"},
		{func(s *graph.Scope) *G.Node {
			x := s.Node(G.Sum(s.Floats("a", 2, 3)))
			return ops.LogSumExp(s, x)
		}, "LogSumExp: x is () of float32; want rows of float32"},
		{func(s *graph.Scope) *G.Node {
			return ops.Reshape(s, s.Floats("a", 2, 3), 7)
		}, "Reshape: x is (2, 3); (7) has a different number of elements"},
		{func(s *graph.Scope) *G.Node {
			return ops.DropoutShared(s, s.Floats("a", 3, 4), 0.1, 2)
		}, "DropoutShared: x is (3, 4); want (N·K, C) with a K of 2"},
		{func(s *graph.Scope) *G.Node {
			return ops.WeightedLinearCrossEntropy(s, s.Floats("a", 3, 4), s.Floats("b", 5, 4), s.Ints("c", 3), ops.Scale(s, s.Floats("d", 3), 2))
		}, "WeightedLinearCrossEntropy: the weights are computed by the graph; want an input, since they get no gradient"},
		{func(s *graph.Scope) *G.Node {
			return ops.BatchedMatMul(s, s.Floats("a", 2, 3, 4), s.Floats("b", 2, 3, 4), false, false)
		}, "BatchedMatMul: a is (2, 3, 4) (transposed: false), b (2, 3, 4) (false); want (N, M, K) and (N, K, L)"},
		{func(s *graph.Scope) *G.Node { return ops.CausalMask(s, s.Floats("a", 2, 3, 4), 0) },
			"CausalMask: scores are (2, 3, 4), window 0; want (N, T, T) and 0 or more"},
		{func(s *graph.Scope) *G.Node { return ops.SplitHeads(s, ops.Heads{s.Floats("a", 6, 8), 4, 2, 3}) },
			"SplitHeads: x is (6, 8); want (B·T, columns) with 2 heads of 3 from column 4"},
		{func(s *graph.Scope) *G.Node { return ops.MergeHeads(s, s.Floats("a", 3, 8, 2), 2) },
			"MergeHeads: x is (3, 8, 2); want (B·H, T, D) with 2 heads"},
	} {
		s := graph.New(graph.NewParams(1), graph.Training())
		s.SetSequence(2, 3)
		c.build(s)
		if s.Err() == nil || s.Err().Error() != c.want {
			t.Errorf("error %v\nwant  %s", s.Err(), c.want)
		}
	}
}

// TestBadTargets: in all ops with targets, -1 means no target, and any other target outside the vocabulary is an error.
func TestBadTargets(t *testing.T) {
	for name, loss := range map[string]func(s *graph.Scope, x, targets *G.Node) *G.Node{ // x (2, 3)
		"CrossEntropy": ops.CrossEntropy,
		"LinearCrossEntropy": func(s *graph.Scope, x, targets *G.Node) *G.Node {
			return ops.LinearCrossEntropy(s, x, s.Param("w", graph.Ones(), 3, 3), targets)
		},
		"WeightedLinearCrossEntropy": func(s *graph.Scope, x, targets *G.Node) *G.Node {
			return ops.WeightedLinearCrossEntropy(s, x, s.Param("w", graph.Ones(), 3, 3), targets, s.Floats("weights", 2))
		},
	} {
		s := graph.New(graph.NewParams(1))
		p, err := s.Compile(loss(s, s.Floats("x", 2, 3), s.Ints("targets", 2)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		inputs := map[string]int{"x": 6}
		if s.Lookup("weights") != nil {
			inputs["weights"] = 2
		}
		for input, size := range inputs {
			if err := p.SetFloats(input, make([]float32, size)); err != nil {
				t.Fatal(err)
			}
		}
		op := strings.TrimPrefix(name, "Weighted")
		for _, c := range []struct {
			targets []int
			want    string
		}{
			{[]int{-1, 2}, ""},
			{[]int{0, -2}, op + ": target -2 at position 1 is outside the vocabulary of 3, and not -1 for none"},
			{[]int{3, 0}, op + ": target 3 at position 0 is outside the vocabulary of 3, and not -1 for none"},
		} {
			if err := p.SetInts("targets", c.targets); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := p.Run(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%s of %v: error %q, want %q", name, c.targets, got, c.want)
			}
		}
	}
}
