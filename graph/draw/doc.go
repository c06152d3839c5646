// Package draw makes pictures of a declared graph, of what an edit changed in it, and
// the text that Graphviz makes one of.
//
//	s := graph.New(graph.NewParams(1))
//	models.Logits(m, s, s.Ints("tokens", 1, 64))
//	picture, err := draw.SVG(s.Nodes(), draw.Options{})
//
// [SVG] and [DiffSVG] need nothing installed: the layout is this package's own. [DOT]
// writes the same boxes and edges for one's own dot program.
//
// A box is a scope, collapsed: a layer, a block of layers, or, where the picture is
// opened, one node. Nodes of one scope that others stand between are boxes of their own,
// so that arrows never run in a circle. Forward computation goes down on the left, in
// blue; its gradient comes up on the right, in orange, each layer's beside the layer.
// Inputs are grey. A parameter that one layer uses is counted in the layer's box; one
// that several use is a green box with an arrow to each, and its uses by gradients are
// left out. Grey lines carry what the gradient reads of the forward run.
//
// The same nodes give the same bytes.
package draw
