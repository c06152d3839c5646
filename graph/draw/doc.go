// Package draw makes pictures of a declared graph and of what an edit changed in it, as SVG or as input for
// Graphviz.
//
//	s := graph.New(graph.NewParams(1))
//	models.Logits(m, s, s.Ints("tokens", 1, 64))
//	picture, err := draw.SVG(s.Nodes(), draw.Options{})
//
// [SVG] and [DiffSVG] need nothing installed: the layout is done by this package. [DOT] writes the same boxes
// and edges for the dot program of Graphviz.
//
// A box is a collapsed scope: a layer, a block of layers, or, where the picture is opened, a single node. If
// nodes of a scope are separated by nodes of others, they form several boxes, so that arrows never run in a
// circle. Forward computation goes down on the left, in blue; its gradient goes up on the right, in orange,
// each layer's gradient beside the layer. Inputs are gray. A parameter that one layer uses is counted in the
// layer's box; one that several layers use is a green box with an arrow to each of them, and its uses by
// gradients are left out. Gray lines carry what the gradient reads from the forward run.
//
// The output for the same nodes is always the same, byte for byte.
package draw
