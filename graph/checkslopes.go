package graph

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"
)

// checkValues compares the function's values with the reference's.
func (g *gradCheck) checkValues(values []float32) error {
	if g.Reference == nil {
		return nil
	}
	want := g.Reference(g.inputs())
	if len(want) != len(values) {
		return fmt.Errorf("graph: CheckGrad: the reference returns %d values, want %d of shape %v", len(want), len(values), g.out.Shape())
	}
	average := mean(want)
	for i, v := range values {
		if !near(float64(v), want[i], g.tolerance(), average, 0) {
			return fmt.Errorf("graph: CheckGrad: element %v of the value %v is %v, want %v", coordinates(i, g.out.Shape()), g.out.Shape(), v, want[i])
		}
	}
	return nil
}

// inputs returns the values of the variables and of the other float inputs.
func (g *gradCheck) inputs() map[string][]float64 {
	in := make(map[string][]float64)
	add := func(name string, data []float32) {
		in[name] = make([]float64, len(data))
		for i, x := range data {
			in[name][i] = float64(x)
		}
	}
	for name, x := range g.Floats {
		add(name, x)
	}
	for _, v := range g.vars {
		add(v.name, v.data)
	}
	return in
}

func (g *gradCheck) tolerance() float64 {
	switch {
	case g.Tolerance > 0:
		return g.Tolerance
	case g.Reference != nil:
		return 1e-4
	}
	return 1e-2
}

// slope is a difference quotient.
type slope struct {
	value, noise float64
	kink         bool
}

// checkSlopes compares the gradient of a variable with difference quotients.
func (g *gradCheck) checkSlopes(v variable, grad []float32) error {
	most := g.Most
	if most == 0 {
		most = 100
	}
	random := rand.New(rand.NewPCG(g.Seed, streamOf(v.name)))
	places := random.Perm(len(grad))[:min(most, len(grad))]
	slopes, values, kinks := make([]slope, len(places)), make([]float64, len(places)), 0
	for j, i := range places {
		var err error
		if slopes[j], err = g.slope(v, i); err != nil {
			return err
		}
		if values[j] = slopes[j].value; slopes[j].kink {
			values[j] = 0
			kinks++
		}
	}
	if 2*kinks > len(places) {
		return fmt.Errorf("graph: CheckGrad: the function is not smooth in %s: differences of %d of %d elements depend on their step", v.name, kinks, len(places))
	}
	average := mean(values)
	for j, i := range places {
		if want := slopes[j]; !want.kink && !near(float64(grad[i]), want.value, g.tolerance(), average, want.noise) {
			return fmt.Errorf("graph: CheckGrad: the gradient of %s %v at %v is %v, by differences %.6g", v.name, v.shape, coordinates(i, v.shape), grad[i], want.value)
		}
	}
	return nil
}

// slope returns the slope of the weighted sum in element i of v, by fourth-order differences.
func (g *gradCheck) slope(v variable, i int) (slope, error) {
	x := float64(v.data[i])
	h, precision := 1.0/64, 0x1p-23
	if g.Reference != nil {
		h, precision = 1e-4, 0x1p-50
	}
	h *= max(1, math.Abs(x))
	var f [5]float64
	var size float64
	for step := -2; step <= 2; step++ {
		var err error
		if f[step+2], size, err = g.at(v, i, x+float64(step)*h); err != nil {
			return slope{}, err
		}
	}
	s := slope{value: (8*(f[3]-f[1]) - (f[4] - f[0])) / (12 * h), noise: size * (precision/h + 0x1p-20)}
	short, long := (f[3]-f[1])/(2*h), (f[4]-f[0])/(4*h)
	// For a smooth function the second differences of two steps are as 1 to 4; for |x| near 0, where its first
	// differences agree, they are as 1 to 2.
	bend := (4*(f[3]+f[1]-2*f[2]) - (f[4] + f[0] - 2*f[2])) / (2 * h)
	s.kink = max(math.Abs(short-long)-2*s.noise, math.Abs(bend)-9*s.noise) > 0.05*max(math.Abs(short), math.Abs(long))
	return s, nil
}

// at returns the weighted sum, and the sum of the absolute values of its terms, with element i of v set to x.
func (g *gradCheck) at(v variable, i int, x float64) (sum, size float64, err error) {
	if g.Reference != nil {
		in := g.inputs()
		in[v.name][i] = x
		sum, size = weighedSum(g.weights, g.Reference(in))
		return sum, size, nil
	}
	old := v.data[i]
	defer func() { v.data[i] = old }()
	v.data[i] = float32(x)
	if err := g.give(); err != nil {
		return 0, 0, err
	}
	if err := g.program.Run(); err != nil {
		return 0, 0, err
	}
	sum, size = weighedSum(g.weights, g.program.Value(g.out))
	for _, l := range g.program.Losses() {
		term := l.Weight * float64(l.Value)
		sum, size = sum+term, size+math.Abs(term)
	}
	return sum, size, nil
}

// near reports whether got equals want within a tolerance, relative to want or to the average.
func near(got, want, tolerance, average, noise float64) bool {
	return math.Abs(got-want) <= tolerance*max(math.Abs(want), average)+noise
}

// mean returns the mean of the absolute values.
func mean(x []float64) (sum float64) {
	for _, v := range x {
		sum += math.Abs(v) / float64(len(x))
	}
	return sum
}

// coordinates returns the coordinates of the i-th element of a shape.
func coordinates(i int, shape tensor.Shape) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d], i = i%shape[d], i/shape[d]
	}
	return at
}
