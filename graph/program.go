package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Program is a compiled graph and its tape machine. Shapes are those the graph was
// built with. Several programs over one [Params] may run at once, as long as
// nobody writes weights meanwhile, and one at a time by RunGrad, which writes
// gradients. One program runs in one goroutine at a time.
type Program struct {
	*builder
	ints   map[string][]int
	floats map[string][]float32
	outs   map[*G.Node]*output
	loss   *G.Node
	params []*Param // those of this graph, in order of declaration

	gradients []gradient
	machine   *machine // what is run
	ops       int      // of ours in it
	arena     *arena   // the results' buffers
}

// output is a node that is read after a run.
type output struct {
	node   *G.Node
	reader *G.Node // copies the value into read, where the node's own is not safe
	read   G.Value
}

// Compile turns the graph into a program that computes outs. A graph can be
// compiled once.
func (s *Scope) Compile(outs ...*G.Node) (*Program, error) { return s.compile(nil, outs) }

// CompileGrad is Compile with a scalar loss and its gradient with respect to every
// parameter of the graph, by Gorgonia's symbolic differentiation. A parameter that
// the loss does not depend on is an error: it would never learn.
func (s *Scope) CompileGrad(loss *G.Node, outs ...*G.Node) (*Program, error) {
	if s.err == nil && loss == nil {
		return nil, errors.New("graph: the loss is nil; want a scalar node")
	}
	return s.compile(loss, outs)
}

func (s *Scope) compile(loss *G.Node, outs G.Nodes) (*Program, error) {
	if s.err != nil {
		return nil, s.err
	}
	if err := s.checkEdits(); err != nil {
		return nil, err
	}
	if slices.Contains(outs, nil) {
		return nil, fmt.Errorf("graph: output %d is nil; want a node", slices.Index(outs, nil))
	}
	if s.compiled {
		return nil, errors.New("graph: compiled twice; build the graph anew for another program")
	}
	s.compiled = true
	p := &Program{
		builder: s.builder,
		ints:    make(map[string][]int),
		floats:  make(map[string][]float32),
		outs:    make(map[*G.Node]*output),
	}
	for _, param := range s.params.All() {
		if s.inputs[param.name] != nil {
			p.params = append(p.params, param)
		}
	}
	for name, n := range s.inputs {
		if s.params.Get(name) != nil {
			continue
		}
		if n.Dtype() == tensor.Int {
			p.ints[name] = nil
		} else {
			p.floats[name] = nil
		}
	}
	outs = slices.Clone(outs)
	for _, at := range s.sights {
		outs = append(outs, at.node)
	}
	if loss != nil {
		outs = append(outs, loss)
	}
	var roots G.Nodes // of what is declared, repaired
	for _, n := range outs {
		roots = append(roots, s.repaired(n))
	}
	if s.err != nil {
		return nil, s.err
	}
	if err := s.refuse(roots); err != nil {
		return nil, err
	}
	if s.memory != nil {
		if err := s.checkRows(roots); err != nil {
			return nil, err
		}
	}
	if loss != nil {
		if err := s.checkPatterns(); err != nil {
			return nil, err
		}
		p.loss = s.repaired(loss)
		grads, err := p.differentiate()
		if err != nil {
			return nil, err
		}
		roots = append(p.sinkGradients(grads), roots...)
	}
	if len(roots) == 0 {
		return nil, errors.New("graph: nothing to compute: Compile was given no outputs")
	}
	var err error
	if p.machine, err = p.newMachine(roots); err != nil {
		return nil, err
	}
	var kept G.Nodes
	for _, n := range roots {
		kept = append(kept, p.machine.nodes[n])
	}
	for _, g := range p.gradients {
		if g.added != nil { // Gorgonia keeps what it knows as a gradient from being written over
			G.SetDerivOf(p.machine.nodes[g.added], p.machine.nodes[p.inputs[g.param.name]])
		}
	}
	for _, n := range outs {
		right := s.repaired(n)
		o := newOutput(p.machine.nodes[right])
		p.outs[n], p.outs[right] = o, o // a caller has either
		if o.reader != nil {
			kept = append(kept, o.reader)
		}
	}
	order, err := G.Sort(p.machine.graph)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	slices.Reverse(order)
	p.dropUnused()
	p.plan(order, kept)
	return p, nil
}

