package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// stage is a part of a machine, with its own tape.
type stage struct {
	graph   *G.ExprGraph
	index   *index
	nodes   map[*G.Node]*G.Node // from nodes of the declared graph to those here
	order   G.Nodes             // nodes of the declared graph, in the order in which they were added
	imports []imported
	vm      G.VM // made by the first run
}

// imported is a leaf that holds the value of an earlier stage's node.
type imported struct {
	from *output
	leaf *G.Node
	node *G.Node // the node that computes it
}

// newStage makes the stage that computes a part of the declared graph, in its order. Gorgonia's compiler
// identifies nodes by their hash alone; among 4,096 nodes, two collide once in 500 graphs. The stage is then
// made again, with another hash for one of them.
func (m *machine) newStage(b *builder, part G.Nodes) (*stage, error) {
	for {
		st := &stage{graph: G.NewGraph(), nodes: make(map[*G.Node]*G.Node)}
		st.index = newIndex(st.graph)
		for _, n := range part {
			if err := st.add(m, b, n); err != nil {
				return nil, fmt.Errorf("graph: %s: %w", b.placeOf(n), err)
			}
		}
		twin := st.twin()
		if twin == nil {
			return st, nil
		}
		m.salts[twin]++
		if o, ours := twin.Op().(*nodeOp); ours {
			o.resalt()
		}
	}
}

// twin returns a declared node whose copy has the same hash as another's, or nil.
func (st *stage) twin() *G.Node {
	seen := make(map[uint32]bool)
	for _, n := range st.order {
		hash := st.nodes[n].Hashcode()
		if seen[hash] {
			return n
		}
		seen[hash] = true
	}
	return nil
}

// add copies n.
func (st *stage) add(m *machine, b *builder, n *G.Node) error {
	in := inputs(n)
	for i, x := range in {
		if st.nodes[x] == nil {
			if err := st.bring(m, x); err != nil {
				return err
			}
		}
		in[i] = st.nodes[x]
	}
	switch o := n.Op().(type) {
	case nil:
		st.leaf(m, n, n.Name())
		return nil
	case *nodeOp:
		return st.apply(n, o, in)
	}
	if len(in) == 0 {
		return G.Let(st.leaf(m, n, fmt.Sprintf("constant %d", n.ID())), n.Value())
	}
	return st.apply(n, &guard{Op: n.Op(), node: n, builder: b, salt: m.salts[n]}, in)
}

// bring adds a node of an earlier stage: an input or a constant is added again, of others the value is
// imported.
func (st *stage) bring(m *machine, n *G.Node) error {
	if _, ours := n.Op().(*nodeOp); !ours && len(inputs(n)) == 0 {
		return st.add(m, nil, n)
	}
	st.imports = append(st.imports, imported{m.output(n), st.leaf(m, n, fmt.Sprint("value ", n.ID())), m.home[n]})
	return nil
}

func (st *stage) apply(n *G.Node, op G.Op, in G.Nodes) error {
	st.index.reserve(256)
	c, err := G.ApplyOp(op, in...)
	if err == nil {
		st.file(n, c)
	}
	return err
}

func (st *stage) leaf(m *machine, n *G.Node, name string) (c *G.Node) {
	if salt := m.salts[n]; salt > 0 {
		name = fmt.Sprintf("%s (%d)", name, salt)
	}
	st.index.reserve(256)
	if n.Dims() == 0 {
		c = G.NewScalar(st.graph, n.Dtype(), G.WithName(name))
	} else {
		c = G.NewTensor(st.graph, n.Dtype(), n.Dims(), G.WithShape(n.Shape()...), G.WithName(name))
	}
	st.file(n, c)
	return c
}

func (st *stage) file(n, c *G.Node) {
	st.nodes[n] = c
	st.order = append(st.order, n)
}
