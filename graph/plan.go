package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// result is what an op computes: a place in the program's arena, or the gradient of the
// parameter that it goes to.
type result struct {
	shape tensor.Shape
	sums  bool   // the op gives it through Args.Sum
	sink  *Param // it is added to this parameter's gradient
	arena *arena // nil: a buffer of its own
	at    int    // where it begins in the arena
	data  []float32
	value *tensor.Dense
}

// buffer returns the elements, made at the first call.
func (r *result) buffer() []float32 {
	if r.data == nil {
		n := max(r.shape.TotalSize(), 1)
		if r.arena != nil {
			r.data = r.arena.memory()[r.at : r.at+n : r.at+n]
		} else {
			r.data = make([]float32, n)
		}
	}
	return r.data
}

// dense is a header over the buffer. Where the result goes to a parameter's gradient,
// nobody reads it here, but the machine wants a value.
func (r *result) dense() *tensor.Dense {
	if r.value == nil && r.sink != nil {
		r.sink.once[1].Do(r.sink.makeGrad)
		r.value = dense(r.sink.grad, r.shape)
	}
	if r.value == nil {
		r.value = dense(r.buffer(), r.shape)
	}
	return r.value
}

// gradient is where the gradient of one parameter comes from: either node added, whose
// value RunGrad adds, or, if that is nil, nodes that add themselves.
type gradient struct {
	param *Param
	added *G.Node
}

// sinkGradients finds the nodes that each parameter's gradient is the sum of. If all
// of them can, they add themselves to the parameter's gradient, and the sums that
// Gorgonia's Grad made of them are never run. It returns the nodes to run.
//
// They can if their ops give their results through Args.Sum, and if nothing else
// reads them, as a term of another gradient for one. Where one of them cannot, the
// whole sum is run: Gorgonia keeps the value of that, but not of its terms, from being
// written over (gorgonia#499).
func (p *Program) sinkGradients(grads G.Nodes) (roots G.Nodes) {
	uses := make(map[*G.Node]int) // as a term, of all gradients
	terms := make([]G.Nodes, len(grads))
	for i, g := range grads {
		terms[i] = p.terms(g, nil)
		for _, n := range terms[i] {
			uses[n]++
		}
	}
	for i, g := range grads {
		sunk := true
		for _, n := range terms[i] {
			readers := n.Graph().To(n.ID()).Len()
			if n != g {
				readers-- // the sum
			}
			r := resultOf(n)
			sunk = sunk && r != nil && r.sums && uses[n] == 1 && readers == 0
		}
		if !sunk {
			p.gradients = append(p.gradients, gradient{p.params[i], g})
			roots = append(roots, g)
			continue
		}
		for _, n := range terms[i] {
			resultOf(n).sink = p.params[i]
		}
		p.gradients = append(p.gradients, gradient{p.params[i], nil})
		roots = append(roots, terms[i]...)
	}
	return roots
}

// terms lists what a tree of Gorgonia's additions adds up, as far as nothing else
// reads the sums.
func (p *Program) terms(n, sum *G.Node) G.Nodes {
	readers := 0
	for it := n.Graph().To(n.ID()); it.Next(); {
		if it.Node().(*G.Node) != sum {
			readers++
		}
	}
	if _, ours := n.Op().(*nodeOp); ours || readers > 0 || n.Op() == nil || n.Op().String() != addition {
		return G.Nodes{n}
	}
	var all G.Nodes
	for it := n.Graph().From(n.ID()); it.Next(); {
		all = append(all, p.terms(it.Node().(*G.Node), n)...)
	}
	return all
}

// addition is how Gorgonia writes its element-wise addition.
const addition = "+ false"

// resultOf is the result that a node of ours hands out.
func resultOf(n *G.Node) *result {
	if o, ok := n.Op().(*nodeOp); ok {
		return o.results[0]
	}
	return nil
}

// plan lends every result a place in memory for as long as a node needs it, in the order
// that the machine runs the graph.
func (p *Program) plan(order G.Nodes, kept G.Nodes) {
	const forever = 1 << 30
	last := make(map[*result]int)
	// A built-in op may write its result over an input, so its value is held by
	// whatever its inputs are held by.
	holds := make(map[*G.Node]map[*result]bool)
	for at, n := range order {
		own := resultOf(n)
		held := make(map[*result]bool)
		if own != nil {
			held[own] = true
		}
		for it := n.Graph().From(n.ID()); it.Next(); {
			for r := range holds[it.Node().(*G.Node)] {
				last[r] = max(last[r], at)
				if own == nil {
					held[r] = true
				}
			}
		}
		holds[n] = held
	}
	for _, n := range kept {
		for r := range holds[n] {
			last[r] = forever
		}
	}

	var loans []loan
	for at, n := range order {
		for _, r := range p.place(n) {
			loans = append(loans, loan{r, at, max(last[r], at)})
		}
	}
	p.arena = new(arena)
	p.arena.lend(loans)
}

// place gives n its place among the program's ops, if it is one of ours, and returns
// the results that its run needs memory for.
func (p *Program) place(n *G.Node) []*result {
	o, ok := n.Op().(*nodeOp)
	if !ok {
		return nil
	}
	p.ops++
	o.order = p.ops
	if o.Run == nil {
		return nil // hands out another op's result
	}
	return slices.DeleteFunc(slices.Clone(o.results), func(r *result) bool {
		return r.shape.Dims() == 0 || r.sink != nil
	})
}

// tick checks that the machine runs the ops in the order of the plan: buffers that
// take turns would hold the wrong values otherwise.
func (b *builder) tick(o *nodeOp) error {
	b.clock++
	if o.order != b.clock {
		return fmt.Errorf("runs as op %d of the program, planned as %d", b.clock, o.order)
	}
	return nil
}