// differentiate adds the gradients of the loss to the graph.
func (p *Program) differentiate() (G.Nodes, error) {
	if !p.loss.IsScalar() {
		return nil, fmt.Errorf("graph: the loss has shape %v, want a scalar", p.loss.Shape())
	}
	wrt, err := p.learned()
	if err != nil {
		return nil, err
	}
	for _, n := range p.graph.AllNodes() {
		p.firstGradient = max(p.firstGradient, n.ID()+1)
	}
	p.differentiated = true
	grads, err := grad(p.loss, wrt)
	if p.err != nil {
		return nil, p.err // of a gradient's own constructor: it knows more
	}
	if err != nil {
		return nil, fmt.Errorf("graph: differentiation: %w", err)
	}
	for i, n := range grads {
		if !n.Shape().Eq(wrt[i].Shape()) {
			return nil, fmt.Errorf("%s: its gradient has shape %v, want %v", p.params[i].name, n.Shape(), wrt[i].Shape())
		}
	}
	return grads, nil
}

// learned are the nodes of the parameters. The loss must depend on each of them, and no op that
// wants a gradient may be in between. Gorgonia would leave out what goes through such an op
// without a word, where there is another way to the parameter.
func (p *Program) learned() (wrt G.Nodes, err error) {
	open, closed := p.ways(p.loss)
	for _, param := range p.params {
		n := p.inputs[param.name]
		through := closed[n]
		switch {
		case lacksGrad(through):
			return nil, fmt.Errorf("%s: it has no Grad, and %s needs one through it", p.placeOf(through), param.name)
		case open[n]:
			wrt = append(wrt, n)
		case through != nil:
			return nil, fmt.Errorf("%s: it has no gradient, so %s, which the loss depends on through it alone, would never learn", p.placeOf(through), param.name)
		default:
			return nil, fmt.Errorf("%s: the loss does not depend on this parameter, so it would never learn", param.name)
		}
	}
	return wrt, nil
}

// ways follows the inputs of n. Gradients reach the open nodes; a closed one n depends on through
// the op of the node that it names, which has no gradient with respect to what leads there.
func (p *Program) ways(n *G.Node) (open map[*G.Node]bool, closed map[*G.Node]*G.Node) {
	open, closed = map[*G.Node]bool{n: true}, make(map[*G.Node]*G.Node)
	for queue := []*G.Node{n}; len(queue) > 0; {
		n, queue = queue[len(queue)-1], queue[:len(queue)-1]
		in := inputs(n)
		if len(in) == 0 {
			continue
		}
		op, ok := n.Op().(G.SDOp)
		wrt := make([]bool, len(in))
		if ok {
			copy(wrt, op.DiffWRT(len(in)))
		}
		for i, child := range in {
			switch {
			case wrt[i] && !open[child]:
				open[child] = true
				queue = append(queue, child)
			case !wrt[i]:
				for below := range ancestors(child) {
					if closed[below] == nil || lacksGrad(n) {
						closed[below] = n
					}
				}
			}
		}
	}
	return open, closed
}

// lacksGrad tells whether n is of an op of ours that has no gradient and does not say that it
// wants none.
func lacksGrad(n *G.Node) bool {
	if n == nil {
		return false
	}
	o, ours := n.Op().(*nodeOp)
	return ours && o.Grad == nil && !o.Detached
}

// grad is Gorgonia's Grad, a panic of which is an error.
func grad(loss *G.Node, wrt G.Nodes) (grads G.Nodes, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %s", oneLine(r))
		}
	}()
	return G.Grad(loss, wrt...)
}

