package generate_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// tolCached bounds the difference between logits of about 1 that are summed in different orders.
const tolCached = 1e-5

// families returns a small GPT-1, a small GPT-2, and one whose first and last layers have sliding windows. Their
// weights are large enough to make the logits differ.
func families() map[string]models.Model {
	two, one := gpt2.New(61, 260, 24, 3, 2), gpt1.New(61, 260, 24, 3, 2)
	two.InitStd, one.InitStd = 0.2, 0.2
	return map[string]models.Model{"gpt1": one, "gpt2": two, "banded": windows(two)}
}

// uncached returns the logits after every position of a sequence.
func uncached(t *testing.T, m models.Model, params *graph.Params, ids []int) [][]float32 {
	t.Helper()
	s := graph.New(params)
	logits := models.Logits(m, s, s.Ints("tokens", 1, len(ids)))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", ids); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(slices.Chunk(slices.Clone(p.Value(logits)), models.DimsOf(m).Vocab))
}

// TestCached continues prompts of different lengths by 200 tokens in one batch: every log-probability is the same as
// when the whole sequence runs through the ordinary graph, and each sequence is the same as when it is alone.
func TestCached(t *testing.T) {
	for name, m := range families() {
		t.Run(name, func(t *testing.T) {
			const n = 200
			vocab := models.DimsOf(m).Vocab
			params := graph.NewParams(1)
			random := rand.New(rand.NewPCG(1, 2))
			var prompts [][]int
			for _, length := range []int{1, 5, 33, 60} {
				prompt := make([]int, length)
				for i := range prompt {
					prompt[i] = random.IntN(vocab)
				}
				prompts = append(prompts, prompt)
			}
			g := generate.New(models.Graphs(m), params, models.DimsOf(m).Context)
			defer g.Close()
			// Each step returns the log-probabilities of the whole vocabulary.
			o := generate.Options{Temperature: 1, LogProbs: vocab}
			tokens := make([][]generate.Token, len(prompts))
			for token, err := range g.Batch(context.Background(), prompts, n, o) {
				if err != nil {
					t.Fatal(err)
				}
				tokens[token.Sequence] = append(tokens[token.Sequence], token)
			}
			for b, prompt := range prompts {
				ids := slices.Clone(prompt)
				for _, token := range tokens[b] {
					ids = append(ids, token.ID)
				}
				if len(ids) != len(prompt)+n {
					t.Fatalf("sequence %d has %d tokens, want %d", b, len(ids), len(prompt)+n)
				}
				rows := uncached(t, m, params, ids)
				for i, token := range tokens[b] {
					row := rows[len(prompt)+i-1]
					total := 0.0
					for _, v := range row {
						total += math.Exp(float64(v))
					}
					for _, c := range token.Best {
						if want := float64(row[c.ID]) - math.Log(total); !(math.Abs(c.LogProb-want) <= tolCached) {
							t.Fatalf("sequence %d, token %d: log-probability %v of %d, want %v", b, i, c.LogProb, c.ID, want)
						}
					}
					if len(token.Best) != vocab || !slices.Contains(token.Best, generate.Candidate{ID: token.ID, LogProb: token.LogProb}) {
						t.Fatalf("sequence %d, token %d: %d log-probabilities, the token's own %v", b, i, len(token.Best), token.LogProb)
					}
				}
			}
			alone, err := g.Generate(context.Background(), prompts[0], n, generate.Options{Temperature: 1})
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range alone {
				if id != tokens[0][i].ID {
					t.Fatalf("alone, token %d is %d, in the batch %d", i, id, tokens[0][i].ID)
				}
			}
		})
	}
}

// TestSlide: beyond the context, a window slides by half, and generation continues as if the tokens left in it had been
// the prompt.
func TestSlide(t *testing.T) {
	m := families()["gpt2"]
	d := models.DimsOf(m)
	d.Context = 8
	m = models.WithDims(m, d)
	params := graph.NewParams(1)
	g := generate.New(models.Graphs(m), params, d.Context)
	defer g.Close()
	prompt := []int{1, 2, 3, 4, 5}
	o := generate.Options{LogProbs: 1}
	got := slices.Clone(prompt)
	i := 0
	window := len(prompt) // positions that the model sees
	for token, err := range g.Stream(context.Background(), prompt, 20, o) {
		if err != nil {
			t.Fatal(err)
		}
		seen := got[len(got)-window:]
		rows := uncached(t, m, params, seen)
		row := rows[len(rows)-1]
		best := 0
		for id, v := range row {
			if v > row[best] {
				best = id
			}
		}
		if token.ID != best {
			t.Fatalf("token %d is %d, want %d after %v", i, token.ID, best, seen)
		}
		got = append(got, token.ID)
		if window++; window > d.Context {
			window = (d.Context + 1) / 2
		}
		i++
	}
	if i != 20 {
		t.Errorf("%d tokens, want 20", i)
	}
}

