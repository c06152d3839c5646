package eval_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/eval"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// tolWhole bounds the effect of summing float32 numbers in another order: log-probabilities are between 1 and 10 in
// size, and come from sums of 24 to 64 products in 3 blocks. The largest difference measured was 2e-6.
const tolWhole = 1e-5

// tolWholeBFloat16 is the tolerance for bfloat16: in its products, the bits of a row do not depend on the other
// rows.
const tolWholeBFloat16 = 0

// sharers returns models with different ops, of sizes that are not multiples of the vector length.
func sharers() map[string]models.Model {
	wide := gpt2.New(67, 96, 40, 2, 4)
	wide.InitStd = 0.2
	odd := gpt2.New(61, 40, 21, 3, 3)
	odd.InitStd = 0.3
	first := gpt1.New(59, 64, 24, 3, 2)
	first.InitStd = 0.2
	banded := gpt3.New(53, 64, 24, 4, 2)
	banded.InitStd, banded.Window = 0.2, 7
	return map[string]models.Model{"gpt2": wide, "odd": odd, "gpt1": first, "banded gpt3": banded}
}

func subject(t testing.TB, m models.Model, params *graph.Params, window int) *eval.Subject {
	t.Helper()
	s := eval.NewSubject(models.Graphs(m), params, tokenizer.Bytes(), window)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sets returns sequences like those of measurements: questions after the same or other examples, with choices that
// share a prefix or not, and different contexts with the same continuation. Some are longer than the window.
func sets(rng *rand.Rand, vocab, window int) (all [][]eval.Sequence) {
	random := func(n int) []int {
		ids := make([]int, n)
		for i := range ids {
			ids[i] = rng.IntN(vocab)
		}
		return ids
	}
	examples := random(rng.IntN(window))
	for range 4 {
		if rng.IntN(4) == 0 {
			examples = random(rng.IntN(window))
		}
		question := slices.Concat(examples, random(rng.IntN(window/3)))
		if rng.IntN(3) == 0 {
			examples = question // the next question follows this one
		}
		var set []eval.Sequence
		for range 1 + rng.IntN(11) {
			before := question
			switch rng.IntN(8) {
			case 0:
				before = random(1 + rng.IntN(4))
			case 1:
				before = slices.Concat(question, random(2))
			}
			text := random(1 + rng.IntN(1+rng.IntN(window)))
			if len(set) > 0 && rng.IntN(3) == 0 {
				last := set[len(set)-1]
				text = slices.Clone(last.IDs[last.From:])
			}
			if len(before) == 0 {
				before = random(1)
			}
			set = append(set, eval.Sequence{IDs: slices.Concat(before, text), From: len(before)})
		}
		all = append(all, set)
	}
	return all
}

// TestScorer: a sequence's scores have the same bits alone, in its set, and after other sets, and
// agree with those of the whole sequence.
func TestScorer(t *testing.T) { testScorer(t, tolWhole) }

// TestScorerPrecision is TestScorer with products in bfloat16.
func TestScorerPrecision(t *testing.T) {
	if err := graph.BFloat16.Check(); err != nil {
		t.Skip(err)
	}
	testScorer(t, tolWholeBFloat16, graph.Compute(graph.BFloat16))
}

func testScorer(t *testing.T, tolWhole float64, options ...graph.Option) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for name, m := range sharers() {
		t.Run(name, func(t *testing.T) {
			params := graph.NewParams(3)
			d := models.DimsOf(m)
			together, alone := subject(t, m, params, d.Context), subject(t, m, params, d.Context)
			together.Graph, alone.Graph = options, options
			worst := 0.0
			for round := range rounds {
				rng := rand.New(rand.NewPCG(7, uint64(round)))
				scorer := together.NewScorer()
				all := sets(rng, d.Vocab, d.Context)
				for i, set := range all {
					// The next set is announced, or not, or announced wrongly.
					scorer.Next = [][]int{nil, all[(i+1)%4][0].IDs, set[0].IDs, all[0][0].IDs[:1]}[rng.IntN(4)]
					got, err := scorer.Score(set)
					if err != nil {
						t.Fatal(err)
					}
					for k, q := range set {
						at := fmt.Sprintf("round %d, set %d, sequence %d of %d from %d on", round, i, k, len(q.IDs), q.From)
						single, err := alone.ScoreAll([]eval.Sequence{q})
						if err != nil {
							t.Fatal(err)
						}
						if !slices.Equal(got[k], single[0]) {
							t.Errorf("%s: %v, alone %v", at, got[k], single[0])
						}
						whole, err := alone.Score(q.IDs, q.From)
						if err != nil {
							t.Fatal(err)
						}
						if len(got[k]) != len(whole) {
							t.Fatalf("%s: %d scores, want %d", at, len(got[k]), len(whole))
						}
						for j, w := range whole {
							worst = max(worst, math.Abs(got[k][j].LogProb-w.LogProb))
						}
					}
				}
			}
			if worst > tolWhole {
				t.Errorf("off by %.2g from the whole sequences, want at most %g", worst, tolWhole)
			}
			t.Logf("%.2g", worst)
			if err := together.Whole(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestScorerLarge is TestScorer with products so large that they are divided among cores.
func TestScorerLarge(t *testing.T) {
	m := gpt2.New(1300, 420, 160, 1, 2)
	params := graph.NewParams(3)
	s := subject(t, m, params, m.Context)
	rng := rand.New(rand.NewPCG(8, 1))
	random := func(n int) []int {
		ids := make([]int, n)
		for i := range ids {
			ids[i] = rng.IntN(m.Vocab)
		}
		return ids
	}
	examples := random(300)
	scorer := s.NewScorer()
	for range 3 {
		question := slices.Concat(examples, random(20))
		var set []eval.Sequence
		for range 5 {
			set = append(set, eval.Sequence{IDs: slices.Concat(question, random(1+rng.IntN(60))), From: len(question)})
		}
		got, err := scorer.Score(set)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range set {
			alone, err := subject(t, m, params, m.Context).ScoreAll(set[i : i+1])
			if err != nil || !slices.Equal(alone[0], got[i]) {
				t.Errorf("%v, alone %v, %v", got[i], alone, err)
			}
			whole, err := s.Score(q.IDs, q.From)
			if err != nil {
				t.Fatal(err)
			}
			for j, w := range whole {
				near(t, "whole", got[i][j].LogProb, w.LogProb, tolWhole)
			}
		}
	}
}

// TestComputedOnce counts the positions that are run: those of a text with several questions are run once, and then
// those of each question and choice.
func TestComputedOnce(t *testing.T) {
	positions := 0
	m := models.Edit(gpt2.New(61, 256, 8, 1, 2), graph.Before("h.0.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
		return s.Apply(graph.Op{Name: "Count", Out: x.Shape(), RowWise: 1, Run: func(a *graph.Args) error {
			positions += x.Shape()[0]
			copy(a.Out(0), a.Floats(0))
			return nil
		}}, x)
	}))
	s := subject(t, m, graph.NewParams(1), 256)
	rng := rand.New(rand.NewPCG(8, 1))
	random := func(first, n int) []int {
		ids := []int{first}
		for range n - 1 {
			ids = append(ids, rng.IntN(61))
		}
		return ids
	}
	examples := random(1, 64)
	var all [][]eval.Sequence
	for text := range 2 {
		about := slices.Concat(examples, random(text, 32))
		for question := range 3 {
			before := slices.Concat(about, random(question, 17))
			var set []eval.Sequence
			for choice := range 4 {
				set = append(set, eval.Sequence{IDs: slices.Concat(before, random(choice, 8)), From: len(before)})
			}
			all = append(all, set)
		}
	}
	scorer := s.NewScorer()
	for i, set := range all {
		if scorer.Next = nil; i+1 < len(all) {
			scorer.Next = all[i+1][0].IDs
		}
		if _, err := scorer.Score(set); err != nil {
			t.Fatal(err)
		}
	}
	// For a choice, the last token of the question and all tokens of the choice except the last are run. The
	// examples are run again with the second text, as only the next set is known when the first text is run.
	if want := 64 + 64 + 2*(32+3*(16+4*8)); positions != want {
		t.Errorf("%d positions run, want %d", positions, want)
	}
}

// latest holds the sequences of a question with three choices, for small tests.
var latest = []eval.Sequence{
	{IDs: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}, From: 20},
	{IDs: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 31}, From: 20},
	{IDs: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}, From: 20},
}

// TestScorersInTurns: two scorers of a subject do not use each other's cached keys and values, and a new scorer does
// not use those computed with earlier weights.
func TestScorersInTurns(t *testing.T) {
	m := sharers()["gpt2"]
	s := subject(t, m, graph.NewParams(3), 96)
	want, err := s.ScoreAll(latest)
	if err != nil {
		t.Fatal(err)
	}
	other := []eval.Sequence{{IDs: slices.Repeat([]int{7}, 90), From: 60}}
	a, b := s.NewScorer(), s.NewScorer()
	for range 2 {
		if _, err := b.Score(other); err != nil {
			t.Fatal(err)
		}
		if got, err := a.Score(latest); err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	s.Params.All()[0].Data()[2*models.DimsOf(m).Width] += 1 // the embedding of token 2
	changed, err := s.ScoreAll(latest)
	if err != nil || slices.EqualFunc(changed, want, slices.Equal) {
		t.Errorf("other weights give %v, %v", changed, err)
	}
}

// TestCacheBytes: with less memory, fewer sequences run at a time, and the result is the same bit for bit. If there is
// too little memory, this is reported, and whole sequences are scored.
func TestCacheBytes(t *testing.T) {
	m := gpt2.New(257, 96, 40, 2, 4)
	params := graph.NewParams(3)
	want, err := subject(t, m, params, 96).ScoreAll(latest)
	if err != nil {
		t.Fatal(err)
	}
	const each = 2 * 2 * 96 * 40 * 4 // keys and values of two layers
	for _, bytes := range []int64{4 * each, 6*each - 1, 11 * each} {
		s := subject(t, m, params, 96)
		s.CacheBytes = bytes
		if got, err := s.ScoreAll(latest); err != nil || s.Whole() != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%d bytes: %v, %v, %v; want %v", bytes, got, err, s.Whole(), want)
		}
	}
	s := subject(t, m, params, 96)
	s.CacheBytes = 4*each - 1
	checkWhole(t, s, "eval: the cache of 4 sequences takes 245760 bytes, but only 245759 are available")
}

// checkWhole checks that a subject scores whole sequences and reports why.
func checkWhole(t *testing.T, s *eval.Subject, why string) {
	t.Helper()
	got, err := s.ScoreAll(latest)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range latest {
		if whole, err := s.Score(q.IDs, q.From); err != nil || !slices.Equal(whole, got[i]) {
			t.Errorf("sequence %d: %v, %v; whole %v", i, got[i], err, whole)
		}
	}
	if err := s.Whole(); err == nil || err.Error() != why {
		t.Errorf("whole sequences because of %v, want %s", err, why)
	}
	r, err := eval.MultipleChoice{Read: eval.ReadChoices, Format: "choices", Limit: 1}.Evaluate(t.Context(), s, "testdata/one.jsonl")
	if err != nil || r.Protocol[2] != (eval.Setting{Name: "prefixes", Value: "not shared: " + why}) {
		t.Errorf("protocol %v, %v", r.Protocol, err)
	}
}

// TestWholeModel: a model with an op that may read other rows is run on whole sequences.
func TestWholeModel(t *testing.T) {
	m := models.Edit(gpt2.New(257, 160, 24, 2, 2), graph.Before("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
		shifted := s.Apply(graph.Op{
			Name: "Shift", Out: x.Shape(),
			Run: func(a *graph.Args) error {
				clear(a.Out(0)[:24])
				copy(a.Out(0)[24:], a.Floats(0))
				return nil
			},
		}, x)
		return s.Node(G.Add(x, shifted))
	}))
	checkWhole(t, subject(t, m, graph.NewParams(1), 160),
		"h.0.mlp: Shift: nothing says that each row of its result comes from the same row of input 0 alone (graph.Op.RowWise), so the model cannot be run piece by piece")
}

