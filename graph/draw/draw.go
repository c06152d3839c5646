package draw

import (
	"slices"

	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// Options choose what a picture shows.
type Options struct {
	// Depth is how many levels of scopes the picture goes down: 1 draws one box for each
	// block h.0, h.1, …; 2 one for each layer h.0.attn, h.0.mlp, …; below 0, every node
	// is a box. 0 takes the most of 2 and 1 that fits on a screen, and folds like blocks
	// into one box if neither does.
	Depth int
	// Open are scopes whose every operation is a box, whatever the depth. In such a path *
	// stands for any part of a name, as in "h.*.attn".
	Open []string
	// Fold draws a run of blocks that are alike, such as h.0 to h.47, as one box; also of those that are alike in turn.
	Fold bool
	// Title stands above the picture.
	Title string
	// Marked has the boxes of an SVG say, for a page that shows it, what they are (class), their scope (data-scope; of a run of
	// blocks, the first's) and the IDs of their nodes (data-nodes), of which of two graphs (data-graph, 0 or 1), and lines and texts have a class for the page's style.
	Marked bool
}

// screen is how many rows of boxes fit on a screen.
const screen = 32

// grouped puts nodes into boxes as the options say.
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

// rows is about how many rows a picture takes.
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

// SVG draws a graph, such as [graph.Scope.Nodes] lists, as an SVG image.
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
