package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Op describes a float32 operation of static shape. [Scope.Apply] makes it a Gorgonia SDOp, which owns the
// buffer of its result.
type Op struct {
	// Name is the op's name in tables and errors, such as "LayerNorm".
	Name string
	// Out is the shape of the result; an empty shape is a scalar.
	Out tensor.Shape
	// Extra are the shapes of further results; see [Scope.ApplyAll].
	Extra []tensor.Shape
	// Accumulates declares that Run gives its result through [Args.Accumulate], so that the gradient of a
	// parameter can be accumulated where the optimizer reads it.
	Accumulates bool
	// Saves are the shapes of what Run keeps for the gradient besides its results; it fills [Args.Save]. They
	// stay in the program's memory until the last op that is Of this op's node has run.
	Saves []tensor.Shape
	// Scratch are the shapes of the memory that Run uses only while it runs: [Args.Scratch].
	Scratch []tensor.Shape
	// Of is the node whose Saves Run reads, with [Args.Saved]. An op of a gradient sets it to the node that was
	// passed to Grad as out. It runs after that node, which need not be among its inputs.
	Of *G.Node
	// FLOPs counts the floating-point operations of a run; a multiply-add counts as two.
	FLOPs int64
	// RowWise is the number of inputs, counted from the first, for which each row of the results depends only
	// on the same row of the input; the other inputs are weights, the same for all rows. If it is 0, the
	// default, the op may use any rows, and a model that contains it cannot be decoded incrementally (see
	// [Incremental]), since a piece of a sequence lacks the rows before it. An op that remembers these rows
	// with [Scope.Remember], or asks [Scope.Past] for its position, also declares 1. [CheckPieces] tests
	// whether the declaration is right.
	RowWise int
	// Reads says, by the index of an input, how Run reads inputs that may be packed parameters ([Packed]): with
	// [Args.Packed] where that does not return nil. Inputs that are missing here, or 0, are read as numbers.
	Reads []Reading
	// Run fills the results from the inputs. It must not write to an input, which may be a parameter, or the
	// result of an op that others read. This is not checked in a run. It must keep no state from one run to the
	// next; what the gradient needs goes into Saves.
	Run func(a *Args) error
	// Grad declares the gradient with respect to every input, given the op's output node and the gradient of
	// it. Integer inputs get nil. An invalid result is a compilation error, as is an op without Grad between a
	// parameter and the loss, unless it is Detached. Nodes for inputs that need no gradient, such as frozen
	// parameters, are not run.
	//
	// A gradient that reads the values of out must have out among its inputs: only an edge orders the two.
	Grad func(in G.Nodes, out, grad *G.Node) G.Nodes
	// Columnwise declares that each element of the result depends only on the same elements of the inputs. In a
	// graph that is split over ranks, the op may then be given a rank's columns ([Layout]), the same columns of
	// each input, and its result has the same columns.
	Columnwise bool
	// Masks declares that Run writes −∞ on purpose, as a mask of attention scores does, so that
	// [Program.FirstNotFinite] passes over it.
	Masks bool
	// Layout, if not nil, is the layout of the result, for ops that handle the layouts of their inputs
	// themselves.
	Layout *Layout
	// Detached declares that the result counts as a constant: no gradient flows through the op.
	Detached bool
}

// Apply adds a node that runs op on the inputs.
func (s *Scope) Apply(op Op, in ...*G.Node) *G.Node {
	return s.ApplyAll(op, in...)[0]
}