// TestScorerErrors: errors are one line and name the sequence, and valid sequences can still be scored after them.
func TestScorerErrors(t *testing.T) {
	s := open(t, 16)
	scorer := s.NewScorer()
	fine := eval.Sequence{IDs: []int{1, 2, 3}, From: 2}
	long := make([]int, 40)
	for _, c := range []struct {
		bad  eval.Sequence
		want string
	}{
		{eval.Sequence{}, "sequence 2: eval: nothing before the first token to score"},
		{eval.Sequence{IDs: []int{1}, From: 0}, "sequence 2: eval: nothing before the first token to score"},
		{eval.Sequence{IDs: []int{1}, From: 1}, "sequence 2: eval: no tokens to score"},
		{eval.Sequence{IDs: []int{1, 2}, From: 3}, "sequence 2: eval: no tokens to score"},
		{eval.Sequence{IDs: []int{1, 2}, From: -1}, "sequence 2: eval: nothing before the first token to score"},
		{eval.Sequence{IDs: []int{1, 257}, From: 1}, "sequence 2: eval: token 257 is not in the vocabulary of 257"},
		{eval.Sequence{IDs: []int{1, -1}, From: 1}, "sequence 2: eval: token -1 is not in the vocabulary of 257"},
		{eval.Sequence{IDs: append(slices.Clone(long), 300), From: 1}, "sequence 2: eval: token 300 is not in the vocabulary of 257"},
	} {
		if _, err := scorer.Score([]eval.Sequence{fine, c.bad, fine}); err == nil || err.Error() != c.want {
			t.Errorf("%v from %d: %v, want %s", c.bad.IDs, c.bad.From, err, c.want)
		}
		if _, err := scorer.Score([]eval.Sequence{fine}); err != nil {
			t.Error(err)
		}
	}
	if _, err := scorer.Score([]eval.Sequence{fine, {IDs: []int{999, 1}, From: 1}}); err == nil || !strings.HasPrefix(err.Error(), "sequence 2: ") || !strings.HasSuffix(err.Error(), "outside the vocabulary of 257") {
		t.Errorf("a token that there is not: %v", err)
	}
	none := []eval.Question{{Choices: []eval.Choice{{Before: "a", Text: " b"}}}, {}}
	if _, err := (eval.MultipleChoice{}).Score(t.Context(), s, none, nil, false); err == nil || err.Error() != "question 2 has no choices" {
		t.Errorf("a question without choices: %v", err)
	}
	none[1].Choices = []eval.Choice{{Before: "a", Text: " b"}, {Before: "a"}}
	if _, err := (eval.MultipleChoice{}).Score(t.Context(), s, none, nil, false); err == nil || err.Error() != `question 2, choice 2: no tokens of its own: ""` {
		t.Errorf("a choice without tokens: %v", err)
	}
	if got, err := scorer.Score(nil); err != nil || len(got) != 0 {
		t.Errorf("nothing to score: %v, %v", got, err)
	}
}
