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

// Program is a compiled graph and its tape machine. Shapes are those the graph was
// built with. Several programs over one [Params] may run at once, as long as
// nobody writes weights meanwhile, and one at a time by RunGrad, which writes
// gradients. One program runs in one goroutine at a time.
type Program struct {
	declared *builder
	run      *run
	ints     map[string][]int
	floats   map[string][]float32
	outs     map[*G.Node]*output
	slopes   map[*G.Node]*output // of the gradients of nodes
	loss     *G.Node
	params   []*Param // those of the graph, in order of declaration

	gradients []gradient
	machine   *machine  // what is run
	ops       int       // of ours in it
	finishers []*nodeOp // that finish gradients
	layout    layout    // of the results
}

// Seed sets the counter of random ops such as dropout: the same seed and step give
// the same masks.
func (p *Program) Seed(seed, step uint64) { p.run.seed, p.run.step = seed, step }

// Trace has f called after each op of ours with its place, its name and the time it
// took; nil ends it.
func (p *Program) Trace(f func(path, op string, took time.Duration)) { p.run.trace = f }

// SetInts gives an input its values for the coming runs; they are copied.
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
		return fmt.Errorf("graph: no input %q of %T; there are %q", name, x, sortedKeys(inputs))
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

// Run computes the outputs. The gradients of the parameters stay as they are.
func (p *Program) Run() error { return p.runWith(0) }

// runWith runs the program once; what adds itself to a parameter's gradient does so
// with the given weight.
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
		return p.run.failure // without the machine's words around it
	}
	if err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	return nil
}

// RunGrad runs the program of a CompileGrad and adds weight times the gradient to
// the parameters' GradData. The mean over k micro-batches is k runs of weight 1/k.
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

// start draws the weights that do not exist yet, binds them and makes the machine.
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

// Loss is the loss of the last run; NaN before the first, and for a program that has
// none.
func (p *Program) Loss() float32 {
	if p.loss != nil {
		if v := p.outs[p.loss].value(); v != nil {
			return v[0]
		}
	}
	return float32(math.NaN())
}

// Value is the elements of an output after a run, valid until the next. It is nil
// before the first run, and for a node that was not given to Compile.
func (p *Program) Value(out *G.Node) []float32 {
	return p.outs[out].value()
}

// PlannedBytes is what the program's results, and what its ops keep and work in, take while it runs, beside the
// parameters and their gradients.
func (p *Program) PlannedBytes() int64 { return 4 * int64(p.layout.size) }

// Trainable is the number of weights that the program has a gradient of.
func (p *Program) Trainable() (n int64) {
	for _, g := range p.gradients {
		n += int64(g.param.Size())
	}
	return n
}

// Share has what a run computes lie in an arena, in which programs take turns that never run at the
// same time. A run of one ends the values of all. [Family] calls it. The memory is made by the
// first run, and anew by one after a larger program has joined, so share the largest first, where it is known.
func (p *Program) Share(a *Arena) {
	p.layout.arena = a
	a.size = max(a.size, p.layout.size)
}

// Close ends the machine.
func (p *Program) Close() error { return p.machine.close() }

// FirstNotFinite runs the program again and names the first op of ours whose result
// holds a NaN or an infinity, as in "h.3.attn: Attention"; empty if none does. An
// attention's mask is inside its op, so no result of ours is infinite by design. The
// gradients of the parameters stay as they are.
func (p *Program) FirstNotFinite() (place string, err error) {
	p.run.check = func(o *nodeOp) {
		if place != "" {
			return
		}
		for i, r := range o.results {
			if i > 0 && r.sums {
				continue // may be left out of this run
			}
			if r.sink == nil && slices.ContainsFunc(r.buffer(), func(x float32) bool { return x-x != 0 }) {
				place = o.where()
				return
			}
		}
	}
	defer func() { p.run.check = nil }()
	return place, p.Run()
}
