package graph_test

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// TestReady: each parameter is passed once per run, in the order that the program lists, with its final
// gradient. The parameters include those of layers, of an embedding that is read twice, and of an elementwise
// product of Gorgonia's, whose gradient is added after the run.
func TestReady(t *testing.T) {
	params := graph.NewParams(3)
	s := graph.New(params)
	table := s.Param("table", graph.Normal(0.5), 7, 4)
	ids := s.Ints("ids", 2, 3)
	x := ops.Embed(s, ids, table) // (6, 4)
	x = layers.LayerNorm(s.At("norm"), x, layers.Norm{})
	x = layers.Linear(s.At("fc"), x, 4, layers.Weights{})
	x = s.Node(G.HadamardProd(x, s.Param("scale", graph.Ones(), 6, 4)))
	x = ops.Add(s, x, ops.Embed(s, ids, table))
	p, err := s.CompileGrad(s.Node(G.Mean(s.Node(G.Square(x)))))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("ids", []int{1, 2, 3, 3, 0, 6}); err != nil {
		t.Fatal(err)
	}
	order := p.ReadyOrder()
	if len(order) != 6 {
		t.Fatalf("%d parameters", len(order))
	}
	for range 2 { // gradients of the second run are added to those of the first
		var came []*graph.Param
		var seen [][]float32
		p.Ready(func(param *graph.Param) {
			came, seen = append(came, param), append(seen, slices.Clone(param.GradData()))
		})
		if err := p.RunGrad(0.5); err != nil {
			t.Fatal(err)
		}
		p.Ready(nil)
		if !slices.Equal(came, order) {
			t.Fatalf("%d parameters came, not in the order that was told", len(came))
		}
		for i, param := range came {
			if !slices.Equal(param.GradData(), seen[i]) || !slices.ContainsFunc(seen[i], func(g float32) bool { return g != 0 }) {
				t.Errorf("%s: %v when it was ready, %v in the end", param.Name(), seen[i], param.GradData())
			}
		}
	}
}
