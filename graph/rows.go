package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// checkRows returns an error if an op of an incremental graph is given the rows of a piece and may use other
// rows than the same one: the rows before the piece are missing, so it would compute something else than in the
// whole graph. The same goes for an op that is given a weight with one row for each row of the data.
func (b *builder) checkRows(roots G.Nodes) error {
	rows := make(map[*G.Node]bool) // nodes that differ from piece to piece
	for _, n := range declared(roots) {
		in := inputs(n)
		rows[n] = n.Op() == nil && b.params.Get(n.Name()) == nil && n != b.inputs["past"]
		for i, x := range in {
			if !rows[x] {
				continue
			}
			rows[n] = true
			if i >= rowWise(n) {
				return fmt.Errorf("%s: nothing says that each row of its result comes from the same row of input %d alone (graph.Op.RowWise), so the model cannot be run piece by piece", b.placeOf(n), i)
			}
		}
		if !rows[n] {
			continue
		}
		for i, x := range in[:min(len(in), rowWise(n))] {
			if !rows[x] && x.Shape().TotalSize() != 1 {
				return fmt.Errorf("%s: each row of its result comes from another row of input %d (graph.Op.RowWise), which holds weights: a piece would get those of the first rows, so the model cannot be run piece by piece", b.placeOf(n), i)
			}
		}
	}
	return nil
}

// rowWise returns the number of inputs, counted from the first, of which an op uses for a row of its result
// only the same row: what our ops declare; of Gorgonia's, all inputs of element-wise ops, and the first of a
// product with a matrix.
func rowWise(n *G.Node) int {
	if o, ours := n.Op().(*nodeOp); ours {
		return o.RowWise
	}
	switch opType(n.Op()) {
	case "elemUnaryOp":
		return 1
	case "elemBinOp", "minBetween", "maxBetween":
		return 2
	case "linAlgBinOp":
		if opName(n.Op()) == "A × B" && n.Dims() == 2 {
			return 1
		}
	}
	return 0
}
