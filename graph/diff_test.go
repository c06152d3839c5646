package graph_test

import (
	"fmt"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// stack declares two small blocks, whose edits are compared.
func stack(options ...graph.Option) *graph.Scope {
	s := graph.New(graph.NewParams(1), options...)
	x := s.Floats("x", 8, 4) // (N, C)
	for i := range 2 {
		b := s.At("h.%d", i)
		m := layers.MLP(b.At("mlp"), layers.LayerNorm(b.At("ln"), x, layers.Norm{}), 16, ops.GELU, layers.BranchWeights{}) // (N, C)
		x = layers.Residual(b.At("mlp"), x, m, 0)                                                                          // (N, C)
	}
	s.Node(G.Mean(x))
	return s
}

// The changes made by three edits.
func ExampleDiff() {
	edited := stack(
		graph.Replace("h.*.mlp.act", ops.ReLU),
		graph.Remove("h.0.ln"),
		graph.Replace("h.1.mlp.c_fc", func(s *graph.Scope, x *G.Node) *G.Node { return layers.Linear(s, x, 12, layers.Weights{}) }),
	)
	fmt.Print(graph.Diff(stack().Nodes(), edited.Nodes()))
	// Output:
	// - h.0.ln.weight          param      (4)      4 weights
	// - h.0.ln.bias            param      (4)      4 weights
	// - h.0.ln                 LayerNorm  (8, 4)   256 FLOPs
	// ~ h.0.mlp.c_fc           Linear     (8, 16)  reads x input
	// ~ h.0.mlp.act            ReLU       (8, 16)  was GELU 1920 → 128 FLOPs
	// ~ h.1.mlp.c_fc.weight    param      (4, 12)  was (4, 16)
	// ~ h.1.mlp.c_fc.bias      param      (12)     was (16)
	// ~ h.1.mlp.c_fc           Linear     (8, 12)  was (8, 16) 1024 → 768 FLOPs
	// ~ h.1.mlp.act            ReLU       (8, 12)  was GELU (8, 16) 1920 → 96 FLOPs
	// ~ h.1.mlp.c_proj.weight  param      (12, 4)  was (16, 4)
	// ~ h.1.mlp.c_proj         Linear     (8, 4)   was 1024 → 768 FLOPs
	//
	// nodes       28 → 25      -3
	// parameters  312 → 268    -44
	// FLOPs       8517 → 4133  -4384
	// bytes       3092 → 2644  -448
}

// TestDiffNothing: a graph does not differ from itself.
func TestDiffNothing(t *testing.T) {
	s, o := stack(), stack()
	d := graph.Diff(s.Nodes(), o.Nodes())
	if len(d.Changes) != 0 || !strings.HasPrefix(d.String(), "no nodes differ\n") {
		t.Errorf("%d changes: %s", len(d.Changes), d)
	}
}

// TestDiffMirror: nodes that are added in one direction are removed in the other.
func TestDiffMirror(t *testing.T) {
	a, b := stack().Nodes(), stack(graph.After("h.*.ln", ops.ReLU), graph.Remove("h.1.mlp.act")).Nodes()
	count := func(d *graph.Difference) (added, removed int) {
		for _, c := range d.Changes {
			if c.Before == nil {
				added++
			} else if c.After == nil {
				removed++
			}
		}
		return added, removed
	}
	added, removed := count(graph.Diff(a, b))
	plus, minus := count(graph.Diff(b, a))
	if added != 2 || removed != 1 || plus != removed || minus != added {
		t.Errorf("%d added and %d removed; the other way %d and %d; want 2, 1, 1, 2", added, removed, plus, minus)
	}
}
