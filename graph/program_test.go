package graph_test

import (
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

func TestSmoke(t *testing.T) {
	ps := graph.NewParams(1)
	c := gpt2.New(13, 8, 16, 2, 2)
	s := graph.New(ps, graph.Training())
	loss := c.Loss(s, s.Ints("tokens", 2, 5), s.Ints("targets", 2, 5))
	p, err := s.CompileGrad(loss)
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	p.SetInts("tokens", ids)
	p.SetInts("targets", ids)
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	fmt.Println(p.Loss(), ps.Count())
}
