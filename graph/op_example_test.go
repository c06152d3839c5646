package graph_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// A custom operation, the square. Its gradient, 2x times the incoming gradient, is another operation.
func ExampleOp() {
	square := func(s *graph.Scope, x *G.Node) *G.Node {
		run := func(a *graph.Args) error {
			for i, v := range a.Floats(0) {
				a.Out(0)[i] = v * v
			}
			return nil
		}
		runGrad := func(a *graph.Args) error {
			x, dy, dx := a.Floats(0), a.Floats(1), a.Out(0)
			for i := range x {
				dx[i] = 2 * x[i] * dy[i]
			}
			return nil
		}
		return s.Apply(graph.Op{Name: "Square", Out: x.Shape(), Run: run, Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{Name: "SquareGrad", Out: x.Shape(), Run: runGrad}, in[0], grad)}
		}}, x)
	}

	params := graph.NewParams(1)
	s := graph.New(params)
	loss := s.Node(G.Sum(square(s, s.Param("w", graph.Ones(), 3))))
	p, err := s.CompileGrad(loss)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Loss(), params.Get("w").GradData())
	// Output: 3 [2 2 2]
}

func ExampleSum() {
	s := graph.New(graph.NewParams(1))
	s.Param("a", graph.Zeros(), 2, 3)
	s.Param("b", graph.Normal(0.02), 4)
	total := graph.Sum(s.Nodes())
	fmt.Println(total.Nodes, "nodes,", total.Params, "weights")
	// Output: 2 nodes, 10 weights
}

func ExampleTraining() {
	params := graph.NewParams(1)
	fmt.Println(graph.New(params, graph.Training()).Training(), graph.New(params).Training())
	// Output: true false
}
