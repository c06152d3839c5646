package draw

import (
	"slices"

	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Options selects what a picture shows.
type Options struct {
	// Depth is the number of levels of scopes that the picture shows: 1 draws one box for each block h.0, h.1,
	// …; 2 draws one for each layer h.0.attn, h.0.mlp, …; with a negative Depth every node is a box. 0 means 2
	// or else 1, whichever first fits on a screen, and if neither does, 1 with equal blocks folded into one
	// box.
	Depth int
	// Open lists scopes whose nodes are each a box, whatever the depth. In these paths, * stands for any part
	// of a name, as in "h.*.attn".
	Open []string
	// Fold draws a run of blocks that are alike, such as h.0 to h.47, as one box, including runs that alternate
	// between several kinds of blocks.
	Fold bool
	// Title is shown above the picture.
	Title string
	// Marked adds attributes to an SVG for a page that shows it: each box has a class, its scope (data-scope;
	// for a run of blocks, that of the first), the IDs of its nodes (data-nodes) and, if there are two graphs,
	// which of them it is in (data-graph, 0 or 1). Lines and texts have a class for the page's style.
	Marked bool
}

// screen is the number of rows of boxes that fit on a screen.
const screen = 32

// grouped groups nodes into boxes as the options say.
func (o Options) grouped(nodes []graph.Node) (*grouping, error) {
	if o.Depth != 0 {
		return group(nodes, o.Depth, o.Fold, o.Open)
	}
	for _, try := range []struct {
		depth int
		fold  bool
	}{{2, o.Fold}, {1, o.Fold}} {
		g, err := group(nodes, try.depth, try.fold, o.Open)
		if err != nil {
			return nil, err
		}
		if g.rows() <= screen {
			return g, nil
		}
	}
	return group(nodes, 1, true, o.Open)
}

// rows returns approximately how many rows a picture takes.
func (g *grouping) rows() int {
	depth, most := make(map[*box]int), 0
	for _, b := range g.boxes {
		if b.grad {
			continue
		}
		for _, p := range b.preds {
			depth[b] = max(depth[b], depth[p]+1)
		}
		most = max(most, depth[b]+1)
	}
	return most
}

func (g *grouping) shapeOf(id int) tensor.Shape { return g.nodes[id].Shape }

// SVG draws a graph, as listed by [graph.Scope.Nodes], as an SVG image.
func SVG(nodes []graph.Node, o Options) ([]byte, error) {
	g, err := o.grouped(nodes)
	if err != nil {
		return nil, err
	}
	d := layOut(g)
	c := &canvas{width: d.width, height: d.height, marked: o.Marked}
	var classes []string
	for _, class := range []string{"input", "param", "layer", "gradient"} {
		if slices.ContainsFunc(g.boxes, func(b *box) bool { return b.class() == class }) {
			classes = append(classes, class)
		}
	}
	c.width = max(c.width, c.legend(o.Title, classes, map[string]string{
		"input": "input", "param": "weights", "layer": "forward", "gradient": "gradient",
	}))
	c.paint(d, g)
	return c.document(), nil
}
