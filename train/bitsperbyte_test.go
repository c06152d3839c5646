package train

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
)

// toySizes returns the number of bytes of each of the toy's tokens; tokens of 0 bytes are special tokens.
func toySizes() []int {
	sizes := make([]int, toyVocab)
	for i := range sizes {
		sizes[i] = i % 5
	}
	return sizes
}

// bytesOfToy counts the bytes of all targets in a validation of 16 sequences, and the targets.
func bytesOfToy(t *testing.T, prompts bool) (bytes, targets int) {
	t.Helper()
	s := &toyStream{size: 4, context: 8, seed: 2, end: 16, prompts: prompts}
	for {
		b, err := s.Next(context.Background())
		if err == io.EOF {
			return bytes, targets
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range b.Targets {
			if id != datasets.Ignore {
				bytes, targets = bytes+toySizes()[id], targets+1
			}
		}
	}
}

// TestBitsPerByte: an evaluation's bits per byte are the loss summed over all targets, in bits, divided by
// their bytes, with one process and with several; if no sizes are given, they are not reported.
func TestBitsPerByte(t *testing.T) {
	for _, prompts := range []bool{false, true} {
		bytes, targets := bytesOfToy(t, prompts)
		for _, ranks := range []int{1, 2, 4} {
			trainers, recorders := newToyRanks(ranks, 4, prompts)
			for _, tr := range trainers {
				lm(tr).Sizes = toySizes()
			}
			for _, err := range runRanks(t, trainers) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if evals := recorders[0].evals; len(evals) != 4 {
				t.Fatalf("%d evaluations, want 4", len(evals))
			}
			for _, e := range recorders[0].evals {
				want := e.Loss * float64(targets) / math.Ln2 / float64(bytes)
				if got := e.Values[BitsPerByte]; math.Abs(got-want) > 1e-12 || len(e.Values) != 1 {
					t.Errorf("prompts %t, %d ranks, step %d: %v, want %v", prompts, ranks, e.Step, e.Values, want)
				}
			}
		}
	}
	tr, r := newToyRank(1, false)
	mustRun(t, tr)
	if slices.ContainsFunc(r.evals, func(e Evaluation) bool { return e.Values != nil }) {
		t.Errorf("values without sizes: %v", r.evals)
	}
	tr, _ = newToyRank(1, false)
	lm(tr).Sizes = toySizes()[:5]
	if err := tr.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "NextToken.Sizes has 5 tokens, but a target is ") {
		t.Errorf("too few sizes: %v", err)
	}
	// If all tokens have 0 bytes, nothing is reported.
	tr, r = newToyRank(1, false)
	lm(tr).Sizes = make([]int, toyVocab)
	mustRun(t, tr)
	if slices.ContainsFunc(r.evals, func(e Evaluation) bool { return e.Values != nil }) {
		t.Errorf("values of no bytes: %v", r.evals)
	}
}
