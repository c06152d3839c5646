package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/scopepath"
)

// kind is the kind of what a box represents.
type kind int

const (
	layer kind = iota
	input
	param
)

// box is a group of nodes that is drawn as one.
type box struct {
	kind   kind
	key    string // the scope, or the name of a parameter or an input
	single bool   // whether it represents one node of an opened scope
	grad   bool
	alike  repeated // number of blocks that it represents, if more than one
	nodes  []int    // IDs, in order
	ops    []string
	params int64
	active int64 // of params: those that one row of the data uses
	flops  int64
	preds  []*box

	// Filled by the layout.
	index, row int
	x, y, w, h float64
	status     status
}

// value is the value of one node that other boxes read.
type value struct {
	node  int
	shape string
	from  *box
	to    []*box
}

// grouping is a graph divided into boxes, in an order in which every box comes after those that it reads.
type grouping struct {
	nodes  []graph.Node
	boxes  []*box
	values []*value
	levels int  // of scopes
	fold   bool // whether runs of equal blocks are one box
	open   [][]string

	readers [][]int // for each node
}

// levelsOf splits a path into its levels: a number belongs to the name before it, as in
// h.0.
func levelsOf(at string) []string {
	if at == "" {
		return nil
	}
	var levels []string
	for _, name := range strings.Split(at, ".") {
		if n := len(levels); n > 0 && isNumber(name) {
			levels[n-1] += "." + name
			continue
		}
		levels = append(levels, name)
	}
	return levels
}

func isNumber(name string) bool {
	return name != "" && strings.Trim(name, "0123456789") == ""
}

// inside reports whether a path is at or below what pattern matches.
func inside(pattern []string, at string) bool {
	return scopepath.Inside(pattern, strings.Split(at, "."))
}

// opened reports whether the picture shows the nodes at a path.
func (g *grouping) opened(at string) bool {
	return g.levels < 0 || slices.ContainsFunc(g.open, func(p []string) bool { return inside(p, at) })
}

// keyOf returns the scope that the nodes at a path are collapsed into.
func (g *grouping) keyOf(at string, folded map[string]string) string {
	levels := levelsOf(at)
	if len(levels) > 0 && folded[levels[0]] != "" {
		return folded[levels[0]]
	}
	return strings.Join(levels[:min(g.levels, len(levels))], ".")
}

// hasScope reports whether any of the nodes are in a scope, or match a pattern of scopes.
func hasScope(nodes []graph.Node, scope string) bool {
	pattern := strings.Split(scope, ".")
	return slices.ContainsFunc(nodes, func(n graph.Node) bool { return inside(pattern, n.Path) })
}

// group groups nodes into boxes.
func group(nodes []graph.Node, levels int, fold bool, open []string) (*grouping, error) {
	g := &grouping{nodes: nodes, levels: levels, fold: fold}
	for _, o := range open {
		pattern := strings.Split(o, ".")
		if !hasScope(nodes, o) {
			return nil, fmt.Errorf("draw: %w", nearest.Unknown("scope", o, scopes(nodes)))
		}
		g.open = append(g.open, pattern)
	}
	folded, alike := map[string]string{}, map[string]repeated{}
	if fold && levels >= 0 {
		folded, alike = g.folds()
	}
	order, err := sorted(nodes)
	if err != nil {
		return nil, err
	}
	g.readers = make([][]int, len(nodes))
	for id, n := range nodes {
		for _, in := range n.Inputs {
			g.readers[in] = append(g.readers[in], id)
		}
	}
	of := g.boxNodes(order, folded, alike)
	g.placeParams(of)
	g.sort()
	g.connect(of)
	g.sum()
	return g, nil
}

// boxNodes returns the box of each node. The nodes are visited in the given order; parameters have no boxes
// yet.
func (g *grouping) boxNodes(order []int, folded map[string]string, alike map[string]repeated) []*box {
	nodes := g.nodes
	of := make([]*box, len(nodes))
	last := make(map[string]*box) // by key
	for _, id := range order {
		n := nodes[id]
		if n.Op == "param" {
			continue // later: it depends on its readers
		}
		if n.Op == "input" {
			of[id] = g.add(&box{kind: input, key: n.Path}, id)
			continue
		}
		if len(n.Inputs) == 0 && len(g.readers[id]) == 0 {
			continue // a constant that differentiation starts from
		}
		if in := pickOf(nodes, id); in >= 0 && of[in] != nil && nodes[in].Grad == n.Grad {
			of[id] = of[in]
			of[id].nodes = append(of[id].nodes, id)
			continue
		}
		key, single := n.Path, g.opened(n.Path)
		if !single {
			key = g.keyOf(n.Path, folded)
		}
		name := fmt.Sprint(key, n.Grad)
		b := last[name]
		if single || b == nil || b.single || g.wouldCycle(b, n, of) {
			b = g.add(&box{key: key, single: single, grad: n.Grad, alike: alike[key]})
			last[name] = b
		}
		of[id] = b
		b.nodes = append(b.nodes, id)
		for _, in := range n.Inputs {
			if p := of[in]; p != nil && p != b && !slices.Contains(b.preds, p) {
				b.preds = append(b.preds, p)
			}
		}
	}
	return of
}

