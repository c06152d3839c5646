package graph

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
)

// target is what a gradient is with respect to.
type target struct {
	node  *G.Node
	name  string  // in errors
	param *Param  // nil of a node of RetainGrad
	given *G.Node // to RetainGrad, before it was repaired
}

// differentiate adds the gradients of the loss to the graph, one for each of the parameters that
// are learned and the nodes of RetainGrad.
func (s *Scope) differentiate(loss *G.Node, params []*Param) (wrt []target, grads G.Nodes, err error) {
	if !loss.IsScalar() {
		return nil, nil, fmt.Errorf("graph: the loss has shape %v, want a scalar", loss.Shape())
	}
	if err := s.checkPatterns(); err != nil {
		return nil, nil, err
	}
	if wrt, err = s.targets(loss, params); err != nil {
		return nil, nil, err
	}
	for _, n := range s.graph.AllNodes() {
		s.firstGradient = max(s.firstGradient, n.ID()+1)
	}
	s.index.reserve(4 * len(s.graph.AllNodes()))
	s.differentiated = true
	grads, err = grad(loss, wrt)
	if s.err != nil {
		return nil, nil, s.err // of a gradient's own constructor: it knows more
	}
	if err != nil {
		return nil, nil, fmt.Errorf("graph: differentiation: %w", err)
	}
	for i, n := range grads {
		if !n.Shape().Eq(wrt[i].node.Shape()) {
			return nil, nil, fmt.Errorf("%s: its gradient has shape %v, want %v", wrt[i].name, n.Shape(), wrt[i].node.Shape())
		}
	}
	return wrt, grads, nil
}

// learned are the parameters that are not frozen.
func learned(params []*Param) []*Param {
	return slices.DeleteFunc(slices.Clone(params), (*Param).Frozen)
}

// targets are what the gradient is with respect to. The loss must depend on each, and no op that
// wants a gradient may be in between. Gorgonia would leave out what goes through such an op
// without a word, where there is another way.
func (s *Scope) targets(loss *G.Node, params []*Param) (wrt []target, err error) {
	for _, param := range learned(params) {
		wrt = append(wrt, target{node: s.inputs[param.name], name: param.name, param: param})
	}
	for _, n := range s.retained {
		wrt = append(wrt, target{node: s.repaired(n), name: s.placeOf(n), given: n})
	}
	if len(wrt) == 0 {
		return nil, errors.New("graph: no parameter of the graph learns: it has none, or all are frozen (graph.Params.Freeze)")
	}
	open, closed := ways(loss)
	for _, t := range wrt {
		if open[t.node] && !lacksGrad(closed[t.node]) {
			continue
		}
		through := closed[t.node]
		end, what := "would never learn", "parameter"
		if t.param == nil {
			end, what = "has no gradient", "node"
		}
		switch {
		case lacksGrad(through):
			return nil, fmt.Errorf("%s: it has no Grad, and %s needs one through it", s.placeOf(through), t.name)
		case through != nil:
			return nil, fmt.Errorf("%s: it has no gradient, so %s, which the loss depends on through it alone, %s", s.placeOf(through), t.name, end)
		}
		return nil, fmt.Errorf("%s: the loss does not depend on this %s, so it %s", t.name, what, end)
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

// grad is Gorgonia's Grad, which takes inputs alone, and Backpropagate where others are among the
// targets. A panic is an error.
func grad(loss *G.Node, wrt []target) (grads G.Nodes, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %s", oneLine(r))
		}
	}()
	var nodes G.Nodes
	inputs := true
	for _, t := range wrt {
		nodes = append(nodes, t.node)
		inputs = inputs && t.node.Op() == nil
	}
	if inputs {
		return G.Grad(loss, nodes...)
	}
	return G.Backpropagate(G.Nodes{loss}, G.Nodes{loss.Graph().Constant(G.NewF32(1))}, nodes)
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
