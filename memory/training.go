package memory

import (
	"math/bits"

	"github.com/gorgpt/gorgpt/graph"
)

// Training is what a training process has in memory, in bytes.
type Training struct {
	Weights   float64 `json:"weights_bytes"`
	Gradients float64 `json:"gradients_bytes"` // of parameters that are not frozen
	Moments   float64 `json:"moments_bytes"`   // what the solver keeps
	Sums      float64 `json:"sums_bytes"`      // of gradients, while those of micro-batches are added up pairwise
	Results   float64 `json:"results_bytes"`   // of the program, and the state and scratch memory of its ops
	Text      float64 `json:"text_bytes"`      // tokens in memory
	Process   float64 `json:"process_bytes"`   // the rest: see [OfTraining]
}

// OfTraining returns what training by a program takes, with a solver that keeps the given number of
// numbers for the parameters. Process is what was measured in addition to the rest, for any model:
// the program and Go's runtime, the graph, buffers of kernels.
func OfTraining(p *graph.Program, kept int64) Training {
	return Training{
		Weights: 4 * float64(graph.Sum(p.Nodes()).Params), Gradients: 4 * float64(p.Trainable()), Moments: 4 * float64(kept),
		Results: float64(p.PlannedBytes()), Process: process,
	}
}

const (
	process = 45e6
	// garbage is what a run leaves until Go collects it, which happens rarely beside gigabytes of
	// live memory: from reading text, and from the tokenizer's files in a checkpoint. With little
	// else in memory, Go collects it sooner.
	garbage = 110e6
)

// WithRun returns t for a run that reads text: two streams, for training and validation, which each
// shuffle buffer tokens together, and updates of micro micro-batches of the given number of tokens.
func (t Training) WithRun(buffer, tokens, micro int) Training {
	t.Text = 2*4*float64(buffer) + 2*8*float64(tokens)*(float64(micro)+1)
	t.Process += min(garbage, t.Total())
	return t
}

// WithTree returns t for gradients of the given number of micro-batches that are added up pairwise,
// as with several ranks.
func (t Training) WithTree(micro int) Training {
	t.Sums = t.Gradients * float64(bits.Len(uint(max(micro, 1)-1)))
	return t
}

// Total returns the peak, the sum of all.
func (t Training) Total() float64 {
	return t.Weights + t.Gradients + t.Moments + t.Sums + t.Results + t.Text + t.Process
}

// Check returns an error if training takes more than this process may use.
func (t Training) Check() error { return Check("training", t.Total()) }
