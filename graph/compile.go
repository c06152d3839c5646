package graph

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Compile turns the graph into a program that computes outs. A graph can be compiled only once.
func (s *Scope) Compile(outs ...*G.Node) (*Program, error) { return s.compile(nil, outs) }

// CompileGrad is Compile with a scalar loss and its gradient with respect to every parameter of the graph that
// is not frozen, by Gorgonia's symbolic differentiation. A parameter that the loss does not depend on is an
// error, since it would never be trained.
func (s *Scope) CompileGrad(loss *G.Node, outs ...*G.Node) (*Program, error) {
	if s.err == nil && loss == nil {
		return nil, errors.New("graph: the loss is nil; want a scalar node")
	}
	if s.err == nil && loss.Graph() != s.graph {
		return nil, fmt.Errorf("graph: the loss is %s; want a node of this graph", stranger(loss))
	}
	return s.compile(loss, outs)
}

// compile makes the program. Each step fails if the graph is not fit for it.
func (s *Scope) compile(loss *G.Node, outs G.Nodes) (*Program, error) {
	if loss != nil {
		s.settlePools()
	}
	if err := s.checkCompile(outs); err != nil {
		return nil, err
	}
	s.compiled = true
	p := s.newProgram()
	outs = slices.Clone(outs)
	for _, at := range s.seen {
		outs = append(outs, at.node)
	}
	if loss != nil {
		outs = append(outs, loss)
		for _, l := range s.losses {
			outs = append(outs, l.Node)
		}
		for _, r := range s.reports {
			outs = append(outs, r.Node)
		}
	}
	roots, err := s.right(outs)
	if err != nil {
		return nil, err
	}
	var wrt []target
	var grads G.Nodes
	if loss != nil {
		p.loss = s.repaired(loss)
		if wrt, grads, err = s.differentiate(s.withAdded(p.loss), p.params); err != nil {
			return nil, err
		}
		var added G.Nodes
		p.gradients, added = sinkGradients(wrt, grads)
		roots = append(added, roots...)
	}
	if len(roots) == 0 {
		return nil, errors.New("graph: nothing to compute: Compile was given no outputs")
	}
	if err := p.assemble(roots, outs, wrt, grads); err != nil {
		return nil, err
	}
	s.dropUnused(append(roots, grads...))
	return p, nil
}

// checkCompile returns an error if the graph or the requested outputs cannot be compiled.
func (s *Scope) checkCompile(outs G.Nodes) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := s.checkComputing(); err != nil {
		return err
	}
	if slices.Contains(outs, nil) {
		return fmt.Errorf("graph: output %d is nil; want a node", slices.Index(outs, nil))
	}
	for i, n := range outs {
		if n.Graph() != s.graph {
			return fmt.Errorf("graph: output %d is %s; want a node of this graph", i, stranger(n))
		}
	}
	if s.compiled {
		return errors.New("graph: compiled twice; build the graph again for another program")
	}
	return nil
}

// newProgram returns a program with the graph's inputs and parameters.
func (s *Scope) newProgram() *Program {
	p := &Program{
		declared: s.builder,
		run:      s.run,
		ints:     make(map[string][]int),
		floats:   make(map[string][]float32),
		outs:     make(map[*G.Node]*output),
		slopes:   make(map[*G.Node]*output),
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
	return p
}

// right returns what replaces outs after repairs. It refuses what cannot be compiled.
func (s *Scope) right(outs G.Nodes) (roots G.Nodes, err error) {
	for _, n := range outs {
		roots = append(roots, s.repaired(n))
	}
	if s.err != nil {
		return nil, s.err
	}
	if err := s.refuse(roots); err != nil {
		return nil, err
	}
	if err := s.checkLayouts(roots); err != nil {
		return nil, err
	}
	if s.cache != nil {
		return roots, s.checkRows(roots)
	}
	return roots, nil
}

// assemble makes the machine for what roots need, with outs and the gradients of nodes as readable outputs, and
// plans its memory.
func (p *Program) assemble(roots, outs G.Nodes, wrt []target, grads G.Nodes) (err error) {
	b := p.declared
	if p.machine, err = b.newMachine(roots); err != nil {
		return err
	}
	m := p.machine
	for _, side := range b.sides {
		resultOf(side).unwanted = m.home[side] == nil
	}
	var kept G.Nodes
	for _, n := range roots {
		kept = append(kept, m.home[n])
	}
	for _, g := range p.gradients {
		if g.added != nil { // a node that is known as a gradient is not overwritten by Gorgonia
			G.SetDerivOf(m.home[g.added], m.home[b.inputs[g.param.name]])
		}
	}
	read := func(n *G.Node) *output {
		o := m.output(n)
		if o.reader != nil {
			kept = append(kept, o.reader)
		}
		return o
	}
	for _, n := range outs {
		right := b.repairs[n]
		if right == nil {
			right = n
		}
		o := read(right)
		p.outs[n], p.outs[right] = o, o // a caller may hold either
	}
	for i, t := range wrt {
		if t.param == nil {
			o := read(grads[i])
			p.slopes[t.node], p.slopes[t.given] = o, o
		}
	}
	order, err := m.order()
	if err != nil {
		return err
	}
	p.plan(order, kept)
	return nil
}

// dropUnused forgets the nodes that differentiation added and that no used gradient reads: those of frozen
// parameters, and what Recompute copied for them.
func (b *builder) dropUnused(used G.Nodes) {
	if !b.differentiated {
		return
	}
	needed := ancestors(used...)
	for _, n := range b.graph.AllNodes() {
		if n.ID() >= b.firstGradient && !needed[n] {
			b.unused[n] = true
		}
	}
}
