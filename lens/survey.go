package lens

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// Kind is the kind of a place in the residual stream.
type Kind string

// The kinds of places.
const (
	Start Kind = "start" // input of the first block: the embedding
	Sum   Kind = "sum"   // sum of the stream and a branch within a block
	Block Kind = "block" // output of a block
	Final Kind = "final" // input of the head
)

// Place is a node (T, C) of the residual stream.
type Place struct {
	Path string // of the block, or of the branch that is added
	Kind Kind
	Node int // its ID in the graph's list
}

// Places returns the places of the residual stream, from the embedding to the head.
func (r *Reader) Places() []Place { return r.places }

// surveyed is a declared model with the nodes of its stream.
type surveyed struct {
	scope  *graph.Scope
	places []Place
	nodes  []*G.Node // of the places
}

// passage is the input and output of a block.
type passage struct {
	path    string
	in, out *G.Node
}

// survey declares the model over one sequence and finds the stream.
func (r *Reader) survey(length int) (*surveyed, error) {
	s := graph.New(r.params)
	var passages []passage
	m := r.model
	if r.blocks != "" {
		m = models.Edit(m, graph.Wrap(r.blocks, func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
			y := layer(x)
			passages = append(passages, passage{s.Path(), x, y})
			return y
		}))
	}
	final, _ := models.Body(m, s, s.Ints("tokens", 1, length))
	if err := s.Check(); err != nil {
		return nil, err
	}
	v := &surveyed{scope: s}
	v.find(final, passages)
	return v, nil
}

// find lists the places: a sum is on the stream if one of its inputs is, or if one is computed from the other.
func (v *surveyed) find(final *G.Node, passages []passage) {
	nodes := v.scope.Nodes()
	known := make(map[*G.Node]Place)
	for i, p := range passages {
		if i == 0 {
			known[p.in] = Place{Path: "", Kind: Start}
		}
		if p.out != p.in { // otherwise an edit has removed the block
			known[p.out] = Place{Path: p.path, Kind: Block}
		}
	}
	on := make(map[int]bool)
	add := func(p Place, n *G.Node) {
		on[p.Node] = true
		v.places, v.nodes = append(v.places, p), append(v.nodes, n)
	}
	last := -1
	for id, n := range nodes {
		node := v.scope.NodeOf(id)
		if node == final {
			last = id
		}
		if !n.Shape.Eq(final.Shape()) || n.Grad {
			continue
		}
		if p, is := known[node]; is {
			if p.Node = id; p.Path == "" {
				p.Path = n.Path
			}
			add(p, node)
			continue
		}
		if (n.Op == "Add" || n.Op == "+") && len(n.Inputs) == 2 && sumOfStream(nodes, n, on) {
			add(Place{n.Path, Sum, id}, node)
		}
	}
	if !on[last] {
		add(Place{nodes[last].Path, Final, last}, final)
	}
}

// sumOfStream reports whether a sum adds something to the stream.
func sumOfStream(nodes []graph.Node, n graph.Node, on map[int]bool) bool {
	a, b := min(n.Inputs[0], n.Inputs[1]), max(n.Inputs[0], n.Inputs[1])
	if !nodes[a].Shape.Eq(n.Shape) || !nodes[b].Shape.Eq(n.Shape) {
		return false
	}
	return on[a] || on[b] || readsFrom(nodes, b, a)
}

// readsFrom reports whether a node is computed from an earlier one.
func readsFrom(nodes []graph.Node, node, earlier int) bool {
	seen := make(map[int]bool)
	var visit func(id int) bool
	visit = func(id int) bool {
		if id == earlier {
			return true
		}
		if id < earlier || seen[id] {
			return false
		}
		seen[id] = true
		for _, in := range nodes[id].Inputs {
			if visit(in) {
				return true
			}
		}
		return false
	}
	return visit(node)
}

// buildStream compiles the program that computes the stream of one sequence.
func (r *Reader) buildStream(shape ...int) (*graph.Program, []*G.Node, error) {
	v, err := r.survey(shape[0])
	if err != nil {
		return nil, nil, err
	}
	if len(v.places) != len(r.places) {
		return nil, nil, fmt.Errorf("lens: the stream has %d places over %d tokens, and %d over 2", len(v.places), shape[0], len(r.places))
	}
	p, err := v.scope.Compile(v.nodes...)
	return p, v.nodes, err
}
