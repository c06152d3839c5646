package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"time"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// nodeOp is the Gorgonia op of one node.
type nodeOp struct {
	Op
	id       uint64
	scope    *Scope // where it was declared
	run      *run   // of the program
	args     []hm.Type
	results  []*result
	saves    []*result
	scratch  []*result
	of       *nodeOp  // op whose saves it reads
	edge     bool     // whether the last input is only an edge to of's node, for the order of the run
	order    int      // index among the ops of the program
	finishes []*Param // parameters whose gradients are complete after it
	call     Args

	precision Precision // of products
}

var _ G.SDOp = (*nodeOp)(nil)

// hmType is a node's type in Gorgonia's type system: a scalar is its dtype.
func hmType(dims int, dtype tensor.Dtype) hm.Type {
	if dims == 0 {
		return dtype
	}
	return G.TensorType{Dims: dims, Of: dtype}
}

// Type is made for each call, because Gorgonia puts what it gets into a pool.
func (o *nodeOp) Type() hm.Type {
	types := append([]hm.Type(nil), o.args...)
	return hm.NewFnType(append(types, hmType(o.Out.Dims(), tensor.Float32))...)
}

func (o *nodeOp) Arity() int { return len(o.args) }

func (o *nodeOp) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.Out.Clone(), nil }

// Do runs the op. A panic becomes an error: the machine runs in its own goroutine, where no caller could
// recover.
func (o *nodeOp) Do(in ...G.Value) (out G.Value, err error) {
	mapped.Panic() // parameters may be in a mapped file
	defer func() {
		if r := recover(); r != nil {
			err = panicError(r)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", o.where(), err)
			o.run.failure = err
		}
	}()
	if err := o.run.tick(o); err != nil {
		return nil, err
	}
	if o.Run != nil {
		start := time.Now()
		o.call = Args{op: o, in: in}
		if err := o.Run(&o.call); err != nil {
			return nil, err
		}
		if check := o.run.check; check != nil {
			check(o)
		}
		if ready := o.run.ready; ready != nil {
			for _, param := range o.finishes {
				ready(param)
			}
		}
		if trace := o.run.trace; trace != nil {
			trace(o.scope.path, o.Name, time.Since(start))
		}
	}
	if o.Out.Dims() == 0 {
		return G.NewF32(o.results[0].buffer()[0]), nil
	}
	return o.results[0].dense(), nil
}

// panicError returns the error for an op that panicked.
func panicError(r any) error {
	if fault := mapped.Fault(r); fault != nil {
		return fault
	}
	return errors.New(oneLine(r))
}

// where names the op in errors.
func (o *nodeOp) where() string {
	if o.scope.path == "" {
		return o.Name
	}
	return o.scope.path + ": " + o.Name
}

// ReturnsPtr, CallsExtern and OverwritesInput keep Gorgonia away from the buffer: the machine gives the node
// its own register and allocates nothing.
func (o *nodeOp) ReturnsPtr() bool     { return false }
func (o *nodeOp) CallsExtern() bool    { return false }
func (o *nodeOp) OverwritesInput() int { return -1 }

// WriteHash makes every op of a graph differ from every other one; otherwise Gorgonia would merge two nodes
// with the same inputs.
func (o *nodeOp) WriteHash(h hash.Hash) {
	h.Write([]byte(o.Name))
	h.Write(binary.LittleEndian.AppendUint64(nil, o.id))
}

func (o *nodeOp) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// resalt gives the op another hash, if its hash is that of another op.
func (o *nodeOp) resalt() { o.id += 1 << 32 }

func (o *nodeOp) String() string { return o.Name }

// DiffWRT reports which inputs have a gradient: those of real numbers.
func (o *nodeOp) DiffWRT(int) []bool {
	wrt := make([]bool, len(o.args))
	for i, t := range o.args {
		switch t := t.(type) {
		case G.TensorType:
			wrt[i] = o.differentiable() && t.Of == tensor.Float32
		case tensor.Dtype:
			wrt[i] = o.differentiable() && t == tensor.Float32
		}
	}
	if o.edge {
		wrt[len(wrt)-1] = false
	}
	return wrt
}

func (o *nodeOp) differentiable() bool { return o.Grad != nil && !o.Detached }

// SymDiff declares the gradient nodes.
func (o *nodeOp) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	if o.Grad == nil {
		return nil, fmt.Errorf("%s has no gradient", o.where())
	}
	if g := o.scope.segment(); g != nil && o.Run != nil {
		if g.start == nil {
			g.start = grad
		}
		again := make(G.Nodes, len(in))
		for i, n := range in {
			again[i] = g.again(n)
		}
		in, out = again, g.again(out)
	}
	given := in
	if o.edge {
		given = in[:len(in)-1]
	}
	nodes := o.gradient(given, out, grad)
	if o.scope.err == nil {
		o.checkGradient(given, nodes)
	}
	if o.edge {
		nodes = append(nodes, nil)
	}
	return nodes, o.scope.err
}

// checkGradient records what is wrong with the result of Grad.
func (o *nodeOp) checkGradient(in, grads G.Nodes) {
	if len(grads) != len(in) {
		o.scope.Fail(o.Name, o.Out, "its Grad returned %d nodes, want %d, one for each input", len(grads), len(in))
		return
	}
	for i, real := range o.DiffWRT(len(in)) {
		switch {
		case !real:
		case grads[i] == nil:
			o.scope.Fail(o.Name, o.Out, "its Grad returned nil for input %d, want a node of shape %v", i, in[i].Shape())
		case grads[i].Graph() != o.scope.graph:
			o.scope.Fail(o.Name, o.Out, "its Grad returned %s for input %d, want a node of the graph", stranger(grads[i]), i)
		case !grads[i].Shape().Eq(in[i].Shape()) || grads[i].Dtype() != in[i].Dtype():
			o.scope.Fail(o.Name, o.Out, "its Grad returned %v of %v for input %d, want %v of %v", grads[i].Shape(), grads[i].Dtype(), i, in[i].Shape(), in[i].Dtype())
		}
	}
}

// stranger describes a node of no graph, or of another one.
func stranger(n *G.Node) string {
	if n.Graph() == nil {
		return "a constant"
	}
	return fmt.Sprintf("%s of another graph", n.Name())
}

// gradient calls Grad and turns a panic into an error.
func (o *nodeOp) gradient(in G.Nodes, out, grad *G.Node) (nodes G.Nodes) {
	defer func() {
		if r := recover(); r != nil {
			o.scope.Fail(o.Name, o.Out, "its gradient panicked: %s", oneLine(r))
		}
	}()
	return o.Grad(in, out, grad)
}

// newNodeOp makes op a nodeOp with a unique identity within the graph.
func (s *Scope) newNodeOp(op Op, in G.Nodes) *nodeOp {
	s.ops++
	o := &nodeOp{Op: op, id: s.ops, scope: s, run: s.run, saves: results(op.Saves), scratch: results(op.Scratch), precision: s.Precision()}
	for _, n := range in {
		o.args = append(o.args, hmType(n.Dims(), n.Dtype()))
	}
	o.results = append(results([]tensor.Shape{op.Out}), results(op.Extra)...)
	o.results[0].sums = op.Accumulates
	return o
}

// results returns new results of the given shapes.
func results(shapes []tensor.Shape) (all []*result) {
	for _, shape := range shapes {
		all = append(all, &result{shape: shape})
	}
	return all
}
