package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"time"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// Op describes a float32 operation of static shape. [Scope.Apply] makes a Gorgonia
// SDOp of it, which owns its result's buffer.
type Op struct {
	// Name is the op's name in tables and errors, such as "LayerNorm".
	Name string
	// Out is the shape of the result; an empty shape is a scalar.
	Out tensor.Shape
	// Sides are the shapes of further results; see [Scope.ApplyAll].
	Sides []tensor.Shape
	// Sums tells that Run gives its result through [Args.Sum], so that the gradient
	// of a parameter can be added up where the optimiser reads it.
	Sums bool
	// FLOPs counts the floating-point operations of a run; a multiply-add is two.
	FLOPs int64
	// RowWise is the number of inputs, from the first on, of whose rows each row of the
	// results depends on the same one alone; the other inputs are weights, the same for all
	// rows. With 0, what an op has if it does not say, the op may look at any row: a
	// model that has it is not decoded incrementally (see [Incremental]), since a piece of
	// a sequence has not got the rows before. An op that remembers them, by
	// [Scope.Remember], counts as row-wise there.
	RowWise int
	// Run fills the results from the inputs. It must not write to an input: that may be a
	// parameter, or the result of an op that others read. Nothing checks this in a run.
	Run func(a *Args) error
	// Grad declares the gradient with respect to every input, given the op's own
	// output node and the gradient of it. Integer inputs get nil. What is wrong with
	// what it returns is an error of compilation, as is an op without Grad between a
	// parameter and the loss, unless it is Detached.
	//
	// A gradient that reads what Run saved outside the graph, or out's buffer, must
	// have out among its inputs: only an edge orders the two.
	Grad func(in G.Nodes, out, grad *G.Node) G.Nodes
	// Detached tells that the result counts as a constant: no gradient goes through.
	Detached bool
}

// Apply adds a node that runs op on the inputs.
func (s *Scope) Apply(op Op, in ...*G.Node) *G.Node {
	return s.ApplyAll(op, in...)[0]
}

// ApplyAll is Apply for an op with side results. It returns a node for each: a
// Gorgonia op has one value, so a node that only hands out the side result hangs
// behind the first.
func (s *Scope) ApplyAll(op Op, in ...*G.Node) G.Nodes {
	in = slices.Clone(in)
	for i, n := range in {
		in[i] = s.repaired(s.Given(op.Name, fmt.Sprintf("input %d", i), n))
	}
	if op.Run == nil {
		return append(G.Nodes{s.Fail(op.Name, op.Out, "it has no Run")}, s.placeholders(op.Sides)...)
	}
	o := s.newNodeOp(op, in)
	nodes := G.Nodes{s.add(o, in...)}
	for i, shape := range op.Sides {
		nodes = append(nodes, s.pick(o, i+1, shape, nodes[0], 0))
	}
	return nodes
}

// pick adds the node that hands out the i-th result of o, whose node is n.
func (s *Scope) pick(o *nodeOp, i int, shape tensor.Shape, n *G.Node, flops int64) *G.Node {
	pick := s.newNodeOp(Op{Name: fmt.Sprintf("%s.%d", o.Name, i), Out: shape, FLOPs: flops, RowWise: min(o.RowWise, 1)}, G.Nodes{n})
	pick.results = o.results[i : i+1]
	return s.add(pick, n)
}

// Side adds a side result to the op of n, which Apply returned, and returns the node
// that hands it out. It serves ops that compute their gradient along with the value:
// whether there is a gradient is known only when Grad is called. The new result's
// number is one more than the last one's. With sums, Run gives it through [Args.Sum].
// The FLOPs are those it adds to the run of n.
func (s *Scope) Side(n *G.Node, shape tensor.Shape, sums bool, flops int64) *G.Node {
	o, ok := s.Given("Side", "the node", n).Op().(*nodeOp)
	if !ok {
		return s.Fail("Side", shape, "%v is no node of Apply", n)
	}
	o.Sides = append(o.Sides, shape)
	o.results = append(o.results, &result{shape: shape, sums: sums})
	return s.pick(o, len(o.results)-1, shape, n, flops)
}

