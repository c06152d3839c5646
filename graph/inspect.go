package graph

import (
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Node describes one node of a graph.
type Node struct {
	ID     int    // index in the order of declaration
	Path   string // scope, or full name for a parameter or an input
	Op     string // "Linear", …; "param" or "input" for nodes that compute nothing
	Shape  tensor.Shape
	Inputs []int // IDs of the nodes it reads
	Grad   bool  // whether it was added by differentiation
	FLOPs  int64 // of one run
	Bytes  int64 // of its value, extra results and Saves; for a parameter, its weights
	Params int64 // number of weights of a parameter
	Rank   int   // dimensions of a parameter, or of each group's part of it ([Scope.Grouped])
	Active int64 // weights that one row of the data uses: of experts, only those that it is sent to
}

// Nodes lists the graph in the order of declaration, which is the same in every process. It may be called
// before or after compilation; gradients are included only after CompileGrad.
func (s *Scope) Nodes() []Node { return s.nodes() }

// Nodes lists the program's graph.
func (p *Program) Nodes() []Node { return p.declared.nodes() }

// NodeOf returns the node that [Scope.Nodes] lists under an ID, or nil if there is none. [Program.Value] can
// read it if it was given to Compile.
func (s *Scope) NodeOf(id int) *G.Node {
	if all := s.listed(); id >= 0 && id < len(all) {
		return all[id]
	}
	return nil
}

// listed returns the nodes in the order of declaration.
func (b *builder) listed() []*G.Node {
	all := slices.DeleteFunc(slices.Clone(b.graph.AllNodes()), func(n *G.Node) bool { return b.unused[n] })
	slices.SortFunc(all, func(x, y *G.Node) int { return int(x.ID() - y.ID()) })
	return all
}

func (b *builder) nodes() []Node {
	all := b.listed()
	ids := make(map[*G.Node]int)
	for i, n := range all {
		ids[n] = i
	}
	list := make([]Node, len(all))
	for i, n := range all {
		list[i] = b.node(n, ids, list)
	}
	return list
}

// node describes n, whose inputs are already in the list.
func (b *builder) node(n *G.Node, ids map[*G.Node]int, done []Node) Node {
	d := Node{ID: ids[n], Path: b.origin[n], Shape: n.Shape(), Grad: b.differentiated && n.ID() >= b.firstGradient}
	for it := n.Graph().From(n.ID()); it.Next(); {
		d.Inputs = append(d.Inputs, ids[it.Node().(*G.Node)])
	}
	elements := int64(d.Shape.TotalSize())
	d.Bytes = 4 * elements
	switch op := n.Op().(type) {
	case nil:
		d.Op = "input"
		if n.Dtype() == tensor.Int {
			d.Bytes = 8 * elements
		}
		if p := b.params.Get(n.Name()); p != nil {
			d.Op, d.Params, d.Active, d.Rank = "param", elements, elements, p.rank()
			if k := b.passed[n.Name()]; k > 0 {
				d.Active = elements / int64(d.Shape[0]) * int64(k)
			}
		}
	case *nodeOp:
		d.Op, d.FLOPs = op.Name, op.FLOPs
		if op.Run == nil {
			d.Bytes = 0 // only returns another node's extra result
		}
		if op.Run != nil {
			for _, r := range slices.Concat(op.results[1:], op.saves) {
				if !r.unwanted {
					d.Bytes += 4 * int64(r.shape.TotalSize())
				}
			}
		}
	default:
		b.builtin(n, &d, done)
	}
	return d
}

// builtin describes a node that was made by a Gorgonia function: its place, as far as its inputs tell, and its
// cost. Products are recognized by their names, since their ops are not exported; everything else counts as one
// operation per element.
func (b *builder) builtin(n *G.Node, d *Node, done []Node) {
	d.Op = opName(n.Op())
	if len(d.Inputs) == 0 {
		return // a constant
	}
	d.FLOPs = int64(d.Shape.TotalSize())
	if d.Path == "" {
		d.Path = pathOf(d, done)
	}
	if a := done[d.Inputs[0]].Shape; len(a) >= 2 && strings.Contains(d.Op, "×") {
		// A product: the result's elements times the dimension that is summed over,
		// which a transposition swaps with the rows.
		shared := a[len(a)-1]
		if strings.HasPrefix(d.Op, "Aᵀ") {
			shared = a[len(a)-2]
		}
		d.FLOPs *= 2 * int64(shared)
	}
}

// opName returns an op's own name, without Gorgonia's trailing flag.
func opName(op G.Op) string {
	return strings.TrimSuffix(strings.TrimSuffix(op.String(), " false"), " true")
}

// pathOf guesses the place of a node that has no recorded path from its inputs: the deepest path among them. A
// sum made by differentiation belongs to the layer that reached it last.
func pathOf(d *Node, done []Node) (at string) {
	last := -1
	for _, in := range d.Inputs {
		if in >= d.ID || done[in].Op == "param" || done[in].Op == "input" {
			continue
		}
		if d.Grad && in > last && done[in].Path != "" || !d.Grad && len(done[in].Path) > len(at) {
			at, last = done[in].Path, in
		}
	}
	return at
}

// Total sums up nodes.
type Total struct {
	Nodes  int
	Params int64
	Active int64 // see [Node.Active]
	FLOPs  int64
	// Bytes is the size of the values of all nodes except parameters: what a program holds besides the weights.
	Bytes int64
}

// Sum adds up the nodes of a list.
func Sum(nodes []Node) Total {
	var t Total
	for _, n := range nodes {
		t.Nodes++
		t.Params += n.Params
		t.Active += n.Active
		t.FLOPs += n.FLOPs
		if n.Params == 0 {
			t.Bytes += n.Bytes
		}
	}
	return t
}

// placeOf names a node in errors, by its path and op, or, if its path is not recorded, by the path of what it
// is computed from.
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
