package graph

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
)

// differentiate adds the gradients of the loss to the graph, one for each of the parameters that
// are learned.
func (b *builder) differentiate(loss *G.Node, params []*Param) (G.Nodes, error) {
	if !loss.IsScalar() {
		return nil, fmt.Errorf("graph: the loss has shape %v, want a scalar", loss.Shape())
	}
	if err := b.checkPatterns(); err != nil {
		return nil, err
	}
	params = learned(params)
	wrt, err := b.reached(loss, params)
	if err != nil {
		return nil, err
	}
	for _, n := range b.graph.AllNodes() {
		b.firstGradient = max(b.firstGradient, n.ID()+1)
	}
	b.differentiated = true
	grads, err := grad(loss, wrt)
	if b.err != nil {
		return nil, b.err // of a gradient's own constructor: it knows more
	}
	if err != nil {
		return nil, fmt.Errorf("graph: differentiation: %w", err)
	}
	for i, n := range grads {
		if !n.Shape().Eq(wrt[i].Shape()) {
			return nil, fmt.Errorf("%s: its gradient has shape %v, want %v", params[i].name, n.Shape(), wrt[i].Shape())
		}
	}
	return grads, nil
}

// learned are the parameters that are not frozen.
func learned(params []*Param) []*Param {
	return slices.DeleteFunc(slices.Clone(params), (*Param).Frozen)
}

// reached are the nodes of the parameters. The loss must depend on each of them, and no op that
// wants a gradient may be in between. Gorgonia would leave out what goes through such an op
// without a word, where there is another way to the parameter.
func (b *builder) reached(loss *G.Node, params []*Param) (wrt G.Nodes, err error) {
	if len(params) == 0 {
		return nil, errors.New("graph: no parameter of the graph learns: it has none, or all are frozen (graph.Params.Freeze)")
	}
	open, closed := ways(loss)
	for _, param := range params {
		n := b.inputs[param.name]
		through := closed[n]
		switch {
		case lacksGrad(through):
			return nil, fmt.Errorf("%s: it has no Grad, and %s needs one through it", b.placeOf(through), param.name)
		case open[n]:
			wrt = append(wrt, n)
		case through != nil:
			return nil, fmt.Errorf("%s: it has no gradient, so %s, which the loss depends on through it alone, would never learn", b.placeOf(through), param.name)
		default:
			return nil, fmt.Errorf("%s: the loss does not depend on this parameter, so it would never learn", param.name)
		}
	}
	return wrt, nil
}

// ways follows the inputs of n. Gradients reach the open nodes; a closed one n depends on through
// the op of the node that it names, which has no gradient with respect to what leads there.
func ways(n *G.Node) (open map[*G.Node]bool, closed map[*G.Node]*G.Node) {
	open, closed = map[*G.Node]bool{n: true}, make(map[*G.Node]*G.Node)
	for _, n := range slices.Backward(declared(G.Nodes{n})) { // readers come before what they read
		in := inputs(n)
		wrt := make([]bool, len(in))
		if op, ok := n.Op().(G.SDOp); ok {
			copy(wrt, op.DiffWRT(len(in)))
		}
		for i, child := range in {
			by := closed[n]
			if open[n] && wrt[i] {
				open[child] = true
			} else if open[n] && (by == nil || lacksGrad(n)) {
				by = n
			}
			if closed[child] == nil || lacksGrad(by) {
				closed[child] = by
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