// ancestors is the set of nodes that some are computed from, these included.
func ancestors(nodes ...*G.Node) map[*G.Node]bool {
	seen := make(map[*G.Node]bool)
	for _, n := range nodes {
		seen[n] = true
	}
	for queue := slices.Clone(nodes); len(queue) > 0; {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for it := n.Graph().From(n.ID()); it.Next(); {
			if child := it.Node().(*G.Node); !seen[child] {
				seen[child] = true
				queue = append(queue, child)
			}
		}
	}
	return seen
}

// newOutput prepares the reading of a node of the machine. A built-in op may write its result over
// the value of a node that it reads (gorgonia#499), so a node that one reads, or
// that is one itself, is copied by the machine.
func newOutput(n *G.Node) *output {
	o := &output{node: n}
	if n.IsScalar() {
		return o
	}
	_, ours := n.Op().(*nodeOp)
	for it := n.Graph().To(n.ID()); it.Next(); {
		_, theirs := it.Node().(*G.Node).Op().(*nodeOp)
		ours = ours && theirs
	}
	if !ours {
		o.reader = G.Read(n, &o.read)
	}
	return o
}

// Seed sets the counter of random ops such as dropout: the same seed and step give
// the same masks.
func (p *Program) Seed(seed, step uint64) { *p.random = random{seed, step} }

// Trace has f called after each op of ours with its place, its name and the time it
// took; nil ends it.
func (p *Program) Trace(f func(path, op string, took time.Duration)) { p.trace = f }

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
	n := p.inputs[name]
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
	if p.machine.vm == nil {
		if err := p.start(); err != nil {
			return err
		}
	}
	if err := p.machine.letOwn(); err != nil {
		return err
	}
	p.failure, p.clock, p.weight = nil, 0, weight
	err := p.machine.vm.RunAll()
	p.machine.vm.Reset() // also after an error, or the next run would do nothing
	if p.failure != nil {
		return p.failure // without the machine's words around it
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
			kernel.Axpy(g.param.GradData(), weight, p.machine.nodes[g.added].Value().Data().([]float32))
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
		// A header of its own: Gorgonia's matrix product changes the header's
		// strides for a moment, which another program must not see.
		if err := p.machine.let(p.inputs[param.name], dense(param.Data(), param.shape)); err != nil {
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

// value is the elements of an output; nil if there is none.
func (o *output) value() []float32 {
	if o == nil {
		return nil
	}
	v := o.read
	if o.reader == nil {
		v = o.node.Value()
	}
	if v == nil {
		return nil
	}
	switch data := v.Data().(type) {
	case float32:
		return []float32{data}
	case []float32:
		return data
	}
	return nil
}

// PlannedBytes is what the program's results take while it runs, beside the
// parameters, their gradients, and what ops keep for themselves.
func (p *Program) PlannedBytes() int64 { return 4 * int64(p.arena.size) }

// Borrow has the results lie in the memory of another program, if they fit, as those of a
// graph for short sequences do in that of one for long ones. Call it before the first run.
// The two must not run at the same time, and a run of either ends the values of both.
func (p *Program) Borrow(from *Program) error {
	switch {
	case from == nil:
		return errors.New("graph: Borrow from no program")
	case p == from:
		return errors.New("graph: a program cannot borrow its own memory")
	case p.machine.vm != nil:
		return errors.New("graph: Borrow after the first run")
	}
	lender := from.arena
	for lender.lender != nil {
		lender = lender.lender
	}
	if lender != p.arena && lender.size >= p.arena.size {
		p.arena.lender = lender
	}
	return nil
}

// Close ends the machine.
func (p *Program) Close() error {
	if p.machine.vm == nil {
		return nil
	}
	p.machine.end()
	return p.machine.vm.Close()
}

// FirstNotFinite runs the program again and names the first op of ours whose result
// holds a NaN or an infinity, as in "h.3.attn: Attention"; empty if none does. An
// attention's mask is inside its op, so no result of ours is infinite by design. The
// gradients of the parameters stay as they are.
func (p *Program) FirstNotFinite() (place string, err error) {
	p.check = func(o *nodeOp) {
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
	defer func() { p.check = nil }()
	return place, p.Run()
}