// add applies o and files the node under the scope's path.
func (s *Scope) add(o *nodeOp, in ...*G.Node) *G.Node {
	if s.err != nil {
		return s.placeholder(o.Out)
	}
	n, err := G.ApplyOp(o, in...)
	if err != nil {
		return s.Fail(o.Name, o.Out, "%v", err)
	}
	if n.Op() != o {
		return s.Fail(o.Name, o.Out, "Gorgonia merged the node with %v, whose hash is the same", n.Op())
	}
	s.origin[n] = s.path
	return n
}

// newNodeOp gives op an identity of its own within the graph.
func (s *Scope) newNodeOp(op Op, in G.Nodes) *nodeOp {
	s.ops++
	o := &nodeOp{Op: op, id: s.ops, scope: s}
	for _, n := range in {
		o.args = append(o.args, hmType(n.Dims(), n.Dtype()))
	}
	for _, shape := range append([]tensor.Shape{op.Out}, op.Sides...) {
		o.results = append(o.results, &result{shape: shape})
	}
	o.results[0].sums = op.Sums
	return o
}

// nodeOp is the Gorgonia op of one node.
type nodeOp struct {
	Op
	id      uint64
	scope   *Scope
	args    []hm.Type
	results []*result
	order   int // place among the ops of the program
	call    Args
}

var _ G.SDOp = (*nodeOp)(nil)

// hmType is a node's type in Gorgonia's type system: a scalar is its dtype.
func hmType(dims int, dtype tensor.Dtype) hm.Type {
	if dims == 0 {
		return dtype
	}
	return G.TensorType{Dims: dims, Of: dtype}
}

// Type is made anew at each call, because Gorgonia puts what it gets into a pool.
func (o *nodeOp) Type() hm.Type {
	types := append([]hm.Type(nil), o.args...)
	return hm.NewFnType(append(types, hmType(o.Out.Dims(), tensor.Float32))...)
}

func (o *nodeOp) Arity() int { return len(o.args) }

func (o *nodeOp) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.Out.Clone(), nil }

// Do runs the op. A panic becomes an error: the machine runs in a goroutine of its
// own, where no caller could recover.
func (o *nodeOp) Do(in ...G.Value) (out G.Value, err error) {
	mapped.Panic() // parameters may lie in a mapped file
	defer func() {
		if r := recover(); r != nil {
			err = panicError(r)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", o.where(), err)
			o.scope.failure = err
		}
	}()
	if err := o.scope.tick(o); err != nil {
		return nil, err
	}
	if o.Run != nil {
		start := time.Now()
		o.call = Args{op: o, in: in}
		if err := o.Run(&o.call); err != nil {
			return nil, err
		}
		if check := o.scope.check; check != nil {
			check(o)
		}
		if trace := o.scope.trace; trace != nil {
			trace(o.scope.path, o.Name, time.Since(start))
		}
	}
	if o.Out.Dims() == 0 {
		return G.NewF32(o.results[0].buffer()[0]), nil
	}
	return o.results[0].dense(), nil
}

// panicError is the error of an op that panicked.
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

// ReturnsPtr, CallsExtern and OverwritesInput keep Gorgonia's hands off the buffer:
// the machine gives the node a register of its own and allocates nothing.
func (o *nodeOp) ReturnsPtr() bool     { return false }
func (o *nodeOp) CallsExtern() bool    { return false }
func (o *nodeOp) OverwritesInput() int { return -1 }

// WriteHash makes every op of a graph differ from every other, or Gorgonia would
// merge two nodes of one input.
func (o *nodeOp) WriteHash(h hash.Hash) {
	h.Write([]byte(o.Name))
	h.Write(binary.LittleEndian.AppendUint64(nil, o.id))
}

func (o *nodeOp) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

func (o *nodeOp) String() string { return o.Name }

// DiffWRT tells which inputs have a gradient: those of real numbers.
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
	return wrt
}

