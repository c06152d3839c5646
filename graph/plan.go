package graph

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// result is what an op computes: a place in the program's arena, or the gradient of the parameter that it is
// added to.
type result struct {
	shape    tensor.Shape
	sums     bool   // given through Args.Accumulate
	unwanted bool   // a result of AddExtra that nothing reads
	sink     *Param // the parameter whose gradient it is added to
	at       int    // where it begins in the arena
	data     []float32
	value    *tensor.Dense
}

// buffer returns the elements. If the result is in no layout, they are allocated by the first call.
func (r *result) buffer() []float32 {
	if r.data == nil {
		r.data = make([]float32, max(r.shape.TotalSize(), 1))
	}
	return r.data
}

// dense returns a header over the buffer. If the result is added to a parameter's gradient, nobody reads it
// here, but the machine needs a value.
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

// gradient says where the gradient of a parameter comes from: either from the node added, whose value RunGrad
// adds, or, if that is nil, from nodes that add themselves.
type gradient struct {
	param *Param
	added *G.Node
}

// sinkGradients finds the nodes whose sum is the gradient of each parameter. If all of them can, they add
// themselves to the parameter's gradient, and the sums that Gorgonia's Grad made of them are never run. It
// returns the nodes to run.
//
// A node can if its op gives its result through Args.Accumulate, and if nothing else reads it, such as another
// gradient that has it as a term. If one of the nodes cannot, the whole sum is run: Gorgonia protects the value
// of the sum, but not those of its terms, from being overwritten (gorgonia#499).
func sinkGradients(wrt []target, grads G.Nodes) (sunk []gradient, roots G.Nodes) {
	uses := make(map[*G.Node]int) // as a term of any gradient
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

// terms lists the terms of a tree of Gorgonia's additions, descending as long as nothing else reads the sums.
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

// addition is the name of Gorgonia's element-wise addition.
const addition = "+ false"

// resultOf returns the result that the node of one of our ops returns.
func resultOf(n *G.Node) *result {
	if o, ok := n.Op().(*nodeOp); ok {
		return o.results[0]
	}
	return nil
}

// plan assigns every result a place in memory for as long as a node needs it, in the order in which the machine
// runs the graph.
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
			continue // returns another op's result
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

// lastReads returns the index in the order at which each result is read for the last time. A built-in op may
// write its result over an input, so its inputs are held for as long as its result. A leaf that holds the value
// of a node of another stage stands for that node.
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
