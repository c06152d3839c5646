package graph_test

import (
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// TestOwnInputs: inputs and constants that are declared by Gorgonia's functions have the values that are
// bound to them when the program runs; an input without a value is an error.
func TestOwnInputs(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	a := G.NewVector(s.Graph(), tensor.Float32, G.WithShape(2), G.WithName("a"))
	y := s.Node(G.Add(s.Node(G.Mul(a, G.NewConstant(float32(3)))), G.NewConstant(tensor.New(tensor.WithBacking([]float32{10, 20})))))
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Run(); err == nil || err.Error() != "graph: Gorgonia's input a :: Vector float32 has no value" {
		t.Errorf("error %v", err)
	}
	for _, values := range [][]float32{{1, 2}, {5, 7}} {
		if err := G.Let(a, tensor.New(tensor.WithBacking(values))); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if got := p.Value(y); got[0] != 3*values[0]+10 || got[1] != 3*values[1]+20 {
			t.Errorf("of %v: %v", values, got)
		}
	}
}
