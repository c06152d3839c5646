package graph

import (
	"errors"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
)

// target is what a gradient is taken with respect to.
type target struct {
	node  *G.Node
	name  string  // in errors
	param *Param  // nil for a node of RetainGrad
	given *G.Node // as given to RetainGrad, before repairs
}

// differentiate adds the gradients of the loss to the graph, one for each of the parameters that are not frozen
// and for the nodes of RetainGrad.
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
		return nil, nil, s.err // an error of a gradient's constructor, which is more specific
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

// learned returns the parameters that are not frozen.
func learned(params []*Param) []*Param {
	return slices.DeleteFunc(slices.Clone(params), (*Param).Frozen)
}

// targets returns what the gradients are taken with respect to. The loss must depend on each of them, with no
// op in between that lacks a gradient. Gorgonia would silently omit what passes through such an op if there is
// another path.
func (s *Scope) targets(loss *G.Node, params []*Param) (wrt []target, err error) {
	for _, param := range learned(params) {
		wrt = append(wrt, target{node: s.inputs[param.name], name: param.name, param: param})
	}
	for _, n := range s.retained {
		wrt = append(wrt, target{node: s.repaired(n), name: s.placeOf(n), given: n})
	}
	if len(wrt) == 0 {
		return nil, errors.New("graph: the graph has no trainable parameter: it has no parameters, or all are frozen (graph.Params.Freeze)")
	}
	open, closed := ways(loss)
	for _, t := range wrt {
		if open[t.node] && !lacksGrad(closed[t.node]) {
			continue
		}
		through := closed[t.node]
		end, what := "would never be trained", "parameter"
		if t.param == nil {
			end, what = "has no gradient", "node"
		}
		switch {
		case lacksGrad(through):
			return nil, fmt.Errorf("%s: it has no Grad, which the gradient of %s needs", s.placeOf(through), t.name)
		case through != nil:
			return nil, fmt.Errorf("%s: it has no gradient, so %s, which the loss depends on through it alone, %s", s.placeOf(through), t.name, end)
		}
		return nil, fmt.Errorf("%s: the loss does not depend on this %s, so it %s", t.name, what, end)
	}
	return wrt, nil
}

// ways follows the inputs of n. Gradients reach the open nodes. On the closed ones, n depends through the op of
// the node that closed maps them to, which has no gradient with respect to them.
func ways(n *G.Node) (open map[*G.Node]bool, closed map[*G.Node]*G.Node) {
	open, closed = map[*G.Node]bool{n: true}, make(map[*G.Node]*G.Node)
	for _, n := range slices.Backward(declared(G.Nodes{n})) { // readers come before the nodes that they read
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

// lacksGrad reports whether n's op is one of ours that has no gradient and does not declare itself Detached.
func lacksGrad(n *G.Node) bool {
	if n == nil {
		return false
	}
	o, ours := n.Op().(*nodeOp)
	return ours && o.Grad == nil && !o.Detached
}

// grad calls Gorgonia's Grad, which accepts only inputs, or Backpropagate if there are other nodes among the
// targets. A panic becomes an error.
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

// ancestors returns the set of nodes that the given nodes are computed from, including these.
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
