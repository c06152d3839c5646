package graph

import (
	"errors"

	G "gorgonia.org/gorgonia"
)

// GradCheck holds the settings of [CheckGrad]; the zero value suits smooth functions of parameters and inputs
// with values of about 1.
type GradCheck struct {
	// Ints and Floats are the values of inputs. A float input that is not given is drawn from N(0, 1), and its
	// gradient is checked too.
	Ints   map[string][]int
	Floats map[string][]float32
	// Reference computes the same function in float64, from the values of parameters and float inputs by name.
	// With it, values are compared as well, and differences are accurate to 1e-8. Without it, differences are
	// taken of the function's own float32 results, and are accurate to about 1e-4.
	Reference func(in map[string][]float64) []float64
	// Tolerance is how far a gradient may be from a difference, or a value from its reference, relative to the
	// larger of the value and the mean of its tensor; 0 means 1e-4 with a Reference and 1e-2 without.
	Tolerance float64
	// Most is how many elements of a tensor are checked; 0 means 100.
	Most int
	// Seed is the seed for parameters and inputs.
	Seed uint64
	// Options are options of the graph, such as Training.
	Options []Option
}

// CheckGrad compares the gradients of a function with finite differences of its values. In a test of your own
// op or layer:
//
//	err := graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *gorgonia.Node {
//		return MyOp(s, s.Floats("x", 4, 3), s.Param("w", graph.Normal(1), 3, 5))
//	})
//
// The function may return a node of any shape: the sum of its elements times random numbers is differentiated.
// What layers add to the loss ([Scope.AddLoss]) is included, except in a Reference.
//
// It also checks that a second run gives the same bits, that half of a gradient can be added to it, and that no
// parameter or input has been written to. Where a function has a kink, like ReLU at 0, differences across it
// are meaningless; such elements are skipped, unless they are the majority.
func CheckGrad(c GradCheck, declare func(s *Scope) *G.Node) error {
	g, err := c.compile(declare)
	if err != nil {
		return err
	}
	return errors.Join(g.check(), g.program.Close())
}
