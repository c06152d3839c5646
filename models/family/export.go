package family

import "github.com/gorgpt/gorgpt/graph"

// Export converts models of other families to models of this family with the same logits, for programs that
// open this family's checkpoints.
type Export struct {
	Name string // of the form, as in gorgpt convert --to gpt-neo

	// Of converts a model and its weights. notes say what was lost, one note each. A weight that the family
	// has no place for is an error, unless fold is true: then other weights are changed to the same effect,
	// at a loss of precision.
	Of func(m Model, params *graph.Params, fold bool) (to Model, weights *graph.Params, notes []string, err error)
}
