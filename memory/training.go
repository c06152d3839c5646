package memory

import (
	"math/bits"

	"github.com/gorgpt/gorgpt/graph"
)

// Training is what a process that trains has in memory, in bytes.
type Training struct {
	Weights   float64 `json:"weights_bytes"`
	Gradients float64 `json:"gradients_bytes"` // of what is not frozen
	Moments   float64 `json:"moments_bytes"`   // what the solver keeps
	Sums      float64 `json:"sums_bytes"`      // of gradients, while those of micro-batches are added up pair by pair
	Results   float64 `json:"results_bytes"`   // of the program, and what its ops keep and work in
	Text      float64 `json:"text_bytes"`      // tokens at hand
	Process   float64 `json:"process_bytes"`   // the rest: see [OfTraining]
}

// OfTraining is what training by a program takes with a solver that keeps so many numbers of the
// parameters. Process is what was measured beside the rest, whatever the model: the program and Go's runtime,
// the graph, buffers of kernels.
func OfTraining(p *graph.Program, kept int64) Training {
	return Training{
		Weights: 4 * float64(graph.Sum(p.Nodes()).Params), Gradients: 4 * float64(p.Trainable()), Moments: 4 * float64(kept),
		Results: float64(p.PlannedBytes()), Process: process,
	}
}

const (
	process = 45e6
	// garbage is what a run leaves behind until Go collects it, which it seldom does beside gigabytes that stay: of
	// reading text, and of the tokenizer's files in a checkpoint. It collects sooner where little else is there.
	garbage = 110e6
)

// WithRun is t of a run that reads text: two streams, for training and validation, of so many tokens each that are
// shuffled together, and updates of so many micro-batches of tokens.
func (t Training) WithRun(buffer, tokens, micro int) Training {
	t.Text = 2*4*float64(buffer) + 2*8*float64(tokens)*(float64(micro)+1)
	t.Process += min(garbage, t.Total())
	return t
}

// WithTree is t where the gradients of so many micro-batches are added up pair by pair, as where
// there are several ranks.
func (t Training) WithTree(micro int) Training {
	t.Sums = t.Gradients * float64(bits.Len(uint(max(micro, 1)-1)))
	return t
}

// Total is the peak.
func (t Training) Total() float64 {
	return t.Weights + t.Gradients + t.Moments + t.Sums + t.Results + t.Text + t.Process
}

// Check refuses what takes more than this process may have.
func (t Training) Check() error { return Check("training", t.Total()) }
