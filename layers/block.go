package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Block declares layers that belong together as one layer, which an edit can wrap, replace or remove, as in
// graph.Remove("h.3"). x and the result have the same shape.
func Block(s *graph.Scope, x *G.Node, declare func(s *graph.Scope, x *G.Node) *G.Node) *G.Node {
	x = s.Require("Block", "x", x)
	return s.Layer(x, x.Shape(), declare)
}
