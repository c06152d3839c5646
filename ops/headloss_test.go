package ops_test

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// headLoss declares ops.HeadLoss for 6 rows of 4 columns and a vocabulary of 5.
func headLoss(s *graph.Scope, o ops.LossOptions) *G.Node {
	return ops.HeadLoss(s, s.Floats("x", 6, 4), s.Param("w", graph.Normal(1), 5, 4), s.Ints("targets", 6), o)
}

// TestHeadLoss: gradients match finite differences for each variant of a head's loss.
func TestHeadLoss(t *testing.T) {
	weights := []float32{1, 0.3, -0.2, 0, 2, 0.7}
	for name, o := range map[string]ops.LossOptions{
		"plain": {}, "capped": {SoftCap: 1.5}, "z-loss": {ZLoss: 0.2}, "smoothed": {Smoothing: 0.3},
		"all": {SoftCap: 1.5, ZLoss: 0.2, Smoothing: 0.3},
	} {
		for _, weighted := range []bool{false, true} {
			check := graph.GradCheck{Ints: map[string][]int{"targets": {4, 0, -1, 2, 2, 1}}, Options: []graph.Option{graph.Training()}}
			if weighted {
				check.Floats = map[string][]float32{"weights": weights}
			}
			err := graph.CheckGrad(check, func(s *graph.Scope) *G.Node {
				o := o
				if weighted {
					o.Weights = s.Floats("weights", 6)
				}
				return headLoss(s, o)
			})
			if err != nil {
				t.Errorf("%s, weighted %v: %v", name, weighted, err)
			}
		}
	}
}

// PaLM's loss, which keeps log Σ exp of the logits near 0.
func ExampleHeadLoss() {
	s := graph.New(graph.NewParams(1), graph.Training())
	wte := s.Param("wte", graph.Normal(1), 50, 4)
	loss := ops.HeadLoss(s, s.Floats("x", 6, 4), wte, s.Ints("targets", 6), ops.LossOptions{ZLoss: 1e-4})
	fmt.Println(loss.IsScalar(), s.Err())
	// Output: true <nil>
}

// A branch that initially contributes nothing.
func ExampleGate() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.Add(s, x, ops.Gate(s, ops.ReLU(s, x), s.Param("gate", graph.Zeros(), 1)))
	}, -2, 3)
	// Output: (1, 2) [-2.000 3.000]
}

func ExampleRMSNormBare() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.RMSNormBare(s, x, 2, 0) }, 3, -3, 1, 7)
	// Output: (1, 4) [1.000 -1.000 0.200 1.400]
}

// Gemma's gains are its weights plus 1.
func ExamplePlusOne() {
	show(func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.RMSNorm(s, x, ops.PlusOne(s, s.Param("weight", graph.Zeros(), 2)), 0)
	}, 1, 7)
	// Output: (1, 2) [0.200 1.400]
}

// Interleaved pairs, rotated in half of each head as in GPT-J, with positions scaled to a context four
// times as long as in training.
func ExampleRotaryOptions() {
	s := graph.New(graph.NewParams(1))
	s.SetSequence(1, 8)
	o := ops.RotaryOptions{Columns: 4, Interleaved: true, Scaling: ops.RotaryScaling{Type: "linear", Factor: 4}}
	fmt.Println(ops.Rotary(s, s.Floats("q", 8, 16), 2, o).Shape(), s.Err())
	// Output: (8, 16) <nil>
}
