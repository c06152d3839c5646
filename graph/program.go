package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Program is a compiled graph with its tape machine. Its shapes are those that the graph was built with.
// Several programs over one [Params] may run at once, as long as nobody writes weights meanwhile, and only one
// of them by RunGrad, which writes gradients. A program runs in one goroutine at a time.
type Program struct {
	declared *builder
	run      *run
	ints     map[string][]int
	floats   map[string][]float32
	outs     map[*G.Node]*output
	slopes   map[*G.Node]*output // gradients of nodes
	loss     *G.Node
	params   []*Param // those of the graph, in order of declaration

	gradients []gradient
	machine   *machine  // what is run
	ops       int       // number of our ops in it
	finishers []*nodeOp // ops that complete gradients
	layout    layout    // of the results
}

// Seed sets the seed and step of random ops such as dropout: the same seed and step give the same masks.
func (p *Program) Seed(seed, step uint64) { p.run.seed, p.run.step = seed, step }

// Trace makes runs call f after each op made by [Scope.Apply], with its path, its name and the time it took;
// nil ends this.
func (p *Program) Trace(f func(path, op string, took time.Duration)) { p.run.trace = f }

// SetInts sets the values of an input for the coming runs. They are copied.
func (p *Program) SetInts(name string, ids []int) error {
	return set(p, p.ints, name, ids)
}

// SetFloats is SetInts for an input of float32 numbers.
func (p *Program) SetFloats(name string, x []float32) error {
	return set(p, p.floats, name, x)
}

func set[E float32 | int](p *Program, inputs map[string][]E, name string, x []E) error {
	backing, ok := inputs[name]
	if !ok {
		return fmt.Errorf("graph: no input %q of type %T; the inputs are %q", name, x, sortedKeys(inputs))
	}
	n := p.declared.inputs[name]
	if want := n.Shape().TotalSize(); len(x) != want {
		return fmt.Errorf("graph: input %s has %d values, want %d for shape %v", name, len(x), want, n.Shape())
	}
	if backing == nil {
		backing = make([]E, len(x))
		inputs[name] = backing
		if err := p.machine.let(n, dense(backing, n.Shape())); err != nil {
			return fmt.Errorf("graph: input %s: %w", name, err)
		}
	}
	copy(backing, x)
	return nil
}

func sortedKeys[E any](m map[string]E) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Run computes the outputs. The gradients of the parameters are not changed.
func (p *Program) Run() error { return p.runWith(0) }

// runWith runs the program once. Nodes that add themselves to a parameter's gradient do so with the given
// weight.
func (p *Program) runWith(weight float32) error {
	if !p.machine.started {
		if err := p.start(); err != nil {
			return err
		}
	}
	if err := p.machine.letOwn(); err != nil {
		return err
	}
	if m := p.declared.cache; m != nil {
		defer func() { m.counts = m.counts[:0] }()
		if err := m.extend(p.ints["past"], p.declared.sequence[1]); err != nil {
			return err
		}
	}
	p.layout.settle()
	p.run.failure, p.run.clock, p.run.weight = nil, 0, weight
	err := p.machine.run()
	if p.run.failure != nil {
		return p.run.failure // without the machine's own wording around it
	}
	if err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	return nil
}

// RunGrad runs a program of CompileGrad and adds weight times the gradient to the parameters' GradData. The
// mean over k micro-batches is k runs with weight 1/k.
func (p *Program) RunGrad(weight float32) error {
	if p.loss == nil {
		return errors.New("graph: RunGrad on a program without a loss; use CompileGrad")
	}
	if err := p.runWith(weight); err != nil {
		return err
	}
	for _, g := range p.gradients {
		if g.added != nil {
			kernel.Axpy(g.param.GradData(), weight, p.machine.home[g.added].Value().Data().([]float32))
			if p.run.ready != nil {
				p.run.ready(g.param)
			}
		}
	}
	return nil
}

// start draws the weights that do not exist yet, binds them and starts the machine.
func (p *Program) start() error {
	for _, name := range append(sortedKeys(p.ints), sortedKeys(p.floats)...) {
		if p.ints[name] == nil && p.floats[name] == nil {
			return fmt.Errorf("graph: input %s was given no values", name)
		}
	}
	for _, param := range p.params {
		if err := p.machine.let(p.declared.inputs[param.name], p.bound(param)); err != nil {
			return fmt.Errorf("%s: %w", param.name, err)
		}
	}
	for _, g := range p.gradients {
		g.param.once[1].Do(g.param.makeGrad) // not GradData: other programs may be starting
	}
	return p.machine.start()
}

// Loss returns the loss of the last run. It is NaN before the first run, and for a program without a loss.
func (p *Program) Loss() float32 {
	if p.loss != nil {
		if v := p.outs[p.loss].value(); v != nil {
			return v[0]
		}
	}
	return float32(math.NaN())
}

// Value returns the elements of an output after a run, valid until the next run. It is nil before the first
// run, and for a node that was not given to Compile.
func (p *Program) Value(out *G.Node) []float32 {
	return p.outs[out].value()
}

// PlannedBytes returns the size of the program's results, Saves and Scratch while it runs. It does not include
// the parameters and their gradients.
func (p *Program) PlannedBytes() int64 { return 4 * int64(p.layout.size) }

// Trainable returns the number of weights that the program has a gradient for.
func (p *Program) Trainable() (n int64) {
	for _, g := range p.gradients {
		n += int64(g.param.Size())
	}
	return n
}

// Share places the program's results in an arena that it shares with other programs; these must never run at
// the same time. A run of one invalidates the values of all others. [Family] calls Share. The memory is
// allocated by the first run, and again by a run after a larger program has joined, so share the largest
// program first if it is known.
func (p *Program) Share(a *Arena) {
	p.layout.arena = a
	a.size = max(a.size, p.layout.size)
}

// Close closes the machine.
func (p *Program) Close() error { return p.machine.close() }

// FirstNotFinite runs the program again and returns the place of the first op made by [Scope.Apply] whose
// result holds a NaN or an infinity, as in "h.3.attn: Attention"; empty if there is none. The −∞ of an op that
// [Op.Masks] does not count. The gradients of the parameters are not changed.
func (p *Program) FirstNotFinite() (place string, err error) {
	p.run.check = func(o *nodeOp) {
		if place != "" {
			return
		}
		for i, r := range o.results {
			if i > 0 && r.sums {
				continue // may not be computed in this run
			}
			if r.sink == nil && slices.ContainsFunc(r.buffer(), func(x float32) bool { return x-x != 0 && !(o.Masks && math.IsInf(float64(x), -1)) }) {
				place = o.where()
				return
			}
		}
	}
	defer func() { p.run.check = nil }()
	return place, p.Run()
}
