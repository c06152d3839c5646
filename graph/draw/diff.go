package draw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// status says what an edit did to a box.
type status int

const (
	unknown status = iota // no comparison
	same
	added
	removed
	changed
)

func (s status) String() string {
	return [...]string{"unknown", "same", "added", "removed", "changed"}[s]
}

// DiffSVG draws two graphs side by side, before and after an edit, and colors what was removed, added and
// changed. A box counts as changed if its nodes, their shapes or order, or its parameters differ.
func DiffSVG(before, after []graph.Node, o Options) ([]byte, error) {
	var panels [2]*grouping
	both := [][]graph.Node{before, after}
	for i, nodes := range both {
		own := o
		own.Open = slices.DeleteFunc(slices.Clone(o.Open), func(scope string) bool { // that only the other graph has
			return !hasScope(nodes, scope) && hasScope(both[1-i], scope)
		})
		var err error
		if panels[i], err = own.grouped(nodes); err != nil {
			return nil, err
		}
	}
	if a, b := panels[0], panels[1]; o.Depth == 0 && (a.levels != b.levels || a.fold != b.fold) {
		o.Depth, o.Fold = min(a.levels, b.levels), a.fold || b.fold
		return DiffSVG(before, after, o)
	}
	panels[0].compare(panels[1], removed)
	panels[1].compare(panels[0], added)

	c := &canvas{marked: o.Marked}
	x := 0.0
	for i, g := range panels {
		c.side = strconv.Itoa(i)
		d := layOut(g)
		c.height = max(c.height, d.height+header)
		fmt.Fprintf(c, `<g transform="translate(%s %s)">`+"\n", num(x), num(header))
		c.text(12, 21, 13, ` font-weight="bold" fill="#555"`, [...]string{"before", "after"}[i])
		c.paint(d, g)
		c.WriteString("</g>\n")
		x += d.width
		if i == 0 {
			fmt.Fprintf(c, `<path d="M%s %sV100000" stroke="#ddd"/>`+"\n", num(x), num(header))
		}
	}
	c.width = max(x, c.legend(o.Title, []string{"same", "removed", "added", "changed"}, map[string]string{
		"same": "same", "removed": "removed", "added": "added", "changed": "changed",
	}))
	return c.document(), nil
}

// compare marks boxes by what the other graph has in their place; a box that is missing
// there gets the given status.
func (g *grouping) compare(other *grouping, missing status) {
	theirs := make(map[string]string)
	for _, b := range other.boxes {
		theirs[b.place()] += other.content(b)
	}
	ours := make(map[string]string)
	for _, b := range g.boxes {
		ours[b.place()] += g.content(b)
	}
	for _, b := range g.boxes {
		switch content, found := theirs[b.place()]; {
		case !found:
			b.status = missing
		case content == ours[b.place()]:
			b.status = same
		default:
			b.status = changed
		}
	}
}

// place identifies a box in another graph.
func (b *box) place() string { return fmt.Sprint(b.kind, b.key, b.grad) }

// content describes what a box consists of, for comparison.
func (g *grouping) content(b *box) string {
	var text strings.Builder
	fmt.Fprintln(&text, b.params, b.alike)
	for _, id := range b.nodes {
		n := g.nodes[id]
		fmt.Fprintln(&text, n.Path, n.Op, n.Shape, n.FLOPs)
	}
	return text.String()
}