// TestLongPrompt: if a prompt is longer than the context, only the end that fits counts.
func TestLongPrompt(t *testing.T) {
	for name, m := range families() {
		d := models.DimsOf(m)
		d.Context = 8
		m = models.WithDims(m, d)
		params := graph.NewParams(1)
		g := generate.New(models.Graphs(m), params, d.Context)
		defer g.Close()
		long := []int{9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8}
		a, err := g.Logits(long)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(a)
		b, err := g.Logits(long[3:])
		if err != nil || !slices.Equal(got, b) {
			t.Errorf("%s: the start of a long prompt counts: %v", name, err)
		}
	}
}

// TestStop: a stop token ends its sequence, and the others continue.
func TestStop(t *testing.T) {
	g := newSuccessor(t, 10, 6)
	var got [2][]int
	for token, err := range g.Batch(context.Background(), [][]int{{1}, {5}}, 7, generate.Options{Stop: []int{4}}) {
		if err != nil {
			t.Fatal(err)
		}
		got[token.Sequence] = append(got[token.Sequence], token.ID)
		if last := len(got[token.Sequence]) == []int{3, 7}[token.Sequence]; token.Last != last {
			t.Errorf("sequence %d, token %d: last is %v", token.Sequence, token.ID, token.Last)
		}
	}
	if !slices.Equal(got[0], []int{2, 3, 4}) || !slices.Equal(got[1], []int{6, 7, 8, 9, 0, 1, 2}) {
		t.Errorf("%v", got)
	}
}

// TestNegativePenalty: a negative logit is multiplied by the penalty, as transformers'
// RepetitionPenaltyLogitsProcessor does: tokens of the sequence never become likelier.
func TestNegativePenalty(t *testing.T) {
	o := generate.Options{RepetitionPenalty: 2}
	for _, c := range []struct {
		logits       []float32
		before, want int
	}{
		{[]float32{-2, -4.5, -5}, 0, 0}, // −2 becomes −4
		{[]float32{-2, -3, -5}, 0, 1},
		{[]float32{-2, -3, -5}, 1, 0},
	} {
		if got := o.Choose(c.logits, []int{c.before}, nil); got != c.want {
			t.Errorf("%v after %d: %d, want %d", c.logits, c.before, got, c.want)
		}
	}
	o.Temperature = 1
	// The logits become −4 and −3: the first has 1/(1+e) of the probability.
	got := o.Distribution([]float32{-2, -3}, []int{0, 0})
	if len(got) != 2 || got[0].ID != 1 || math.Abs(math.Exp(got[1].LogProb)-1/(1+math.E)) > 1e-6 {
		t.Errorf("what is left: %v", got)
	}
}

// TestPenalties: NoRepeat keeps runs of tokens from being repeated, and a repetition penalty makes another token the
// best one.
func TestPenalties(t *testing.T) {
	logits := []float32{1, 3, -1, 2}
	for _, c := range []struct {
		o      generate.Options
		before []int
		want   int
	}{
		{generate.Options{}, []int{1}, 1},
		{generate.Options{RepetitionPenalty: 2}, []int{1, 1}, 3}, // 3/2: the penalty is applied once
		{generate.Options{RepetitionPenalty: 1.4}, []int{1}, 1},  // 3/1.4 > 2
		{generate.Options{NoRepeat: 1}, []int{1, 3}, 0},
		{generate.Options{NoRepeat: 2}, []int{0, 1, 0}, 3}, // 0 1 would be repeated
		{generate.Options{NoRepeat: 2}, []int{0, 1, 2}, 1},
		{generate.Options{NoRepeat: 3}, []int{0, 2, 1, 0, 2}, 3},
		{generate.Options{NoRepeat: 3}, []int{2}, 1}, // shorter than a run
	} {
		if got := c.o.Choose(logits, c.before, rand.New(rand.NewPCG(1, 1))); got != c.want {
			t.Errorf("%+v after %v: %d, want %d", c.o, c.before, got, c.want)
		}
	}
}

