package graph

import (
	"errors"

	G "gorgonia.org/gorgonia"
)

// GradCheck are the settings of [CheckGrad]; the zero value is fit for smooth functions of parameters and inputs of a
// size of about 1.
type GradCheck struct {
	// Ints and Floats are the values of inputs. A float input that is not among them is drawn from
	// N(0, 1), and its gradient is checked too.
	Ints   map[string][]int
	Floats map[string][]float32
	// Reference computes the same function in float64, of the values of parameters and float inputs by name. With it,
	// values are compared as well, and differences are exact to 1e-8. Without, the function's own float32 results
	// are taken, whose differences are exact to 1e-4 or so.
	Reference func(in map[string][]float64) []float64
	// Tolerance is how far from each other a gradient and a difference, or two values, may be, in parts of the larger
	// of the value and the mean of its tensor; 0 stands for 1e-4 with a Reference and 1e-2 without.
	Tolerance float64
	// Most is how many elements of a tensor are checked; 0 stands for 100.
	Most int
	// Seed draws parameters and inputs.
	Seed uint64
	// Options are those of the graph, such as Training.
	Options []Option
}

// CheckGrad compares the gradients of a function with differences of its values: in a test of an
// op or a layer of one's own,
//
//	err := graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *gorgonia.Node {
//		return MyOp(s, s.Floats("x", 4, 3), s.Param("w", graph.Normal(1), 3, 5))
//	})
//
// The function may return a node of any shape: what is differentiated is the sum of its elements times random numbers.
// What layers add to the loss ([Scope.AddLoss]) is part of it, but for a Reference.
// It checks, too, that a second run gives the same bits, that half of a gradient can be added to it, and that no parameter or input has been written to. Where a
// function has a kink, as ReLU at 0, differences across it mean nothing; such elements are left out, unless they are most.
func CheckGrad(c GradCheck, declare func(s *Scope) *G.Node) error {
	g, err := c.compile(declare)
	if err != nil {
		return err
	}
	return errors.Join(g.check(), g.program.Close())
}
