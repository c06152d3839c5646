package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Tensor is a named float32 array of a solver's state. Data is row-major and shared with the
// solver, so it is valid until the next step.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// SolverState is everything a solver remembers between two steps.
type SolverState struct {
	Step int `json:"step"` // updates done
	// Missed says, by parameter, how many of these updates did not change it, such as those before it was unfrozen.
	Missed map[string]int `json:"missed,omitempty"`
	// Averaged says that the parameters hold averages, and the tensors whose names end in [Twin]
	// the weights being trained.
	Averaged bool `json:"averaged,omitzero"`
	rates
	Tensors []Tensor `json:"-"` // in the order of the parameters
}

// Stateful is a solver whose state can be saved and restored, so that a run can be resumed bit for
// bit. An [Optimizer] is Stateful; Gorgonia's own solvers do not expose their state.
type Stateful interface {
	State() SolverState
	Restore(SolverState) error
}

// Rater is a solver whose learning rate can be set.
type Rater interface {
	SetLearnRate(rate float64)
}

// Measurer is a solver that can compute the global norm of the gradient before it steps, or report
// what is wrong with the gradient. Step then uses the gradient as measured.
type Measurer interface {
	Measure(model []gorgonia.ValueGrad) (norm float64, err error)
}

// setRate returns a function that sets the learning rate of a solver, one of this package or one of
// Gorgonia's.
func setRate(s gorgonia.Solver) (func(rate float64), error) {
	if rater, ok := optional.As[Rater](s); ok {
		return rater.SetLearnRate, nil
	}
	switch s := s.(type) {
	case *gorgonia.RMSPropSolver, *gorgonia.AdamSolver, *gorgonia.VanillaSolver,
		*gorgonia.BarzilaiBorweinSolver, *gorgonia.Momentum:
		return func(rate float64) { gorgonia.WithLearnRate(rate)(s) }, nil
	case *gorgonia.AdamW:
		return nil, fmt.Errorf("gorgonia.AdamW never changes a weight (its decay works on a copy); use train.NewAdamW")
	default:
		return nil, fmt.Errorf("the learning rate of %T cannot be set; give it a method SetLearnRate(float64)", s)
	}
}

// gradNorm returns the global norm of the gradients of a model.
func gradNorm(model []gorgonia.ValueGrad) (float64, error) {
	var squares []float64
	for i, vg := range model {
		v, err := vg.Grad()
		if err != nil {
			return 0, fmt.Errorf("parameter %d of %d: no gradient: %w", i+1, len(model), err)
		}
		g, err := floats(v)
		if err != nil {
			return 0, fmt.Errorf("gradient of parameter %d of %d: %w", i+1, len(model), err)
		}
		squares = append(squares, kernel.SumSquares(g))
	}
	if err := sumSquares(squares, func(i int) any { return model[i] }); err != nil {
		return 0, err
	}
	return rootOfSum(squares), nil
}

// sumSquares adds up, over the ranks, the squares of parameters that are split over them.
func sumSquares(squares []float64, of func(i int) any) error {
	var shared []float64
	var ranks graph.Ranks
	for i, s := range squares {
		if p, ok := of(i).(*graph.Param); ok && p.Cut() {
			shared, ranks = append(shared, s), p.Ranks()
		}
	}
	if ranks == nil {
		return nil
	}
	shared, err := ranks.SumScalars(shared)
	if err != nil {
		return fmt.Errorf("norm of the gradient: %w", err)
	}
	for i := range squares {
		if p, ok := of(i).(*graph.Param); ok && p.Cut() {
			squares[i], shared = shared[0], shared[1:]
		}
	}
	return nil
}

// rootOfSum returns the square root of a sum of squares. It sorts them first, so that the result
// does not depend on the order in which a model, or a checkpoint opened before it, declared its
// parameters.
func rootOfSum(squares []float64) float64 {
	slices.Sort(squares)
	var sum float64
	for _, s := range squares {
		sum += s
	}
	return math.Sqrt(sum)
}

// floats returns the elements of a contiguous float32 tensor, without copying them.
func floats(v gorgonia.Value) ([]float32, error) {
	d, ok := v.(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("value is a %T, want a dense float32 tensor", v)
	}
	data, ok := d.Data().([]float32)
	if !ok {
		return nil, fmt.Errorf("tensor is %v of %v, want float32 of rank 1 or more", d.Shape(), d.Dtype())
	}
	if d.RequiresIterator() || len(data) != d.Shape().TotalSize() {
		return nil, fmt.Errorf("tensor %v is a view, want contiguous memory", d.Shape())
	}
	return data, nil
}
