package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// AddedLoss is a part of the loss that a layer has added to it; see [Scope.AddLoss].
type AddedLoss struct {
	Name   string  // with the path of the layer's scope
	Weight float64 // that it is multiplied by
	Value  float32 // without the weight, as of the last run
	Node   *G.Node
}

// AddLoss adds weight times a scalar to what [Scope.CompileGrad] differentiates, from inside a layer or
// an edit: the balance of a router, a penalty on activations. [Program.Losses] reports it under
// the scope's path and the name. Programs without a gradient do without it.
func (s *Scope) AddLoss(name string, loss *G.Node, weight float64) {
	loss = s.Require("AddLoss", name, loss)
	switch {
	case s.err != nil:
	case !loss.IsScalar() || loss.Dtype() != tensor.Float32:
		s.Fail("AddLoss", loss.Shape(), "%s is %v of %v, want a scalar", name, loss.Shape(), loss.Dtype())
	case math.IsNaN(weight) || math.IsInf(weight, 0):
		s.Fail("AddLoss", loss.Shape(), "%s has a weight of %v", name, weight)
	default:
		full, uses := s.join(name), 0
		for _, l := range s.losses {
			if l.Name == full || strings.HasPrefix(l.Name, full+".use") {
				uses++
			}
		}
		if uses > 0 && !s.shared {
			s.Fail("AddLoss", loss.Shape(), "%s is added twice", name)
		} else if uses > 0 {
			full = fmt.Sprintf("%s.use%d", full, uses+1)
		}
		s.losses = append(s.losses, AddedLoss{Name: full, Weight: weight, Node: loss})
	}
}

// AddedLosses are those that layers have added so far, in the order of their declaration.
func (s *Scope) AddedLosses() []AddedLoss { return slices.Clone(s.losses) }

// withAdded is the loss with what layers have added to it.
func (s *Scope) withAdded(loss *G.Node) *G.Node {
	if len(s.losses) == 0 {
		return loss
	}
	in := G.Nodes{loss}
	for _, l := range s.losses {
		in = append(in, l.Node)
	}
	root := &Scope{builder: s.builder}
	return root.Apply(Op{
		Name:  "AddLosses",
		FLOPs: 2 * int64(len(s.losses)),
		Run: func(a *Args) error {
			total := a.Floats(0)[0]
			for i, l := range s.losses {
				total += float32(l.Weight) * a.Floats(i + 1)[0]
			}
			a.Out(0)[0] = total
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			grads := G.Nodes{grad}
			for _, l := range s.losses {
				grads = append(grads, root.times(grad, l.Weight))
			}
			return grads
		},
	}, in...)
}

// times is a scalar times a factor.
func (s *Scope) times(x *G.Node, factor float64) *G.Node {
	if factor == 1 {
		return x
	}
	return s.Apply(Op{
		Name:  "LossWeight",
		FLOPs: 1,
		Run: func(a *Args) error {
			a.Out(0)[0] = float32(factor) * a.Floats(0)[0]
			return nil
		},
	}, x)
}

// Losses are those that layers added to that of the program, in the order of their declaration, with
// their values of the last run; [Program.Loss] is without them.
func (p *Program) Losses() (all []AddedLoss) {
	if p.loss == nil {
		return nil
	}
	for _, l := range p.declared.losses {
		if v := p.Value(l.Node); v != nil {
			l.Value = v[0]
		}
		all = append(all, l)
	}
	return all
}
