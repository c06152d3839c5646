package family

import "github.com/gorgpt/gorgpt/graph"

// Export makes models of other families one of this family that has the same logits, for programs
// that open this family's checkpoints.
type Export struct {
	Name string // of the form, as in gorgpt convert --to gpt-neo

	// Of is the export of a model with its weights, and tells what was lost, a note each. Weights that the
	// family has no place for are refused, unless fold allows to make others do what they did where that costs digits.
	Of func(m Model, params *graph.Params, fold bool) (to Model, weights *graph.Params, notes []string, err error)
}
