package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// machine is the graph that Gorgonia's tape machine runs: the part of the declared one that
// is needed, in which Gorgonia's own ops are guarded, and constants are inputs.
type machine struct {
	graph *G.ExprGraph
	nodes map[*G.Node]*G.Node // those of the declared graph, to those here
	own   G.Nodes             // of the declared graph: inputs that no scope has declared
	vm    G.VM                // made by the first run
	ended bool                // see Running
}

// newMachine copies what roots need, in the order of declaration, which decides the order of
// the run.
func (b *builder) newMachine(roots G.Nodes) (*machine, error) {
	order := declared(roots)
	m := &machine{graph: G.NewGraph(), nodes: make(map[*G.Node]*G.Node)}
	for _, n := range order {
		c, err := m.copy(b, n)
		if err != nil {
			return nil, fmt.Errorf("graph: %s: %w", b.placeOf(n), err)
		}
		m.nodes[n] = c
	}
	return m, checkHashes(order, m.nodes, b.origin)
}

// declared lists what roots are computed from, in the order of declaration.
func declared(roots G.Nodes) G.Nodes {
	return slices.SortedFunc(maps.Keys(ancestors(roots...)), func(x, y *G.Node) int { return int(x.ID() - y.ID()) })
}

// copy adds n, whose inputs are there already.
func (m *machine) copy(b *builder, n *G.Node) (*G.Node, error) {
	var in G.Nodes
	for _, x := range inputs(n) {
		in = append(in, m.nodes[x])
	}
	switch o := n.Op().(type) {
	case nil:
		if b.inputs[n.Name()] != n {
			m.own = append(m.own, n)
		}
		return m.leaf(n, n.Name()), nil
	case *nodeOp:
		return G.ApplyOp(o, in...)
	}
	if len(in) > 0 {
		return G.ApplyOp(&guard{Op: n.Op(), node: n, builder: b}, in...)
	}
	c := m.leaf(n, fmt.Sprintf("constant %d", n.ID()))
	return c, G.Let(c, n.Value())
}

func (m *machine) leaf(n *G.Node, name string) *G.Node {
	if n.Dims() == 0 {
		return G.NewScalar(m.graph, n.Dtype(), G.WithName(name))
	}
	return G.NewTensor(m.graph, n.Dtype(), n.Dims(), G.WithShape(n.Shape()...), G.WithName(name))
}

// let gives a leaf its value; one that nothing needs is not there.
func (m *machine) let(n *G.Node, v G.Value) error {
	if c := m.nodes[n]; c != nil {
		return G.Let(c, v)
	}
	return nil
}

// letOwn gives the inputs that were declared by Gorgonia's own functions the values that are
// bound to them now.
func (m *machine) letOwn() error {
	for _, n := range m.own {
		if n.Value() == nil {
			return fmt.Errorf("graph: Gorgonia's input %v has no value", n)
		}
		if err := m.let(n, n.Value()); err != nil {
			return fmt.Errorf("graph: Gorgonia's input %v: %w", n, err)
		}
	}
	return nil
}

// start compiles the graph.
func (m *machine) start() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("graph: compile: %s", oneLine(r))
		}
	}()
	prog, locations, err := G.Compile(m.graph)
	if err != nil {
		return fmt.Errorf("graph: compile: %w", err)
	}
	m.vm = G.NewTapeMachine(m.graph, G.WithPrecompiled(prog, locations))
	machines.Add(1)
	return nil
}

// checkHashes fails if two nodes of the machine have one hash: Gorgonia's compiler would take
// one for the other without looking further. At 3,000 nodes the odds are 1 in 1,000.
func checkHashes(order G.Nodes, copies map[*G.Node]*G.Node, origin map[*G.Node]string) error {
	seen := make(map[uint32]*G.Node)
	for _, n := range order {
		hash := copies[n].Hashcode()
		if other := seen[hash]; other != nil {
			return fmt.Errorf("graph: Gorgonia would merge %v (%s) and %v (%s), whose hashes collide; name a scope differently",
				n, origin[n], other, origin[other])
		}
		seen[hash] = n
	}
	return nil
}