// ApplyAll is Apply for an op with extra results. It returns a node for each result. Since a Gorgonia op has
// only one value, each extra result has a node of its own, which reads the first node and only returns the
// extra result.
func (s *Scope) ApplyAll(op Op, in ...*G.Node) G.Nodes {
	in = slices.Clone(in)
	for i, n := range in {
		in[i] = s.repaired(s.Require(op.Name, fmt.Sprintf("input %d", i), n))
	}
	if op.Run == nil {
		return append(G.Nodes{s.Fail(op.Name, op.Out, "it has no Run")}, s.placeholders(op.Extra)...)
	}
	if op.RowWise < 0 || op.RowWise > len(in) {
		return append(G.Nodes{s.Fail(op.Name, op.Out, "RowWise is %d; want 0 to its %d inputs", op.RowWise, len(in))}, s.placeholders(op.Extra)...)
	}
	for _, shape := range slices.Concat(op.Saves, op.Scratch) {
		if slices.ContainsFunc(shape, func(n int) bool { return n < 0 }) {
			return append(G.Nodes{s.Fail(op.Name, op.Out, "its Saves or Scratch has shape %v; want dimensions of 0 or more", shape)}, s.placeholders(op.Extra)...)
		}
	}
	of, err := saver(op.Of)
	if err != nil && s.err == nil {
		return append(G.Nodes{s.Fail(op.Name, op.Out, "%v", err)}, s.placeholders(op.Extra)...)
	}
	s.noteReading(&op, in)
	edge := of != nil && !slices.Contains(in, op.Of)
	if edge {
		in = append(in, op.Of)
	}
	layout, err := s.layoutFor(op, in)
	if err != nil {
		return append(G.Nodes{s.Fail(op.Name, op.Out, "%v", err)}, s.placeholders(op.Extra)...)
	}
	o := s.newNodeOp(op, in)
	o.of, o.edge = of, edge
	nodes := G.Nodes{s.add(o, in...)}
	s.setLayout(nodes[0], layout)
	for i, shape := range op.Extra {
		nodes = append(nodes, s.pick(o, i+1, shape, nodes[0], 0))
	}
	return nodes
}

// saver returns the op of the node that another op is Of, or nil if there is none.
func saver(n *G.Node) (*nodeOp, error) {
	if n == nil {
		return nil, nil
	}
	o, ours := n.Op().(*nodeOp)
	if !ours || len(o.saves) == 0 {
		return nil, fmt.Errorf("it is Of %v, which saves nothing (graph.Op.Saves)", n)
	}
	return o, nil
}

// pick adds the node that returns the i-th result of o, whose node is n.
func (s *Scope) pick(o *nodeOp, i int, shape tensor.Shape, n *G.Node, flops int64) *G.Node {
	pick := s.newNodeOp(Op{Name: fmt.Sprintf("%s.%d", o.Name, i), Out: shape, FLOPs: flops, RowWise: min(o.RowWise, 1), Detached: o.Detached}, G.Nodes{n})
	pick.results = o.results[i : i+1]
	return s.add(pick, n)
}

// AddExtra adds another result to the op of n, which Apply returned, and returns the node for it. It serves ops
// that compute their gradient along with the value, since whether there is a gradient is known only when Grad
// is called. The new result follows the existing ones in number. If accumulates is set, Run gives it through
// [Args.Accumulate]. flops is what it adds to the cost of running n. If nothing needs the result in the end,
// for example because it is the gradient of a frozen parameter, [Args.Out] and [Args.Accumulate] return nil for
// it.
func (s *Scope) AddExtra(n *G.Node, shape tensor.Shape, accumulates bool, flops int64) *G.Node {
	o, ok := s.Require("AddExtra", "the node", n).Op().(*nodeOp)
	if !ok {
		return s.Fail("AddExtra", shape, "%v is not a node returned by Apply", n)
	}
	o.results = append(o.results, &result{shape: shape, sums: accumulates})
	side := s.pick(o, len(o.results)-1, shape, n, flops)
	s.sides = append(s.sides, side)
	return side
}

// add applies o and records the node under the scope's path.
func (s *Scope) add(o *nodeOp, in ...*G.Node) *G.Node {
	if s.err != nil {
		return s.placeholder(o.Out)
	}
	for {
		s.index.reserve(256)
		n, err := G.ApplyOp(o, in...)
		if err != nil {
			return s.Fail(o.Name, o.Out, "%v", err)
		}
		if n.Op() == o {
			s.origin[n] = s.path
			return n
		}
		o.resalt() // Gorgonia has returned a different node with the same hash
	}
}

// Stream returns the number of a random stream that belongs to this scope and the given name. Each call with
// the same name returns another stream.
func (s *Scope) Stream(name string) uint64 { return streamOf(numbered(s.streams, s.join(name))) }

// numbered returns name, with a number appended if it was used before.
func numbered(before map[string]int, name string) string {
	before[name]++
	if n := before[name]; n > 1 {
		return fmt.Sprintf("%s#%d", name, n)
	}
	return name
}

// placeholders returns nodes of the given shapes, after an error.
func (s *Scope) placeholders(shapes []tensor.Shape) (nodes G.Nodes) {
	for _, shape := range shapes {
		nodes = append(nodes, s.placeholder(shape))
	}
	return nodes
}
