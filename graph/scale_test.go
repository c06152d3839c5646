package graph_test

import (
	"testing"
	"time"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// deep declares a stack of layers over a weight that all of them share. With its gradient, it has about
// 100,000 nodes for 6,400 layers.
func deep(s *graph.Scope, layers int) *G.Node {
	w := s.Param("w", graph.Normal(0.3), 4, 4)
	x := s.Floats("x", 2, 4)
	for i := range layers {
		s := s.At("h.%d", i)
		y := ops.Linear(s, x, w, s.Param("bias", graph.Zeros(), 4))
		y = ops.GELU(s, ops.LayerNorm(s, y, s.Param("gain", graph.Ones(), 4), nil, 1e-5))
		x = s.Node(G.Add(x, ops.Scale(s, y, 0.01)))
	}
	return s.Node(G.Mean(x))
}

// TestScale: a graph of 100,000 nodes is declared, differentiated, compiled, compared and run, each in a time
// that grows linearly with the number of nodes.
func TestScale(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute on a busy machine")
	}
	took := make(map[string][]time.Duration)
	for _, layers := range []int{1600, 6400} {
		start := time.Now()
		lap := func(what string) {
			took[what] = append(took[what], time.Since(start))
			start = time.Now()
		}
		params := graph.NewParams(1)
		s := graph.New(params)
		loss := deep(s, layers)
		lap("declare")
		p, err := s.CompileGrad(loss)
		if err != nil {
			t.Fatal(err)
		}
		lap("differentiate and compile")
		nodes := p.Nodes()
		d := graph.Diff(nodes, nodes)
		if len(d.Changes) > 0 || layers == 6400 && len(nodes) < 100_000 {
			t.Errorf("%d layers have %d nodes and %d changes", layers, len(nodes), len(d.Changes))
		}
		lap("compare")
		if err := p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			t.Fatal(err)
		}
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		lap("run first")
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		lap("run")
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	for what, times := range took {
		t.Logf("%s: %v, of four times as many nodes %v", what, times[0], times[1])
	}
}
