package graph

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// AddedLoss is a term that a layer has added to the loss; see [Scope.AddLoss].
type AddedLoss struct {
	Name   string  // with the path of the layer's scope
	Weight float64 // factor of the term
	Value  float32 // without the weight, from the last run
	Node   *G.Node
}

// AddLoss adds weight times a scalar to the loss that [Scope.CompileGrad] differentiates, from inside a layer
// or an edit: the balance of a router, a penalty on activations. [Program.Losses] reports it under the scope's
// path and the name. Programs without a gradient do not compute it.
func (s *Scope) AddLoss(name string, loss *G.Node, weight float64) {
	loss = s.Require("AddLoss", name, loss)
	switch {
	case s.err != nil:
	case !loss.IsScalar() || loss.Dtype() != tensor.Float32:
		s.Fail("AddLoss", loss.Shape(), "%s is %v of %v, want a scalar", name, loss.Shape(), loss.Dtype())
	case math.IsNaN(weight) || math.IsInf(weight, 0):
		s.Fail("AddLoss", loss.Shape(), "%s has a weight of %v; want a finite number", name, weight)
	default:
		s.losses = append(s.losses, AddedLoss{Name: s.told("AddLoss", name, loss), Weight: weight, Node: loss})
	}
}

// told returns the full name under which a value of this scope is reported; op is the function that was given
// it. In a [Scope.Shared] scope, further values of the same name are numbered.
func (s *Scope) told(op, name string, value *G.Node) string {
	full := s.join(name)
	s.names[full]++
	switch uses := s.names[full]; {
	case uses > 1 && !s.shared:
		s.Fail(op, value.Shape(), "%s is added twice", name)
	case uses > 1:
		return fmt.Sprintf("%s.use%d", full, uses)
	}
	return full
}

// pool is a loss computed from values of several layers.
type pool struct {
	name   string
	weight float64
	loss   func(s *Scope, values []G.Nodes) *G.Node
	values []G.Nodes
}

// PoolLoss contributes values to a loss that is computed once for all layers: loss makes a scalar from the
// values of all layers that contributed under this name, in the order of their declaration. Weight times that
// scalar is added as by [Scope.AddLoss], under the name alone. All layers must give the same weight and the
// same number of values; the loss function of the first one is used.
func (s *Scope) PoolLoss(name string, weight float64, loss func(s *Scope, values []G.Nodes) *G.Node, values ...*G.Node) {
	for i, v := range values {
		values[i] = s.Require("PoolLoss", name, v)
	}
	if loss == nil {
		s.Fail("PoolLoss", tensor.ScalarShape(), "the loss of %s is nil; want a function", name)
		return
	}
	i := slices.IndexFunc(s.pools, func(p *pool) bool { return p.name == name })
	if i < 0 {
		s.pools = append(s.pools, &pool{name, weight, loss, []G.Nodes{values}})
		return
	}
	p := s.pools[i]
	if first := len(p.values[0]); p.weight != weight || first != len(values) {
		s.Fail("PoolLoss", tensor.ScalarShape(), "%s is %v times a loss of %d values of each layer; want %v times one of %d, as of the first layer",
			name, weight, len(values), p.weight, first)
		return
	}
	p.values = append(p.values, values)
}

// settlePools adds the losses of the pools.
func (s *Scope) settlePools() {
	root := &Scope{builder: s.builder}
	for _, p := range s.pools {
		root.AddLoss(p.name, p.loss(root.At("%s", p.name), p.values), p.weight)
	}
	s.pools = nil
}

// AddedLosses returns the losses that layers have added so far, in the order of their declaration.
func (s *Scope) AddedLosses() []AddedLoss { return slices.Clone(s.losses) }

// withAdded returns the loss plus what layers have added to it.
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

// times returns a scalar times a factor.
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

// Losses returns the losses that layers have added, in the order of their declaration, with their values from
// the last run. [Program.Loss] does not include them.
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
