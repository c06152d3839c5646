package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Embed looks up ids in table (V, C): row n of the result (N, C) is row ids[n] of table. ids may have any
// shape; N is the number of its elements.
func Embed(s *graph.Scope, ids, table *G.Node) *G.Node {
	table = s.Require("Embed", "table", table)
	if s.Layout(table).Sections != nil {
		return SumRanks(s, embedPart(s, ids, table))
	}
	return lookUp(s, "Embed", 1, ids, table)
}

// embedPart is [Embed] with a rank's rows of the table: rows for ids of other ranks are 0.
func embedPart(s *graph.Scope, ids, table *G.Node) *G.Node {
	ids = s.Require("Embed", "ids", ids)
	l, r := s.Layout(table), s.Ranks()
	if !isIDs(ids) || !isMatrix(table) || l.Axis != 0 || len(l.Sections) != 1 {
		return s.Fail("Embed", tensor.Shape{ids.Shape().TotalSize(), dim(table, 1)}, "ids are %v of shape %v, table %v; want integers and a rank's rows of a matrix (V, C)", ids.Dtype(), ids.Shape(), table.Shape())
	}
	vocab, width, count := l.Total(), table.Shape()[1], ids.Shape().TotalSize()
	own := l.Spans(r.Rank(), r.Size())[0]
	return s.Apply(graph.Op{
		Name:    "Embed",
		RowWise: 1,
		Out:     tensor.Shape{count, width},
		Layout:  new(graph.Layout), // a summand
		Run: func(a *graph.Args) error {
			ids, table, out := a.Ints(0), a.Floats(1), a.Out(0)
			if err := checkIDs(ids, vocab); err != nil {
				return err
			}
			for n, id := range ids {
				if row := out[n*width:][:width]; own.Has(id) {
					copy(row, table[(id-own.From)*width:])
				} else {
					clear(row)
				}
			}
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{nil, s.Apply(graph.Op{
				Name:        "EmbedGrad",
				Out:         table.Shape(),
				FLOPs:       int64(count * width / r.Size()),
				Accumulates: true,
				Run: func(a *graph.Args) error {
					dtable, alpha, beta := a.Accumulate(0)
					if beta == 0 {
						clear(dtable)
					}
					if dtable == nil {
						return nil
					}
					for n, id := range a.Ints(0) {
						if own.Has(id) {
							kernel.Axpy(dtable[(id-own.From)*width:][:width], alpha, a.Floats(1)[n*width:][:width])
						}
					}
					return nil
				},
			}, in[0], grad)}
		},
	}, ids, table)
}

// Pick selects rows (N) of x (M, C), such as those whose logits are wanted: (N, C). It is [Embed] with data as
// the table. It can be run piece by piece, with rows counted within a piece. It must not be used to let one
// position of a sequence see another.
func Pick(s *graph.Scope, rows, x *G.Node) *G.Node { return lookUp(s, "Pick", 2, rows, x) }

// lookUp declares the op called name; rowWise is the number of its inputs that are used row by row.
func lookUp(s *graph.Scope, name string, rowWise int, ids, table *G.Node) *G.Node {
	ids, table = s.Require(name, "ids", ids), s.Require(name, "table", table)
	if !isIDs(ids) || !isMatrix(table) {
		return s.Fail(name, tensor.Shape{ids.Shape().TotalSize(), dim(table, 1)}, "ids are %v of shape %v, table %v; want integers and a matrix (V, C)", ids.Dtype(), ids.Shape(), table.Shape())
	}
	vocab, width := table.Shape()[0], table.Shape()[1]
	count := ids.Shape().TotalSize()
	return s.Apply(graph.Op{
		Name:    name,
		RowWise: rowWise,
		Out:     tensor.Shape{count, width},
		Reads:   []graph.Reading{0, graph.AsTable},
		Run: func(a *graph.Args) error {
			ids := a.Ints(0)
			if err := checkIDs(ids, vocab); err != nil {
				return err
			}
			if packed := a.Packed(1, graph.AsTable); packed != nil {
				kernel.GatherPacked(a.Out(0), packed, ids)
			} else {
				kernel.Gather(a.Out(0), a.Floats(1), ids, width)
			}
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{nil, s.Apply(graph.Op{
				Name:        name + "Grad",
				Out:         tensor.Shape{vocab, width},
				FLOPs:       int64(count * width),
				Accumulates: true,
				Run: func(a *graph.Args) error {
					dtable, alpha, beta := a.Accumulate(0)
					if beta == 0 {
						clear(dtable)
					}
					if dtable != nil {
						kernel.ScatterAxpy(dtable, alpha, a.Floats(1), a.Ints(0), width)
					}
					return nil
				},
			}, in[0], grad)}
		},
	}, ids, table)
}

// checkIDs returns an error if an id is not a row of a table of vocab rows.
func checkIDs(ids []int, vocab int) error {
	for n, id := range ids {
		if id < 0 || id >= vocab {
			return fmt.Errorf("id %d at position %d is outside the vocabulary of %d", id, n, vocab)
		}
	}
	return nil
}

// checkTargets is checkIDs for targets, where -1 means no target.
func checkTargets(ids []int, vocab int) error {
	for n, id := range ids {
		if id < -1 || id >= vocab {
			return fmt.Errorf("target %d at position %d is outside the vocabulary of %d, and not -1 for none", id, n, vocab)
		}
	}
	return nil
}