// TestDistribution compares the distribution, which sorts only partially, with its definition, for many tokens.
func TestDistribution(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	logits := make([]float32, 5000)
	for i := range logits {
		logits[i] = float32(random.NormFloat64() * 3)
	}
	for _, o := range []generate.Options{
		{Temperature: 1}, {Temperature: 0.7, TopP: 0.9}, {Temperature: 1.3, TopP: 0.999}, {Temperature: 1, TopK: 40},
		{Temperature: 1, MinP: 0.01}, {Temperature: 2, TopK: 100, TopP: 0.5}, {Temperature: 1, TopK: 100, TopP: 0.9, MinP: 0.05},
	} {
		type entry struct {
			id int
			p  float64
		}
		var all []entry
		var total float64
		for id, v := range logits {
			p := math.Exp(float64(float32(float64(v) / o.Temperature)))
			all = append(all, entry{id, p})
			total += p
		}
		slices.SortStableFunc(all, func(a, b entry) int {
			switch {
			case a.p > b.p:
				return -1
			case a.p < b.p:
				return 1
			}
			return 0
		})
		if o.TopK > 0 {
			all = all[:o.TopK] // there are no ties
		}
		sum := func() (s float64) {
			for _, e := range all {
				s += e.p
			}
			return s
		}
		if o.TopP > 0 {
			whole, s := sum(), 0.0
			for i, e := range all {
				if s += e.p; s >= o.TopP*whole {
					all = all[:i+1]
					break
				}
			}
		}
		if o.MinP > 0 {
			all = slices.DeleteFunc(all, func(e entry) bool { return e.p < o.MinP*all[0].p })
		}
		whole := sum()
		got := o.Distribution(logits, nil)
		if len(got) != len(all) {
			t.Errorf("%+v keeps %d tokens, want %d", o, len(got), len(all))
			continue
		}
		for i, e := range all {
			if got[i].ID != e.id || !(math.Abs(math.Exp(got[i].LogProb)-e.p/whole) < 1e-6) {
				t.Errorf("%+v: place %d is %+v, want %d with %v", o, i, got[i], e.id, e.p/whole)
				break
			}
		}
	}
}

// bigram is a model whose logits depend only on the last token.
type bigram struct{ vocab int }

func (m bigram) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	return successor(m).GraphAt(s, tokens, rows)
}

// TestBeam compares a search with all continuations of a small model, scored one by one.
func TestBeam(t *testing.T) {
	const vocab, n = 5, 4
	params := graph.NewParams(1)
	g := generate.New(bigram{vocab}, params, 16)
	defer g.Close()
	table, err := params.Declare("table", graph.Zeros(), vocab, vocab)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 7))
	for i := range table.Data() {
		table.Data()[i] = float32(random.NormFloat64())
	}
	logProb := func(from, to int) float64 {
		row := table.Data()[from*vocab : (from+1)*vocab]
		total := 0.0
		for _, v := range row {
			total += math.Exp(float64(v))
		}
		return float64(row[to]) - math.Log(total)
	}
	best, bestIDs := math.Inf(-1), []int(nil)
	var walk func(ids []int, sum float64)
	walk = func(ids []int, sum float64) {
		if len(ids) == n+1 {
			if sum > best {
				best, bestIDs = sum, slices.Clone(ids[1:])
			}
			return
		}
		for id := range vocab {
			walk(append(ids, id), sum+logProb(ids[len(ids)-1], id))
		}
	}
	walk([]int{2}, 0)
	// With as many beams as there are continuations of three tokens, the search is complete.
	found, err := g.Beam(context.Background(), []int{2}, n, generate.BeamOptions{Beams: vocab * vocab * vocab})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found[0].IDs, bestIDs) || math.Abs(found[0].LogProb-best) > 1e-5 {
		t.Errorf("found %+v, want %v with %v", found[0], bestIDs, best)
	}
	if !slices.IsSortedFunc(found, func(a, b generate.Hypothesis) int { return cmp.Compare(b.Score, a.Score) }) {
		t.Errorf("the results are not sorted: %+v", found)
	}
	for _, c := range []struct {
		o    generate.BeamOptions
		want string
	}{
		{generate.BeamOptions{}, "generate: 0 beams, want 1 or more"},
		{generate.BeamOptions{Beams: 1, LengthPenalty: math.NaN()}, "generate: a length penalty of NaN is not finite"},
	} {
		if _, err := g.Beam(context.Background(), []int{1}, 1, c.o); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}
