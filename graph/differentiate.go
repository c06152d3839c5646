package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
)

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
