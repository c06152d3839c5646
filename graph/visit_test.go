package graph_test

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// TestVisit: a visit gets the values of this module's ops, which equal those of outputs, in the
// order of the run, once each.
func TestVisit(t *testing.T) {
	declare := func() (*graph.Scope, *G.Node) {
		s := graph.New(graph.NewParams(1))
		x := layers.Linear(s.At("fc"), s.Floats("x", 3, 2), 4, layers.Weights{Init: graph.Normal(1)})
		return s, ops.Add(s.At("sum"), x, ops.GELU(s.At("act"), x))
	}
	s, y := declare()
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	input := []float32{1, 2, 3, 4, 5, 6}
	if err := p.SetFloats("x", input); err != nil {
		t.Fatal(err)
	}
	seen, order := make(map[int][]float32), []int{}
	if err := p.Visit(func(id int, value []float32) {
		seen[id], order = slices.Clone(value), append(order, id)
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 3 || len(order) != 3 || !slices.IsSorted(order) {
		t.Fatalf("handed out %v, want the three ops in their order", order)
	}

	again, _ := declare()
	var outs []*G.Node
	for _, id := range order {
		outs = append(outs, again.NodeOf(id))
	}
	want, err := again.Compile(outs...)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if err := want.SetFloats("x", input); err != nil {
		t.Fatal(err)
	}
	if err := want.Run(); err != nil {
		t.Fatal(err)
	}
	for i, id := range order {
		if !slices.Equal(seen[id], want.Value(outs[i])) {
			t.Errorf("node %d, %v: %v, want %v", id, outs[i], seen[id], want.Value(outs[i]))
		}
	}
	order = nil
	if err := p.Run(); err != nil || order != nil { // the visit has ended
		t.Fatalf("%v, handed out %v", err, order)
	}
}

func TestNodeOf(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 3, 2)
	y := layers.Attention(s.At("attn"), x, layers.AttentionConfig{Heads: 1, Weights: layers.BranchWeights{Init: graph.Normal(1)}})
	nodes := s.Nodes()
	for id, n := range nodes {
		if at := s.NodeOf(id); at == nil || !at.Shape().Eq(n.Shape) {
			t.Errorf("node %d is %v, listed as %v", id, at, n)
		}
	}
	if s.NodeOf(0) != x || s.NodeOf(len(nodes)-1) != y {
		t.Errorf("the first is %v, the last %v", s.NodeOf(0), s.NodeOf(len(nodes)-1))
	}
	if s.NodeOf(-1) != nil || s.NodeOf(len(nodes)) != nil {
		t.Error("there is a node that none is")
	}
	if got := s.Exposed(); !slices.Equal(got, []string{"attn.values", "attn.weights"}) {
		t.Errorf("exposed: %v", got)
	}
}
