package graph

import (
	"reflect"
	"unsafe"

	G "gorgonia.org/gorgonia"
)

// index is Gorgonia's own table of the positions of a graph's nodes in its list. Gorgonia fills it by searching
// the whole list at the first use of each node (ExprGraph.node in v0.9.18), which takes time quadratic in the
// number of nodes: half a minute for 100,000. Here it is filled in advance, since nodes are numbered in the
// order of the list. The field is not exported; if a later Gorgonia does not have it, nothing is filled, and
// only time is lost.
type index struct {
	graph  *G.ExprGraph
	places map[int64]int
	filled int
}

func newIndex(g *G.ExprGraph) *index {
	x := &index{graph: g}
	field := reflect.ValueOf(g).Elem().FieldByName("byID")
	if field.IsValid() && field.Type() == reflect.TypeFor[map[int64]int]() {
		x.places = *(*map[int64]int)(unsafe.Pointer(field.UnsafeAddr()))
	}
	return x
}

// reserve fills the table for the given number of coming nodes.
func (x *index) reserve(nodes int) {
	if x.places == nil {
		return
	}
	for n := len(x.graph.AllNodes()) + nodes; x.filled < n; x.filled++ {
		x.places[int64(x.filled)] = x.filled
	}
}
