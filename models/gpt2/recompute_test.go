package gpt2_test

import (
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
)

// TestRecompute: if the blocks are recomputed, dropout included, the loss and every gradient are bit for bit
// the same, and the program takes less memory.
func TestRecompute(t *testing.T) {
	c := tiny()
	c.Layers = 6
	c.EmbedDropout, c.AttentionDropout, c.ResidualDropout = 0.1, 0.2, 0.1
	tokens, targets := tinyBatchIDs(1)
	run := func(options ...graph.Option) (float32, *graph.Params, int64) {
		params := graph.NewParams(1)
		p := program(t, c, params, tinyBatch, tinyContext, append(options, graph.Training())...)
		set(t, p, tokens, targets)
		p.Seed(3, 4)
		for range 2 {
			if err := p.RunGrad(0.5); err != nil {
				t.Fatal(err)
			}
		}
		return p.Loss(), params, p.PlannedBytes()
	}
	loss, params, bytes := run()
	l, again, less := run(graph.Recompute("h.*"))
	if l != loss {
		t.Errorf("loss %v, want %v", l, loss)
	}
	for i, p := range again.All() {
		if !slices.Equal(p.GradData(), params.All()[i].GradData()) {
			t.Errorf("the gradient of %s differs", p.Name())
		}
	}
	if less > bytes/2 {
		t.Errorf("the program takes %d bytes with recomputation and %d without", less, bytes)
	}
}
