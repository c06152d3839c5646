package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// UpToTargets returns 1 for the positions of sequences and 0 for the padding after them, (B·T), for [graph.Scope.SetReal]. The
// sequences end with the last of their targets (B, T) that is not negative, or more positions after it. It has no gradient.
func UpToTargets(s *graph.Scope, targets *G.Node, more int) *G.Node {
	targets = s.Require("UpToTargets", "targets", targets)
	if targets.Dims() != 2 {
		return s.Fail("UpToTargets", tensor.Shape{1}, "targets are %v; want (B, T)", targets.Shape())
	}
	batch, context := targets.Shape()[0], targets.Shape()[1]
	return s.Apply(graph.Op{
		Name:     "UpToTargets",
		Out:      tensor.Shape{batch * context},
		Detached: true,
		Run: func(a *graph.Args) error {
			ids, out := a.Ints(0), a.Out(0)
			clear(out)
			for b := range batch {
				row := ids[b*context : (b+1)*context]
				end := context
				for end > 0 && row[end-1] < 0 {
					end--
				}
				if end > 0 {
					end = min(end+more, context)
				}
				for t := range end {
					out[b*context+t] = 1
				}
			}
			return nil
		},
	}, targets)
}

// DropRows returns picks (N, K) with −1, no expert, in the rows where real (N) is 0. Its result is a constant.
func DropRows(s *graph.Scope, picks, real *G.Node) *G.Node {
	picks, real = s.Require("DropRows", "picks", picks), s.Require("DropRows", "real", real)
	if !isMatrix(picks) || real.Dims() != 1 || dim(real, 0) != dim(picks, 0) {
		return s.Fail("DropRows", picks.Shape(), "picks are %v, real rows %v; want (N, K) and (N)", picks.Shape(), real.Shape())
	}
	k := picks.Shape()[1]
	return s.Apply(graph.Op{
		Name:     "DropRows",
		Out:      picks.Shape(),
		Detached: true,
		Run: func(a *graph.Args) error {
			for i, p := range a.Floats(0) {
				if a.Out(0)[i] = p; a.Floats(1)[i/k] == 0 {
					a.Out(0)[i] = -1
				}
			}
			return nil
		},
	}, picks, real)
}
