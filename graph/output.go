package graph

import (
	G "gorgonia.org/gorgonia"
)

// output is a node that is read after a run.
type output struct {
	node   *G.Node
	reader *G.Node // copies the value into read, if the node's own value is not safe
	read   G.Value
}

// newOutput prepares reading a node of the machine. A built-in op may write its result over the value of a node
// that it reads (gorgonia#499), so the machine copies nodes that are read by a built-in op, or computed by one.
func newOutput(n *G.Node) *output {
	o := &output{node: n}
	if n.IsScalar() {
		return o
	}
	_, ours := n.Op().(*nodeOp)
	for it := n.Graph().To(n.ID()); it.Next(); {
		_, theirs := it.Node().(*G.Node).Op().(*nodeOp)
		ours = ours && theirs
	}
	if !ours {
		o.reader = G.Read(n, &o.read)
	}
	return o
}

// raw returns the value after a run.
func (o *output) raw() G.Value {
	if o.reader == nil {
		return o.node.Value()
	}
	return o.read
}

// value returns the elements of an output, or nil if there are none.
func (o *output) value() []float32 {
	if o == nil || o.raw() == nil {
		return nil
	}
	switch data := o.raw().Data().(type) {
	case float32:
		return []float32{data}
	case []float32:
		return data
	}
	return nil
}
