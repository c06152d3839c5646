package generate_test

import (
	"context"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// windows gives the first layer of a model with two heads a window of 5 positions and the third a window of 48. A piece
// is rounded up to neither of these lengths.
func windows(m models.Model) models.Model {
	in := func(layer string, window int) graph.Option {
		return graph.Replace("h."+layer+".attn", func(s *graph.Scope, x *G.Node) *G.Node {
			weights := layers.BranchWeights{Init: graph.Normal(0.2)}
			return layers.Attention(s, x, layers.AttentionConfig{Heads: 2, Window: window, Weights: weights})
		})
	}
	return models.Edit(m, in("0", 5), in("2", 48))
}

// banded returns the model of small with windows.
func banded(context int) generate.Model {
	c := gpt2.New(61, context, 24, 3, 2)
	c.InitStd = 0.2
	return models.Graphs(windows(c))
}

// logProb returns the sum of the log-probabilities of a sequence's tokens from index n on, computed on the whole
// sequence.
func logProb(t *testing.T, m models.Model, params *graph.Params, ids []int, n int) (sum float64) {
	t.Helper()
	rows := uncached(t, m, params, ids)
	for i := n; i < len(ids); i++ {
		total := 0.0
		for _, v := range rows[i-1] {
			total += math.Exp(float64(v))
		}
		sum += float64(rows[i-1][ids[i]]) - math.Log(total)
	}
	return sum
}

// TestBandedBeams: a beam that continues another one has all of its positions that the window needs.
func TestBandedBeams(t *testing.T) {
	m, params := families()["banded"], graph.NewParams(1)
	g := generate.New(models.Graphs(m), params, models.DimsOf(m).Context)
	defer g.Close()
	prompt := requests(2, 60)[1].Prompt
	found, err := g.Beam(context.Background(), prompt, 60, generate.BeamOptions{Beams: 4, NoRepeat: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range found {
		want := logProb(t, m, params, slices.Concat(prompt, h.IDs), len(prompt))
		if !(math.Abs(h.LogProb-want) <= 60*tolCached) {
			t.Errorf("a beam of %d tokens: %v, the whole sequence has %v", len(h.IDs), h.LogProb, want)
		}
	}
}

// TestBandedEcho: the tokens of a prompt that runs in pieces of any length have the log-probabilities of the whole
// sequence.
func TestBandedEcho(t *testing.T) {
	m := windows(func() models.Model { c := gpt2.New(61, 260, 24, 3, 2); c.InitStd = 0.2; return c }())
	for _, piece := range []int{0, 1, 8, 64} {
		e := newEngine(t, models.Graphs(m), generate.EngineConfig{Context: 260, Slots: 2, Piece: piece})
		prompt := slices.Repeat([]int{3, 14, 15, 9, 26, 53, 58, 9, 7}, 23)
		tokens, err := gather(e, t.Context(), generate.Request{Prompt: prompt, Tokens: 1, Echo: true, Options: generate.Options{LogProbs: 1}})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, token := range tokens[1:len(prompt)] {
			sum += token.LogProb
		}
		if want := logProb(t, m, graph.NewParams(1), prompt, 1); !(math.Abs(sum-want) <= float64(len(prompt))*tolCached) {
			t.Errorf("pieces of %d: %v, the whole sequence has %v", piece, sum, want)
		}
	}
}

// TestBandedBytes: a layer caches as many positions as its window has or, without a window, as the context has.
func TestBandedBytes(t *testing.T) {
	e := newEngine(t, banded(40), generate.EngineConfig{Context: 40, Slots: 3})
	if got, want := e.CacheBytes(), int64(3*2*4*24*(5+40+40)); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}
