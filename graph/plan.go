package graph

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// result is what an op computes: a place in the program's arena, or the gradient of the
// parameter that it goes to.
type result struct {
	shape    tensor.Shape
	sums     bool   // the op gives it through Args.Accumulate
	unwanted bool   // an AddExtra that nothing reads
	sink     *Param // it is added to this parameter's gradient
	at       int    // where it begins in the arena
	data     []float32
	value    *tensor.Dense
}

// buffer returns the elements; those of a result that is in no layout are made at the first call.
func (r *result) buffer() []float32 {
	if r.data == nil {
		r.data = make([]float32, max(r.shape.TotalSize(), 1))
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
// They can if their ops give their results through Args.Accumulate, and if nothing else
// reads them, as a term of another gradient for one. Where one of them cannot, the
// whole sum is run: Gorgonia keeps the value of that, but not of its terms, from being
// written over (gorgonia#499).
func sinkGradients(wrt []target, grads G.Nodes) (sunk []gradient, roots G.Nodes) {
	uses := make(map[*G.Node]int) // as a term, of all gradients
	all := make([]G.Nodes, len(grads))
	for i, g := range grads {
		all[i] = terms(g, nil)
		for _, n := range all[i] {
			uses[n]++
		}
	}
	for i, g := range grads {
		param := wrt[i].param
		if param == nil {
			roots = append(roots, g)
			continue
		}
		can := true
		for _, n := range all[i] {
			readers := n.Graph().To(n.ID()).Len()
			if n != g {
				readers-- // the sum
			}
			r := resultOf(n)
			can = can && r != nil && r.sums && uses[n] == 1 && readers == 0
		}
		if !can {
			sunk = append(sunk, gradient{param, g})
			roots = append(roots, g)
			continue
		}
		for _, n := range all[i] {
			resultOf(n).sink = param
		}
		sunk = append(sunk, gradient{param, nil})
		roots = append(roots, all[i]...)
	}
	return sunk, roots
}

// terms lists what a tree of Gorgonia's additions adds up, as far as nothing else
// reads the sums.
func terms(n, sum *G.Node) G.Nodes {
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
		all = append(all, terms(it.Node().(*G.Node), n)...)
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
	last := lastReads(order, kept, p.machine.sources())
	var loans []loan
	var ops []*nodeOp
	for at, n := range order {
		o, ours := n.Op().(*nodeOp)
		if !ours {
			continue
		}
		p.ops++
		o.order = p.ops
		if o.Run == nil {
			continue // hands out another op's result
		}
		ops = append(ops, o)
		for _, r := range slices.Concat(o.results, o.saves, o.scratch) {
			if r.shape.Dims() > 0 && r.sink == nil && !r.unwanted {
				loans = append(loans, loan{r, at, max(last[r], at)})
			}
		}
	}
	p.finish(ops)
	p.layout.lend(loans)
	p.Share(new(Arena))
}

// lastReads tells at which place of the order each result is read for the last time. A built-in
// op may write its result over an input, so what it reads is held for as long as what it gives. A
// leaf that has the value of a node of another stage stands for that.
func lastReads(order, kept G.Nodes, sources map[*G.Node]*G.Node) map[*result]int {
	last := make(map[*result]int)
	ends := make(map[*G.Node]int) // when the value of a node is read for the last time
	for _, n := range kept {
		ends[n] = len(order)
	}
	for at, n := range slices.Backward(order) {
		end, in := at, inputs(n)
		if o, ours := n.Op().(*nodeOp); !ours {
			end = max(at, ends[n])
		} else {
			last[o.results[0]] = ends[n]
			if o.edge {
				in = in[:len(in)-1]
			}
			if o.of != nil {
				for _, r := range o.of.saves {
					last[r] = max(last[r], at)
				}
			}
		}
		for _, x := range in {
			if from := sources[x]; from != nil {
				x = from
			}
			ends[x] = max(ends[x], end)
		}
	}
	return last
}