// guard is one of Gorgonia's own ops at a node of the machine. A panic becomes an error: the
// machine runs in a goroutine of its own, where no caller could recover. And the result never
// shares memory with an input, as those of Reshape and Slice do: a later op may write over
// either, where the machine thinks that nothing needs it any more.
type guard struct {
	G.Op
	node    *G.Node // as declared
	builder *builder
}

// Type and InferShape are those that the declared node has got.
func (o *guard) Type() hm.Type {
	var types []hm.Type
	for _, n := range inputs(o.node) {
		types = append(types, hmType(n.Dims(), n.Dtype()))
	}
	return hm.NewFnType(append(types, hmType(o.node.Dims(), o.node.Dtype()))...)
}

func (o *guard) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.node.Shape(), nil }
func (o *guard) Arity() int                                     { return len(inputs(o.node)) }

// WriteHash makes every op of the machine differ from every other.
func (o *guard) WriteHash(h hash.Hash) {
	h.Write([]byte("guarded"))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(o.node.ID())))
}

func (o *guard) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// SetTraining passes on what the machine tells ops that want to know.
func (o *guard) SetTraining(training bool) error {
	if op, ok := o.Op.(G.TrainModeOp); ok {
		return op.SetTraining(training)
	}
	return nil
}

func (o *guard) Do(in ...G.Value) (out G.Value, err error) {
	mapped.Panic()
	defer o.recover(&err)
	return o.do(in)
}

// do runs the op into new memory.
func (o *guard) do(in []G.Value) (out G.Value, err error) {
	if out, err = o.Op.Do(in...); err != nil {
		return nil, err
	}
	return unshared(out, in)
}

// UsePreallocDo is called to write over an input that nothing else needs.
func (o *guard) UsePreallocDo(prealloc G.Value, in ...G.Value) (out G.Value, err error) {
	op, ok := o.Op.(G.UsePreallocDoer)
	if !ok {
		return o.Do(in...)
	}
	mapped.Panic()
	defer o.recover(&err)
	if out, err = op.UsePreallocDo(prealloc, in...); err != nil {
		return o.do(in)
	}
	return out, nil
}

// UnsafeDo is UsePreallocDo where the op chooses the input.
func (o *guard) UnsafeDo(in ...G.Value) (out G.Value, err error) {
	op, ok := o.Op.(G.UnsafeDoer)
	if !ok {
		return o.Do(in...)
	}
	mapped.Panic()
	defer o.recover(&err)
	return op.UnsafeDo(in...)
}

// recover makes an error of a panic and tells where it was.
func (o *guard) recover(err *error) {
	if r := recover(); r != nil {
		if *err = mapped.Fault(r); *err == nil {
			*err = errors.New("it panicked: " + oneLine(r))
		}
	}
	if *err != nil {
		*err = fmt.Errorf("%s: %s", o.builder.placeOf(o.node), oneLine(*err))
		o.builder.run.failure = *err
	}
}

// unshared returns a copy of out if it lies in the memory of an input.
func unshared(out G.Value, in []G.Value) (G.Value, error) {
	t, ok := out.(*tensor.Dense)
	if !ok || t.MemSize() == 0 {
		return out, nil
	}
	for _, v := range in {
		if x, ok := v.(*tensor.Dense); ok && x.Uintptr() <= t.Uintptr() && t.Uintptr() < x.Uintptr()+x.MemSize() {
			if t.RequiresIterator() || !t.DataOrder().IsRowMajor() {
				return t.Materialize(), nil
			}
			return t.Clone().(*tensor.Dense), nil
		}
	}
	return out, nil
}

// placeOf names a node in errors, by its path and op; one that was not filed, by the path of
// what it is computed from.
func (b *builder) placeOf(n *G.Node) string {
	at := n
	for b.origin[at] == "" && len(inputs(at)) > 0 {
		at = inputs(at)[0]
	}
	name := n.Name()
	if n.Op() != nil {
		name = opName(n.Op())
		if _, ours := n.Op().(*nodeOp); !ours {
			name = "Gorgonia's " + name
		}
	}
	if path := b.origin[at]; path != "" && b.inputs[path] == nil {
		return path + ": " + name
	}
	return name
}