func (o *nodeOp) differentiable() bool { return o.Grad != nil && !o.Detached }

// SymDiff declares the gradient nodes.
func (o *nodeOp) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	if o.Grad == nil {
		return nil, fmt.Errorf("%s has no gradient", o.where())
	}
	if g := o.scope.segmentAt(o.scope.path); g != nil && o.Run != nil {
		if g.start == nil {
			g.start = grad
		}
		again := make(G.Nodes, len(in))
		for i, n := range in {
			again[i] = g.again(n)
		}
		in, out = again, g.again(out)
	}
	nodes := o.gradient(in, out, grad)
	if o.scope.err == nil {
		o.checkGradient(in, nodes)
	}
	return nodes, o.scope.err
}

// checkGradient records what is wrong with what Grad returned.
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

// stranger says what a node of no graph, or of another one, is.
func stranger(n *G.Node) string {
	if n.Graph() == nil {
		return "a constant"
	}
	return fmt.Sprintf("%s of another graph", n.Name())
}

// gradient calls Grad, whose panic is an error like others.
func (o *nodeOp) gradient(in G.Nodes, out, grad *G.Node) (nodes G.Nodes) {
	defer func() {
		if r := recover(); r != nil {
			o.scope.Fail(o.Name, o.Out, "its gradient panicked: %s", oneLine(r))
		}
	}()
	return o.Grad(in, out, grad)
}

// Args is what an op sees of one run.
type Args struct {
	op *nodeOp
	in []G.Value
}

// Floats is the i-th input's elements, row by row.
func (a *Args) Floats(i int) []float32 {
	switch v := a.in[i].(type) {
	case *G.F32:
		return []float32{float32(*v)}
	case *tensor.Dense:
		// A built-in Slice or Transpose may hand over a view with gaps.
		if v.RequiresIterator() || !v.DataOrder().IsRowMajor() {
			v = v.Materialize().(*tensor.Dense)
		}
		return v.Data().([]float32)
	}
	return a.in[i].Data().([]float32)
}

// Ints is the elements of the i-th input, which holds integers.
func (a *Args) Ints(i int) []int { return a.in[i].Data().([]int) }

// Out is the i-th result's buffer: 0 is the node's value, 1 and up are the sides.
// It holds the last run's values or anything else.
func (a *Args) Out(i int) []float32 { return a.op.results[i].buffer() }

// Results is the number of results, 1 and the sides.
func (a *Args) Results() int { return len(a.op.results) }

// Sum is where the i-th result goes, if the op declared that it gives it this way:
// dst becomes alpha times the result plus beta times what dst holds. It is the
// gradient of a parameter if nothing else needs the result; dst is nil if nothing
// needs it in this run.
func (a *Args) Sum(i int) (dst []float32, alpha, beta float32) {
	r := a.op.results[i]
	if r.sink == nil {
		return r.buffer(), 1, 0
	}
	weight := a.op.scope.weight
	if weight == 0 {
		return nil, 0, 1
	}
	dst, zeroed := r.sink.overwriteGrad()
	if zeroed {
		return dst, weight, 0
	}
	return dst, weight, 1
}

// Random identifies this run's random numbers: the seed of the whole run, and the
// step. A random op mixes in a stream of its own, so that the same step gives the
// same numbers, forward and backward, whatever ran before.
func (a *Args) Random() (seed, step uint64) {
	r := a.op.scope.random
	return r.seed, r.step
}

// Stream numbers a random stream that belongs to this scope and the given name. The
// second of a name is another stream than the first.
func (s *Scope) Stream(name string) uint64 {
	full := s.join(name)
	s.streams[full]++
	if n := s.streams[full]; n > 1 {
		full = fmt.Sprintf("%s#%d", full, n)
	}
	return streamOf(full)
}

// placeholders are nodes of some shapes, after an error.
func (s *Scope) placeholders(shapes []tensor.Shape) (nodes G.Nodes) {
	for _, shape := range shapes {
		nodes = append(nodes, s.placeholder(shape))
	}
	return nodes
}
