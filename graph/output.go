package graph

import (
	G "gorgonia.org/gorgonia"
)

// output is a node that is read after a run.
type output struct {
	node   *G.Node
	reader *G.Node // copies the value into read, where the node's own is not safe
	read   G.Value
}

// newOutput prepares the reading of a node of the machine. A built-in op may write its result over
// the value of a node that it reads (gorgonia#499), so a node that one reads, or
// that is one itself, is copied by the machine.
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

// raw is the value after a run.
func (o *output) raw() G.Value {
	if o.reader == nil {
		return o.node.Value()
	}
	return o.read
}

// value is the elements of an output; nil if there is none.
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
