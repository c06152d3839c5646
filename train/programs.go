package train

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// programs are those of a task, one for each shape of its batches. They take turns in the memory
// of the first.
type programs struct {
	compile func(shape []int) (*program, error)
	made    []*program
}

// program is a graph for batches of one shape.
type program struct {
	*graph.Program
	shape  []int
	loss   *gorgonia.Node
	names  []string // of values, sorted
	values []*gorgonia.Node
}

// of returns the program for a shape.
func (p *programs) of(shape []int) (*program, error) {
	for _, q := range p.made {
		if slices.Equal(q.shape, shape) {
			return q, nil
		}
	}
	q, err := p.compile(shape)
	if err != nil {
		return nil, err
	}
	q.shape = slices.Clone(shape)
	if len(p.made) > 0 {
		first := p.made[0]
		if err = q.Borrow(first.Program); err == nil && !slices.Equal(q.names, first.names) {
			err = fmt.Errorf("the task reports %q beside the loss, but %q for batches of %v", first.names, q.names, shape)
		}
		if err != nil {
			return nil, errors.Join(err, q.Close())
		}
	}
	p.made = append(p.made, q)
	return q, nil
}

func (p *programs) close() error {
	var errs []error
	for _, q := range p.made {
		errs = append(errs, q.Close())
	}
	return errors.Join(errs...)
}

// terms are the loss of the last run and the values beside it, each times a weight, put into sums.
func (p *program) terms(into []float64, weight float64) []float64 {
	into = append(into[:0], weight*float64(p.Value(p.loss)[0]))
	for _, n := range p.values {
		into = append(into, weight*float64(p.Value(n)[0]))
	}
	return into
}

// named are the values among terms.
func (p *program) named(terms []float64) map[string]float64 {
	if len(p.names) == 0 {
		return nil
	}
	all := make(map[string]float64, len(p.names))
	for i, name := range p.names {
		all[name] = terms[1+i]
	}
	return all
}

// declared is the task's graph for batches of a shape, not compiled yet.
func (t *Trainer) declared(shape []int, options ...graph.Option) (*graph.Scope, *program, error) {
	s := graph.New(t.Params, append(options, t.Graph...)...)
	loss, values := t.Task.Declare(s, shape)
	p := &program{loss: loss, names: slices.Sorted(maps.Keys(values))}
	for _, name := range p.names {
		n := values[name]
		if err := checkValue(name); err != nil {
			return nil, nil, err
		}
		if s.Err() == nil && (n == nil || n.Shape().TotalSize() != 1) {
			return nil, nil, fmt.Errorf("the value %q beside the loss is no scalar", name)
		}
		p.values = append(p.values, n)
	}
	return s, p, nil
}

// compileTraining makes a program of the loss and its gradient.
func (t *Trainer) compileTraining(shape []int) (*program, error) {
	var options []graph.Option
	if !t.NoDropout {
		options = append(options, graph.Training())
	}
	s, p, err := t.declared(shape, options...)
	if err != nil {
		return nil, err
	}
	if err := t.freeze(); err != nil {
		return nil, err
	}
	p.Program, err = s.CompileGrad(p.loss, p.values...)
	return p, err
}

// compileEvaluation makes a program of the loss alone, without dropout.
func (t *Trainer) compileEvaluation(shape []int) (*program, error) {
	s, p, err := t.declared(shape)
	if err != nil {
		return nil, err
	}
	p.Program, err = s.Compile(append([]*gorgonia.Node{p.loss}, p.values...)...)
	return p, err
}

var valueName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// checkValue refuses the name of a value that would be confused with what metrics have anyway.
func checkValue(name string) error {
	if !valueName.MatchString(name) {
		return fmt.Errorf("the name %q of a value is none: want letters, digits and _./-, a letter first", name)
	}
	if slices.Contains(metricKeys, name) {
		return fmt.Errorf("a value beside the loss cannot be named %q, as metrics have that already", name)
	}
	return nil
}
