package graph

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Op describes a float32 operation of static shape. [Scope.Apply] makes a Gorgonia
// SDOp of it, which owns its result's buffer.
type Op struct {
	// Name is the op's name in tables and errors, such as "LayerNorm".
	Name string
	// Out is the shape of the result; an empty shape is a scalar.
	Out tensor.Shape
	// Extra are the shapes of further results; see [Scope.ApplyAll].
	Extra []tensor.Shape
	// Accumulates tells that Run gives its result through [Args.Accumulate], so that the gradient
	// of a parameter can be added up where the optimizer reads it.
	Accumulates bool
	// Saves are the shapes of what Run keeps for the gradient beside its results: it fills
	// [Args.Save]. They lie in the program's memory until the last op has run that is Of
	// this one's node.
	Saves []tensor.Shape
	// Scratch are the shapes of what Run works in, for as long as it runs: [Args.Scratch].
	Scratch []tensor.Shape
	// Of is the node whose Saves Run reads, by [Args.Saved]. An op of a gradient gives the
	// node that its Grad was given as out. It runs after that node, and need not have it
	// among its inputs.
	Of *G.Node
	// FLOPs counts the floating-point operations of a run; a multiply-add is two.
	FLOPs int64
	// RowWise is the number of inputs, from the first on, of whose rows each row of the
	// results depends on the same one alone; the other inputs are weights, the same for all
	// rows. With 0, what an op has if it does not say, the op may look at any row: a
	// model that has it is not decoded incrementally (see [Incremental]), since a piece of
	// a sequence lacks the rows before. An op that remembers them, by
	// [Scope.Remember], or asks [Scope.Past] for its place, says 1 too. [CheckPieces] tells in a test
	// whether it is so.
	RowWise int
	// Reads tells how Run reads inputs that may be parameters in few bits, by their index: through [Args.Packed] where it is not nil. What it
	// does not tell of, or has 0 for, is read as numbers.
	Reads []Reading
	// Run fills the results from the inputs. It must not write to an input: that may be a
	// parameter, or the result of an op that others read. Nothing checks this in a run. It
	// must keep nothing from one run to the next: Saves are for that.
	Run func(a *Args) error
	// Grad declares the gradient with respect to every input, given the op's own
	// output node and the gradient of it. Integer inputs get nil. What is wrong with
	// what it returns is an error of compilation, as is an op without Grad between a
	// parameter and the loss, unless it is Detached. Nodes for inputs that need no gradient, such
	// as frozen parameters, are not run.
	//
	// A gradient that reads out's values must have out among its inputs: only an edge orders
	// the two.
	Grad func(in G.Nodes, out, grad *G.Node) G.Nodes
	// Columnwise tells that each element of the result comes from the same element of the inputs alone, so that in a graph that is split
	// over ranks the op may be given their parts of columns ([Layout]), all the same part; the result is such a part too.
	Columnwise bool
	// Layout, if not nil, is what the rank has of the result, where the op deals with the layouts of its inputs itself.
	Layout *Layout
	// Detached tells that the result counts as a constant: no gradient goes through.
	Detached bool
}

// Apply adds a node that runs op on the inputs.
func (s *Scope) Apply(op Op, in ...*G.Node) *G.Node {
	return s.ApplyAll(op, in...)[0]
}

// ApplyAll is Apply for an op with extra results. It returns a node for each: a
// Gorgonia op has one value, so a node that only hands out the extra result hangs
// behind the first.
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
			return append(G.Nodes{s.Fail(op.Name, op.Out, "it saves or works in %v; want dimensions of 0 or more", shape)}, s.placeholders(op.Extra)...)
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

// saver is the op of the node that another op is Of, nil of none.
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

// pick adds the node that hands out the i-th result of o, whose node is n.
func (s *Scope) pick(o *nodeOp, i int, shape tensor.Shape, n *G.Node, flops int64) *G.Node {
	pick := s.newNodeOp(Op{Name: fmt.Sprintf("%s.%d", o.Name, i), Out: shape, FLOPs: flops, RowWise: min(o.RowWise, 1), Detached: o.Detached}, G.Nodes{n})
	pick.results = o.results[i : i+1]
	return s.add(pick, n)
}

// AddExtra adds a further result to the op of n, which Apply returned, and returns the node
// that hands it out. It serves ops that compute their gradient along with the value:
// whether there is a gradient is known only when Grad is called. The new result's
// number is one more than the last one's. If it accumulates, Run gives it through [Args.Accumulate].
// The FLOPs are those it adds to the run of n. If nothing needs the result in the end, as
// the gradient of a frozen parameter, [Args.Out] and [Args.Accumulate] return nil for it.
func (s *Scope) AddExtra(n *G.Node, shape tensor.Shape, accumulates bool, flops int64) *G.Node {
	o, ok := s.Require("AddExtra", "the node", n).Op().(*nodeOp)
	if !ok {
		return s.Fail("AddExtra", shape, "%v is no node of Apply", n)
	}
	o.results = append(o.results, &result{shape: shape, sums: accumulates})
	side := s.pick(o, len(o.results)-1, shape, n, flops)
	s.sides = append(s.sides, side)
	return side
}

// add applies o and files the node under the scope's path.
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
		o.resalt() // Gorgonia has given us a node of the same hash
	}
}

// Stream numbers a random stream that belongs to this scope and the given name. The
// second of a name is another stream than the first.
func (s *Scope) Stream(name string) uint64 { return streamOf(numbered(s.streams, s.join(name))) }

// numbered is the name, told from those before it that are alike by a number.
func numbered(before map[string]int, name string) string {
	before[name]++
	if n := before[name]; n > 1 {
		return fmt.Sprintf("%s#%d", name, n)
	}
	return name
}

// placeholders are nodes of some shapes, after an error.
func (s *Scope) placeholders(shapes []tensor.Shape) (nodes G.Nodes) {
	for _, shape := range shapes {
		nodes = append(nodes, s.placeholder(shape))
	}
	return nodes
}
