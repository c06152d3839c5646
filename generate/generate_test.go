package generate_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// successor is a model without context: the best token after i is i+1.
type successor struct{ vocab int }

func (m successor) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	table := s.Param("table", graph.Zeros(), m.vocab, m.vocab)
	return ops.Embed(s.At("rows"), rows, ops.Embed(s, tokens, table)) // (N, V)
}

func newSuccessor(t *testing.T, vocab, positions int) *generate.Generator {
	params := graph.NewParams(1)
	g := generate.New(successor{vocab}, params, positions)
	t.Cleanup(func() { g.Close() })
	table, err := params.Declare("table", graph.Zeros(), vocab, vocab)
	if err != nil {
		t.Fatal(err)
	}
	for i := range vocab {
		table.Data()[i*vocab+(i+1)%vocab] = 9
	}
	return g
}

// collect generates n tokens after a prompt.
func collect(g *generate.Generator, ctx context.Context, prompt []int, n int, o generate.Options) (ids []int, err error) {
	return g.Generate(ctx, prompt, n, o)
}

// TestGreedy: greedy generation continues beyond the context, across programs of several lengths.
func TestGreedy(t *testing.T) {
	g := newSuccessor(t, 10, 6)
	got, err := collect(g, context.Background(), []int{3}, 12, generate.Options{})
	if want := []int{4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestStreamErrors(t *testing.T) {
	g := newSuccessor(t, 10, 6)
	if _, err := collect(g, context.Background(), nil, 1, generate.Options{}); err == nil || err.Error() != "generate: the prompt has no tokens" {
		t.Errorf("no prompt: %v", err)
	}
	if _, err := collect(g, context.Background(), []int{10}, 1, generate.Options{}); err == nil || err.Error() != "Embed: id 10 at position 0 is outside the vocabulary of 10" {
		t.Errorf("id outside: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := collect(g, ctx, []int{1}, 1, generate.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, c := range []struct {
		o    generate.Options
		want string
	}{
		{generate.Options{Temperature: -1}, "generate: a temperature of -1 is not 0 or above"},
		{generate.Options{Temperature: math.NaN()}, "generate: a temperature of NaN is not 0 or above"},
		{generate.Options{TopK: -1}, "generate: top-k of -1 is below 0"},
		{generate.Options{TopP: 2}, "generate: top-p of 2 is not in [0, 1]"},
		{generate.Options{MinP: -0.1}, "generate: min-p of -0.1 is not in [0, 1]"},
		{generate.Options{RepetitionPenalty: -1}, "generate: a repetition penalty of -1 is not in [0.01, 100]"},
		{generate.Options{RepetitionPenalty: 1e-38}, "generate: a repetition penalty of 1e-38 is not in [0.01, 100]"},
		{generate.Options{NoRepeat: -1}, "generate: no repeats of -1 tokens; want 0 or more"},
		{generate.Options{LogProbs: -1}, "generate: -1 log-probabilities; want 0 or more"},
	} {
		if _, err := collect(g, context.Background(), []int{1}, 1, c.o); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// TestChoose compares the frequencies of 40,000 draws with the distribution that the options define.
func TestChoose(t *testing.T) {
	p := []float64{0.4, 0.3, 0.2, 0.07, 0.03}
	var logits []float32
	for _, v := range p {
		logits = append(logits, float32(math.Log(v)))
	}
	for _, c := range []struct {
		name string
		o    generate.Options
		want []float64
	}{
		{"plain", generate.Options{Temperature: 1}, p},
		{"top-k", generate.Options{Temperature: 1, TopK: 2}, []float64{4. / 7, 3. / 7, 0, 0, 0}},
		{"top-p", generate.Options{Temperature: 1, TopP: 0.75}, []float64{4. / 9, 3. / 9, 2. / 9, 0, 0}},
		{"temperature", generate.Options{Temperature: 0.5}, []float64{0.16 / 0.2958, 0.09 / 0.2958, 0.04 / 0.2958, 0.0049 / 0.2958, 0.0009 / 0.2958}},
		{"greedy", generate.Options{}, []float64{1, 0, 0, 0, 0}},
		{"min-p", generate.Options{Temperature: 1, MinP: 0.4}, []float64{4. / 9, 3. / 9, 2. / 9, 0, 0}},
		{"all three", generate.Options{Temperature: 1, TopK: 4, TopP: 0.9, MinP: 0.6}, []float64{4. / 7, 3. / 7, 0, 0, 0}},
	} {
		random := rand.New(rand.NewPCG(1, 1))
		const draws = 40000
		counts := make([]float64, len(p))
		for range draws {
			counts[c.o.Choose(logits, nil, random)]++
		}
		for i, want := range c.want {
			// Five standard deviations of a binomial distribution.
			if d := math.Abs(counts[i]/draws - want); d > 5*math.Sqrt(want*(1-want)/draws) {
				t.Errorf("%s: token %d drawn with frequency %.4f, want %.4f", c.name, i, counts[i]/draws, want)
			}
		}
	}
}

// TestTies: TopK keeps the tokens that tie with the K-th.
func TestTies(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	seen := map[int]bool{}
	for range 200 {
		seen[generate.Options{Temperature: 1, TopK: 1}.Choose([]float32{1, 1, 0}, nil, random)] = true
	}
	if !seen[0] || !seen[1] || seen[2] {
		t.Errorf("drew %v, want 0 and 1", seen)
	}
}
