package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gradCheck is a check in progress.
type gradCheck struct {
	GradCheck
	program *Program
	out     *G.Node
	weights []float32 // of the elements of out
	vars    []variable
}

// variable is a tensor that the function depends on.
type variable struct {
	name  string
	shape tensor.Shape
	data  []float32
	first []float32 // data before the first run
	param *Param    // the parameter, or
	input *G.Node   // the input of Floats
}

// compile declares the function with its weighted sum as the loss.
func (c GradCheck) compile(declare func(s *Scope) *G.Node) (*gradCheck, error) {
	s, g := New(NewParams(c.Seed), c.Options...), &gradCheck{GradCheck: c}
	random := rand.New(rand.NewPCG(c.Seed, 1))
	g.out = s.Require("CheckGrad", "what the function returns", declare(s))
	for range g.out.Shape().TotalSize() {
		g.weights = append(g.weights, float32(random.Float64()+0.5)*float32(1-2*random.IntN(2)))
	}
	loss := s.weighed(g.out, g.weights)
	for _, p := range s.params.All() {
		if s.inputs[p.name] != nil && !p.Frozen() {
			g.vars = append(g.vars, variable{name: p.name, shape: p.shape, param: p, data: p.Data()})
		}
	}
	for _, name := range sortedKeys(s.inputs) {
		n := s.inputs[name]
		if n.Dtype() != tensor.Float32 || s.params.Get(name) != nil || c.Floats[name] != nil {
			continue
		}
		v := variable{name: name, shape: n.Shape(), input: n}
		for range n.Shape().TotalSize() {
			v.data = append(v.data, float32(random.NormFloat64()))
		}
		g.vars = append(g.vars, v)
		s.RetainGrad(n)
	}
	for i, v := range g.vars {
		g.vars[i].first = slices.Clone(v.data)
	}
	var err error
	if g.program, err = s.CompileGrad(loss, g.out); err != nil {
		return nil, err
	}
	for name, x := range c.Ints {
		if err := g.program.SetInts(name, x); err != nil {
			return nil, err
		}
	}
	for name, x := range c.Floats {
		if err := g.program.SetFloats(name, x); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// weighed declares the sum of x's elements times weights.
func (s *Scope) weighed(x *G.Node, weights []float32) *G.Node {
	return s.Apply(Op{
		Name: "Weighed",
		Run: func(a *Args) error {
			sum, _ := weighedSum(weights, a.Floats(0))
			a.Out(0)[0] = float32(sum)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(Op{
				Name: "WeighedGrad",
				Out:  x.Shape(),
				Run: func(a *Args) error {
					for i, w := range weights {
						a.Out(0)[i] = w * a.Floats(0)[0]
					}
					return nil
				},
			}, grad)}
		},
	}, x)
}

// weighedSum returns Σ w·x and the sum of the absolute values of its terms.
func weighedSum[E float32 | float64](w []float32, x []E) (sum, size float64) {
	for i, v := range x {
		term := float64(w[i]) * float64(v)
		sum += term
		size += math.Abs(term)
	}
	return sum, size
}

// gradients runs the program and returns the gradient of each variable.
func (g *gradCheck) gradients() (all [][]float32, err error) {
	if err := g.give(); err != nil {
		return nil, err
	}
	g.program.declared.params.ZeroGrad()
	if err := g.program.RunGrad(1); err != nil {
		return nil, err
	}
	for _, v := range g.vars {
		if v.param != nil {
			all = append(all, slices.Clone(v.param.GradData()))
		} else {
			all = append(all, slices.Clone(g.program.Gradient(v.input)))
		}
	}
	return all, nil
}

// give sets the values of the inputs.
func (g *gradCheck) give() error {
	for _, v := range g.vars {
		if v.input != nil {
			if err := g.program.SetFloats(v.name, v.data); err != nil {
				return err
			}
		}
	}
	return nil
}

// held returns what a program reads of a variable.
func (g *gradCheck) held(v variable) []float32 {
	if v.input != nil {
		return g.program.floats[v.name]
	}
	return v.data
}

// checkAdded runs the program once more, adding half of the gradients to those of the parameters.
func (g *gradCheck) checkAdded(grads [][]float32) error {
	if err := g.program.RunGrad(0.5); err != nil {
		return err
	}
	for i, v := range g.vars {
		if v.param == nil {
			continue
		}
		want := make([]float64, len(grads[i]))
		for j, x := range grads[i] {
			want[j] = 1.5 * float64(x)
		}
		average := mean(want)
		for j, got := range v.param.GradData() {
			if !near(float64(got), want[j], g.tolerance(), average, 0) {
				return fmt.Errorf("graph: CheckGrad: a gradient of %s %v at %v of %v, with half of it added, is %v: an op ignores the factors of Args.Accumulate", v.name, v.shape, coordinates(j, v.shape), grads[i][j], got)
			}
		}
	}
	return nil
}

// check runs all comparisons.
func (g *gradCheck) check() error {
	grads, err := g.gradients()
	if err != nil {
		return err
	}
	values := slices.Clone(g.program.Value(g.out))
	for i, v := range g.vars {
		if !slices.Equal(g.held(v), v.first) {
			return fmt.Errorf("graph: CheckGrad: a run writes to %s", v.name)
		}
		if slices.ContainsFunc(grads[i], func(x float32) bool { return x-x != 0 }) {
			return fmt.Errorf("graph: CheckGrad: the gradient of %s is not finite: %v", v.name, grads[i])
		}
	}
	again, err := g.gradients()
	if err != nil {
		return err
	}
	for i, v := range g.vars {
		if !slices.Equal(grads[i], again[i]) {
			return fmt.Errorf("graph: CheckGrad: a second run gives a different gradient of %s: an op keeps something between runs, or reads what it has not written", v.name)
		}
	}
	if err := g.checkAdded(grads); err != nil {
		return err
	}
	if err := g.checkValues(values); err != nil {
		return err
	}
	for i, v := range g.vars {
		if err := g.checkSlopes(v, grads[i]); err != nil {
			return err
		}
	}
	return nil
}
