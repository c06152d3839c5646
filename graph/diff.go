package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// Change is a node that an edit added, removed or changed.
type Change struct {
	Before, After *Node // nil where there is none
	// Reads names the inputs that an unchanged node did not have before the edit.
	Reads string
}

// Difference is what an edit changed in a graph.
type Difference struct {
	Changes       []Change
	Before, After Total
}

// Diff compares two graphs node by node. Nodes with the same scope and the same op are matched in order; where
// the op differs, the node counts as changed.
func Diff(before, after []Node) *Difference {
	d := &Difference{Before: Sum(before), After: Sum(after)}
	now := grouped(after, place)
	matched := make(map[int]int) // nodes of before by the matching nodes of after
	taken := make([]bool, len(before))
	for _, kind := range []func(n Node) string{placeAndOp, placeAndRole} {
		waiting := grouped(slices.DeleteFunc(slices.Clone(before), func(n Node) bool { return taken[n.ID] }), kind)
		for _, n := range after {
			if _, done := matched[n.ID]; done {
				continue
			}
			if alike := waiting[kind(n)]; len(alike) > 0 {
				matched[n.ID], taken[alike[0].ID] = alike[0].ID, true
				waiting[kind(n)] = alike[1:]
			}
		}
	}
	for _, n := range before {
		if !taken[n.ID] && now[place(n)] == nil {
			d.Changes = append(d.Changes, Change{Before: &n})
		}
	}
	for _, n := range after {
		id, found := matched[n.ID]
		if !found {
			d.Changes = append(d.Changes, Change{After: &n})
			continue
		}
		o := before[id]
		if o.Op != n.Op || !o.Shape.Eq(n.Shape) || o.FLOPs != n.FLOPs {
			d.Changes = append(d.Changes, Change{Before: &o, After: &n})
		} else if news := reads(o, n, before, after, matched); news != "" {
			d.Changes = append(d.Changes, Change{Before: &o, After: &n, Reads: news})
		}
	}
	for _, n := range before { // of a scope that still exists
		if !taken[n.ID] && now[place(n)] != nil {
			d.Changes = append(d.Changes, Change{Before: &n})
		}
	}
	return d
}

// place identifies a node's path and whether it is a gradient.
func place(n Node) string { return fmt.Sprint(n.Path, n.Grad) }

func placeAndOp(n Node) string { return place(n) + n.Op }

// placeAndRole distinguishes parameters, inputs and computed nodes.
func placeAndRole(n Node) string {
	if n.Op == "param" || n.Op == "input" {
		return placeAndOp(n)
	}
	return place(n)
}

// grouped groups nodes by a key, in order.
func grouped(nodes []Node, key func(n Node) string) map[string][]Node {
	m := make(map[string][]Node)
	for _, n := range nodes {
		m[key(n)] = append(m[key(n)], n)
	}
	return m
}

// reads names the inputs of n that o did not have.
func reads(o, n Node, before, after []Node, matched map[int]int) string {
	var news []string
	for _, in := range n.Inputs {
		if id, found := matched[in]; !found || !slices.Contains(o.Inputs, id) {
			news = append(news, strings.TrimSpace(after[in].Path+" "+after[in].Op))
		}
	}
	return strings.Join(news, ", ")
}

// String lists the changes of the forward graph, one per line, with equal changes of several blocks in a single
// line, and the totals.
func (d *Difference) String() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	var lines []string            // the first of each kind
	times := make(map[string]int) // by line, with * for numbers
	var gradients [3]int
	for _, c := range d.Changes {
		if n := c.node(); n.Grad {
			gradients[c.kind()]++
			continue
		}
		line := c.line()
		if times[starred(line)]++; times[starred(line)] == 1 {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		if n := times[starred(line)]; n > 1 {
			line = fmt.Sprintf("%s\t× %d", starred(line), n)
		}
		fmt.Fprintln(w, line)
	}
	if gradients != [3]int{} {
		fmt.Fprintf(w, "gradient nodes: %d added, %d removed, %d changed\n", gradients[nodeAdded], gradients[nodeRemoved], gradients[nodeChanged])
	}
	if len(d.Changes) == 0 {
		fmt.Fprintln(w, "no nodes differ")
	}
	fmt.Fprintln(w)
	for _, t := range []struct {
		name          string
		before, after int64
	}{
		{"nodes", int64(d.Before.Nodes), int64(d.After.Nodes)},
		{"parameters", d.Before.Params, d.After.Params},
		{"FLOPs", d.Before.FLOPs, d.After.FLOPs},
		{"bytes", d.Before.Bytes, d.After.Bytes},
	} {
		fmt.Fprintf(w, "%s\t%d → %d\t%+d\n", t.name, t.before, t.after, t.after-t.before)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return out.String()
}

// Kinds of changes.
const (
	nodeAdded = iota
	nodeRemoved
	nodeChanged
)

func (c Change) kind() int {
	switch {
	case c.Before == nil:
		return nodeAdded
	case c.After == nil:
		return nodeRemoved
	}
	return nodeChanged
}

// node returns the node as it is after the edit, or as it was if it is gone.
func (c Change) node() *Node {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// line describes a change.
func (c Change) line() string {
	n := c.node()
	sign := [...]string{"+", "-", "~"}[c.kind()]
	text := fmt.Sprintf("%s %s\t%s\t%v", sign, n.Path, n.Op, n.Shape)
	switch {
	case c.Reads != "":
		return text + "\treads " + c.Reads
	case c.kind() == nodeChanged:
		was := ""
		if c.Before.Op != n.Op {
			was += " " + c.Before.Op
		}
		if !c.Before.Shape.Eq(n.Shape) {
			was += fmt.Sprintf(" %v", c.Before.Shape)
		}
		if c.Before.FLOPs != n.FLOPs {
			was += fmt.Sprintf(" %d → %d FLOPs", c.Before.FLOPs, n.FLOPs)
		}
		return text + "\twas" + was
	case n.Params > 0:
		return text + fmt.Sprintf("\t%d weights", n.Params)
	case n.FLOPs > 0:
		return text + fmt.Sprintf("\t%d FLOPs", n.FLOPs)
	}
	return text
}

var number = regexp.MustCompile(`([a-z_]\.)[0-9]+\b`)

// starred replaces the numbers in the paths of a text with *.
func starred(text string) string { return number.ReplaceAllString(text, "${1}*") }
