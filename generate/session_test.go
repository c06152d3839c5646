package generate_test

import (
	"context"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// tokensOf runs a batch to its end and returns the tokens of each sequence.
func tokensOf(t *testing.T, g *generate.Generator, prompts [][]int, n int, o generate.Options) [][]generate.Token {
	t.Helper()
	tokens := make([][]generate.Token, len(prompts))
	for token, err := range g.Batch(context.Background(), prompts, n, o) {
		if err != nil {
			t.Fatal(err)
		}
		tokens[token.Sequence] = append(tokens[token.Sequence], token)
	}
	return tokens
}

// TestAlone: the tokens of a sequence and the bits of its log-probabilities do not depend on the other sequences in its
// batch or on GOMAXPROCS, even if windows slide.
func TestAlone(t *testing.T) {
	prompts := [][]int{{1}, {5, 4, 3, 2, 1}, {7, 7, 0, 16, 4, 9}, {1}, slices.Repeat([]int{8, 3, 30}, 17)}
	o := generate.Options{LogProbs: 61}
	for name, m := range families() {
		d := models.DimsOf(m)
		d.Context = 60
		m = models.WithDims(m, d)
		params := graph.NewParams(1)
		g := generate.New(models.Graphs(m), params, d.Context)
		defer g.Close()
		var together [][]generate.Token
		for procs := 1; procs <= 3; procs++ {
			before := runtime.GOMAXPROCS(procs)
			got := tokensOf(t, g, prompts, 70, o)
			runtime.GOMAXPROCS(before)
			if together == nil {
				together = got
			}
			for b := range prompts {
				equal(t, name, got[b], together[b])
			}
		}
		for b, prompt := range prompts {
			for _, tokens := range tokensOf(t, g, [][]int{prompt, prompt}, 70, o) {
				equal(t, name+", with its own kind", tokens, together[b])
			}
			equal(t, name+", alone", tokensOf(t, g, [][]int{prompt}, 70, o)[0], together[b])
		}
	}
}

// equal compares the tokens of a sequence bit for bit.
func equal(t *testing.T, what string, got, want []generate.Token) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d tokens, want %d", what, len(got), len(want))
	}
	for i, token := range got {
		if token.ID != want[i].ID || token.LogProb != want[i].LogProb || !slices.Equal(token.Best, want[i].Best) {
			t.Fatalf("%s: token %d is %d with %v, want %d with %v", what, i, token.ID, token.LogProb, want[i].ID, want[i].LogProb)
		}
	}
}

// TestWhole: a model that cannot be run incrementally generates the same tokens, and caches nothing.
func TestWhole(t *testing.T) {
	two, one := gpt2.New(61, 24, 24, 3, 2), gpt1.New(61, 24, 24, 3, 2)
	two.InitStd, one.InitStd = 0.2, 0.2
	composedTwo, composedOne := two, one
	composedTwo.Composed, composedOne.Composed = true, true
	prompts := [][]int{{1}, {5, 4, 3}, slices.Repeat([]int{2, 9}, 20)}
	o := generate.Options{Temperature: 1, LogProbs: 61}
	for _, c := range []struct{ fused, composed models.Model }{
		{two, composedTwo}, {one, composedOne},
	} {
		params := graph.NewParams(1)
		fused, composed := generate.New(models.Graphs(c.fused), params, 24), generate.New(models.Graphs(c.composed), params, 24)
		defer fused.Close()
		defer composed.Close()
		want := tokensOf(t, fused, prompts, 40, o)
		for b, tokens := range tokensOf(t, composed, prompts, 40, o) {
			if len(tokens) != 40 {
				t.Fatalf("%d tokens, want 40", len(tokens))
			}
			for i, token := range tokens {
				if token.ID != want[b][i].ID || !(math.Abs(token.LogProb-want[b][i].LogProb) <= tolCached) {
					t.Fatalf("sequence %d, token %d: %d with %v, want %d with %v", b, i, token.ID, token.LogProb, want[b][i].ID, want[b][i].LogProb)
				}
			}
		}
		for g, bytes := range map[*generate.Generator]int64{fused: 2 * 8 * 3 * 24 * 24, composed: 0} {
			if got, err := g.MemoryBytes(2); err != nil || got != bytes {
				t.Errorf("%d bytes remembered, %v; want %d", got, err, bytes)
			}
		}
	}
}

// TestAllocates: generating a token makes only the allocations that the machine makes for each op, and none that grow
// with the model or the text.
func TestAllocates(t *testing.T) {
	m := families()["gpt2"]
	g := generate.New(models.Graphs(m), graph.NewParams(1), models.DimsOf(m).Context)
	defer g.Close()
	const n = 200
	run := func(o generate.Options) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tokensOf(t, g, [][]int{{1}, {2}}, n, o)
		runtime.ReadMemStats(&after)
		return int64(after.TotalAlloc-before.TotalAlloc) / n
	}
	run(generate.Options{})
	for _, o := range []generate.Options{{}, {Temperature: 1}, {Temperature: 1, TopK: 5}, {Temperature: 1, RepetitionPenalty: 1.1}} {
		// 40 ops, each of which allocates some hundred bytes.
		if got := run(o); got > 40<<10 {
			t.Errorf("%+v: a token allocates %d bytes", o, got)
		} else {
			t.Logf("%+v: %d bytes a token", o, got)
		}
	}
}