// sort moves every box after those that it reads: a box may have been given its last node after boxes were
// started that this node reads.
func (g *grouping) sort() {
	var order []*box
	done := make(map[*box]bool)
	var visit func(b *box)
	visit = func(b *box) {
		if done[b] {
			return
		}
		done[b] = true
		for _, p := range b.preds {
			visit(p)
		}
		order = append(order, b)
	}
	for _, b := range g.boxes {
		visit(b)
	}
	g.boxes = order
}

// scopes lists the scopes of a graph, with * for the numbers of blocks.
func scopes(nodes []graph.Node) []string {
	var all []string
	for _, n := range nodes {
		if n.Op == "param" || n.Op == "input" || n.Grad {
			continue
		}
		names := strings.Split(n.Path, ".")
		for i, name := range names {
			if isNumber(name) {
				names[i] = "*"
			}
			if at := strings.Join(names[:i+1], "."); !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all
}

// add appends a box.
func (g *grouping) add(b *box, nodes ...int) *box {
	b.nodes = append(b.nodes, nodes...)
	g.boxes = append(g.boxes, b)
	return b
}

// wouldCycle reports whether b, if n were added to it, would read something that is computed from b.
func (g *grouping) wouldCycle(b *box, n graph.Node, of []*box) bool {
	seen := make(map[*box]bool)
	var reaches func(p *box) bool
	reaches = func(p *box) bool {
		if p == b {
			return true
		}
		if seen[p] {
			return false
		}
		seen[p] = true
		return slices.ContainsFunc(p.preds, reaches)
	}
	for _, in := range n.Inputs {
		if p := of[in]; p != nil && p != b && reaches(p) {
			return true
		}
	}
	return false
}

// pickOf returns the node whose extra result the given node returns, or -1.
func pickOf(nodes []graph.Node, id int) int {
	n := nodes[id]
	if len(n.Inputs) != 1 {
		return -1
	}
	if in := n.Inputs[0]; strings.HasPrefix(n.Op, nodes[in].Op+".") {
		return in
	}
	return -1
}

// placeParams counts a parameter in the layer that uses it, or makes it a box.
func (g *grouping) placeParams(of []*box) {
	var shared []*box
	for id, n := range g.nodes {
		if n.Op != "param" {
			continue
		}
		var readers []*box
		for _, r := range g.readers[id] {
			if b := of[r]; b != nil && !g.nodes[r].Grad && !slices.Contains(readers, b) {
				readers = append(readers, b)
			}
		}
		if len(readers) == 1 && g.levels >= 0 {
			readers[0].params += n.Params
			readers[0].active += n.Active
			continue
		}
		of[id] = &box{kind: param, key: n.Path, nodes: []int{id}, params: n.Params, active: n.Active}
		shared = append(shared, of[id])
		for _, b := range readers {
			b.preds = append(b.preds, of[id])
		}
	}
	g.boxes = append(shared, g.boxes...)
}

// connect lists the values that pass between boxes.
func (g *grouping) connect(of []*box) {
	values := make([]*value, len(g.nodes))
	for id, n := range g.nodes {
		b := of[id]
		if b == nil {
			continue
		}
		for _, in := range n.Inputs {
			from := of[in]
			if from == nil || from == b || from.kind == param && b.grad {
				continue
			}
			if values[in] == nil {
				values[in] = &value{node: in, shape: shapeText(g.nodes[in].Shape), from: from}
			}
			if v := values[in]; !slices.Contains(v.to, b) {
				v.to = append(v.to, b)
			}
		}
	}
	for id, n := range g.nodes {
		b := of[id]
		switch {
		case values[id] != nil:
			g.values = append(g.values, values[id])
		case b != nil && b.kind == layer && !n.Grad && !g.read(id):
			g.values = append(g.values, &value{node: id, shape: shapeText(n.Shape), from: b}) // a result
		}
	}
}

// read reports whether a forward node reads the given one.
func (g *grouping) read(id int) bool {
	return slices.ContainsFunc(g.readers[id], func(r int) bool { return !g.nodes[r].Grad })
}

// sum adds up the costs of the boxes.
func (g *grouping) sum() {
	for _, b := range g.boxes {
		for _, id := range b.nodes {
			n := g.nodes[id]
			b.flops += n.FLOPs
			if b.kind == layer && pickOf(g.nodes, id) < 0 {
				b.ops = append(b.ops, n.Op)
			}
		}
	}
}

// sorted returns an order in which every node comes after those that it reads, which follows the order of
// declaration as far as possible.
func sorted(nodes []graph.Node) ([]int, error) {
	order := make([]int, 0, len(nodes))
	state := make([]int, len(nodes)) // 1 while its inputs are visited, 2 after
	var visit func(id int) error
	visit = func(id int) error {
		switch state[id] {
		case 1:
			return fmt.Errorf("draw: node %d depends on itself", id)
		case 2:
			return nil
		}
		state[id] = 1
		for _, in := range nodes[id].Inputs {
			if in < 0 || in >= len(nodes) {
				return fmt.Errorf("draw: node %d reads node %d of %d", id, in, len(nodes))
			}
			if err := visit(in); err != nil {
				return err
			}
		}
		state[id] = 2
		order = append(order, id)
		return nil
	}
	for id := range nodes {
		if err := visit(id); err != nil {
			return nil, err
		}
	}
	return order, nil
}
