package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// result is what an op computes: a buffer that the plan lends it from a slab, or the
// gradient of the parameter that it goes to.
type result struct {
	shape tensor.Shape
	sums  bool   // the op gives it through Args.Sum
	sink  *Param // it is added to this parameter's gradient
	slab  *slab  // nil: a buffer of its own
	data  []float32
	value *tensor.Dense
}

// slab is memory that results take turns in.
type slab struct {
	size int
	data []float32
}

// buffer returns the elements, made at the first call.
func (r *result) buffer() []float32 {
	if r.data == nil {
		n := max(r.shape.TotalSize(), 1)
		switch {
		case r.slab != nil:
			if r.slab.data == nil {
				r.slab.data = make([]float32, r.slab.size)
			}
			r.data = r.slab.data[:n:n]
		default:
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

// gradient is what the gradient of one parameter is summed from.
type gradient struct {
	param *Param
	added G.Nodes // nodes whose values RunGrad adds; the others add themselves
}

// sinkGradients finds, for each parameter, the nodes that its gradient is the sum of.
// Those that nothing else reads add themselves to the parameter's gradient, and the
// sums that Gorgonia's Grad made of them are never run.
func (p *Program) sinkGradients(grads G.Nodes) (roots G.Nodes) {
	for i, g := range grads {
		own := gradient{param: p.params[i]}
		terms := p.terms(g, nil)
		for at, n := range terms {
			r := resultOf(n)
			alone := n.Graph().To(n.ID()).Len() <= 1 && !slices.Contains(terms[:at], n) && !slices.Contains(terms[at+1:], n)
			if alone && r != nil && r.sums && r.sink == nil {
				r.sink = own.param
			} else {
				own.added = append(own.added, n)
			}
		}
		p.gradients = append(p.gradients, own)
		roots = append(roots, terms...)
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

// plan lends every result a slab for as long as a node needs it, in the order that
// the machine runs the graph.
func (p *Program) plan(order G.Nodes, kept G.Nodes) {
	const forever = 1 << 30
	last := make(map[*result]int)
	// A built-in op may write its result over an input, so its value is held by
	// whatever its inputs are held by.
	holds := make(map[*G.Node][]*result)
	for at, n := range order {
		if r := resultOf(n); r != nil {
			holds[n] = []*result{r}
		}
		for it := n.Graph().From(n.ID()); it.Next(); {
			in := it.Node().(*G.Node)
			for _, r := range holds[in] {
				last[r] = max(last[r], at)
			}
			if resultOf(n) == nil && !slices.Contains(holds[n], nil) {
				holds[n] = append(holds[n], holds[in]...)
			}
		}
	}
	for _, n := range kept {
		for _, r := range holds[n] {
			last[r] = forever
		}
	}

	var slabs, free []*slab
	ends := make(map[int][]*slab) // that are free again after a node
	for at, n := range order {
		o, ok := n.Op().(*nodeOp)
		if !ok {
			continue
		}
		p.ops++
		o.order = p.ops
		if o.Run == nil {
			continue // hands out another op's result
		}
		for _, r := range o.results {
			if r.shape.Dims() == 0 || r.sink != nil {
				continue
			}
			r.slab, free = take(free, r.shape.TotalSize())
			if !slices.Contains(slabs, r.slab) {
				slabs = append(slabs, r.slab)
			}
			end := max(last[r], at)
			ends[end] = append(ends[end], r.slab)
		}
		free = append(free, ends[at]...)
	}
	for _, s := range slabs {
		p.planned += 4 * int64(s.size)
	}
}

// take returns the free slab that fits n elements best, enlarging one rather than
// making another, and the slabs that stay free.
func take(free []*slab, n int) (*slab, []*slab) {
	if len(free) == 0 {
		return &slab{size: n}, free
	}
	best := 0
	for i, s := range free {
		b := free[best]
		switch {
		case s.size >= n && (b.size < n || s.size < b.size):
			best = i // the smallest that is large enough
		case s.size < n && b.size < n && s.size > b.size:
			best = i // or the largest
		}
	}
	s := free[best]
	s.size = max(s.size, n)
	return s, slices.Delete(free, best, best+1)
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
