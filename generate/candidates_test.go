package generate_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestVocab: ids that pad a model's vocabulary are never chosen, whatever the options; the
// log-probabilities are over the whole vocabulary, padding included, as in transformers.
func TestVocab(t *testing.T) {
	const vocab, real = 10, 6
	g := newSuccessor(t, vocab, 16) // 6 would follow 5 if it were a token
	g.Vocab = real
	for _, o := range []generate.Options{
		{LogProbs: vocab}, {Temperature: 1, LogProbs: 2}, {Temperature: 1e-30, LogProbs: 2}, {Temperature: 2, TopK: 8, LogProbs: 2},
		{Temperature: 1, TopP: 0.9, LogProbs: 2}, {Temperature: 1, MinP: 1e-6, RepetitionPenalty: 2, NoRepeat: 3, LogProbs: 2},
	} {
		// A prompt may contain padding ids.
		for token, err := range g.Batch(context.Background(), [][]int{{5}, {4, 9, 9, 5}}, 40, o) {
			if err != nil {
				t.Fatal(err)
			}
			if token.ID < 0 || token.ID >= real {
				t.Fatalf("%+v: token %d of %d", o, token.ID, real)
			}
			// One logit is 9, and nine are 0.
			logProbs := []float64{-math.Log(math.Exp(9) + 9), 9 - math.Log(math.Exp(9)+9)}
			if d := min(math.Abs(token.LogProb-logProbs[0]), math.Abs(token.LogProb-logProbs[1])); d > 1e-5 {
				t.Fatalf("%+v: log-probability %v, want one of %v", o, token.LogProb, logProbs)
			}
			if math.Abs(token.Best[0].LogProb-logProbs[1]) > 1e-5 || len(token.Best) != o.LogProbs {
				t.Fatalf("%+v: best %v, want that of the model", o, token.Best)
			}
		}
	}
	found, err := g.Beam(context.Background(), []int{3}, 12, generate.BeamOptions{Beams: 4, RepetitionPenalty: 1.5})
	if err != nil || len(found) != 4 {
		t.Fatal(found, err)
	}
	for _, h := range found {
		if len(h.IDs) != 12 || slices.Max(h.IDs) >= real || h.Finish != generate.Length {
			t.Errorf("beam %+v", h)
		}
	}
	g.Vocab = vocab + 7 // a tokenizer that is larger than the model
	if got, err := g.Generate(context.Background(), []int{5}, 3, generate.Options{}); err != nil || !slices.Equal(got, []int{6, 7, 8}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestVacant: ids without a token in the middle of a vocabulary are never chosen, nor are those
// beyond it.
func TestVacant(t *testing.T) {
	const vocab = 10
	g := newSuccessor(t, vocab, 16) // 6 would follow 5 if it were a token
	g.Vocab, g.Vacant = 9, []int{0, 6, 7, 12}
	tokens := []int{1, 2, 3, 4, 5, 8}
	for _, o := range []generate.Options{
		{}, {Temperature: 1}, {Temperature: 1e-30}, {Temperature: 1e30}, {Temperature: 2, TopK: 8}, {Temperature: 1, TopP: 0.99},
		{Temperature: 1, MinP: 1e-6, RepetitionPenalty: 2, NoRepeat: 3},
	} {
		for token, err := range g.Batch(context.Background(), [][]int{{5}, {4, 6, 7, 5}}, 40, o) {
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(tokens, token.ID) {
				t.Fatalf("%+v: token %d", o, token.ID)
			}
		}
	}
	found, err := g.Beam(context.Background(), []int{5}, 12, generate.BeamOptions{Beams: 4, RepetitionPenalty: 1.5})
	if err != nil || len(found) != 4 {
		t.Fatal(found, err)
	}
	for _, h := range found {
		if slices.ContainsFunc(h.IDs, func(id int) bool { return !slices.Contains(tokens, id) }) {
			t.Errorf("beam %+v", h)
		}
	}
	g.Vacant = []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	if got, err := g.Generate(context.Background(), []int{5}, 3, generate.Options{Temperature: 1}); err != nil || len(got) != 0 {
		t.Errorf("without any token: %v, %v", got, err)
	}
}

// TestExhausted: a sequence whose every next token is banned ends and says why; the others in the
// batch continue. transformers does not end there: it continues with a banned token.
func TestExhausted(t *testing.T) {
	g := newSuccessor(t, 4, 16)
	for _, o := range []generate.Options{
		{NoRepeat: 1}, {NoRepeat: 1, Temperature: 1}, {NoRepeat: 1, Temperature: 1, TopK: 2}, {NoRepeat: 1, Temperature: 1e-300, TopP: 0.5, MinP: 0.1},
	} {
		ids := make([][]int, 3)
		ends := make([]generate.Finish, 3)
		for token, err := range g.Batch(context.Background(), [][]int{{0}, {2, 1}, {3, 0, 1, 2}}, 8, o) {
			if err != nil {
				t.Fatal(err)
			}
			if ends[token.Sequence] != "" || token.Last != (token.Finish != "") || (token.ID < 0) != token.Last {
				t.Errorf("%+v: %+v", o, token)
			}
			ends[token.Sequence] = token.Finish
			if token.ID >= 0 {
				ids[token.Sequence] = append(ids[token.Sequence], token.ID)
			}
		}
		for i, want := range []int{3, 2, 0} {
			if len(ids[i]) != want || ends[i] != generate.NoCandidates {
				t.Errorf("%+v: sequence %d: %v, %q", o, i, ids[i], ends[i])
			}
		}
	}
	if got, err := g.Generate(context.Background(), []int{1}, 8, generate.Options{NoRepeat: 1}); err != nil || !slices.Equal(got, []int{2, 3, 0}) {
		t.Errorf("%v, %v; want all others once", got, err)
	}
	if got := (generate.Options{NoRepeat: 1, Temperature: 1}).Distribution([]float32{1, 2}, []int{1, 0}); len(got) != 0 {
		t.Errorf("%v is left of two banned tokens", got)
	}
	if got := (generate.Options{NoRepeat: 1}).Choose([]float32{1, 2}, []int{1, 0}, nil); got != -1 {
		t.Errorf("token %d of two banned ones", got)
	}
}

// TestBannedNeverDrawn: a banned token is not drawn even if it is among the K best.
func TestBannedNeverDrawn(t *testing.T) {
	o := generate.Options{NoRepeat: 1, Temperature: 1, TopK: 3}
	if got := o.Distribution([]float32{3, 2, 1, 0}, []int{0, 1, 3}); len(got) != 1 || got[0] != (generate.Candidate{ID: 2}) {
		t.Errorf("%v, want token 2 alone", got)
	}
}

// TestExhaustedBeams: beams that have no next token end too, and are among the results.
func TestExhaustedBeams(t *testing.T) {
	g := newSuccessor(t, 4, 16)
	for beams := 1; beams <= 7; beams++ {
		found, err := g.Beam(context.Background(), []int{0}, 8, generate.BeamOptions{Beams: beams, NoRepeat: 1, LengthPenalty: 1})
		if err != nil || len(found) != min(beams, 6) { // the other three tokens have 3! orders
			t.Fatalf("%d beams: %+v, %v", beams, found, err)
		}
		if !slices.Equal(found[0].IDs, []int{1, 2, 3}) {
			t.Errorf("%d beams: best %+v", beams, found[0])
		}
		for _, h := range found {
			if len(h.IDs) != 3 || h.Finish != generate.NoCandidates || math.IsInf(h.Score, 0) || math.IsNaN(h.Score) {
				t.Errorf("%d beams: %+v", beams, h)
			}
		}
	}
	found, err := g.Beam(context.Background(), []int{3, 1, 2, 0}, 8, generate.BeamOptions{Beams: 2, NoRepeat: 1, LengthPenalty: -1})
	if err != nil || len(found) != 1 || found[0].IDs == nil || len(found[0].IDs) != 0 || found[0].Score != 0 || found[0].Finish != generate.NoCandidates {
		t.Errorf("nothing to go on with: %+v, %v", found, err)
	}
	// One beam ends with a stop token, another has nothing left.
	found, err = g.Beam(context.Background(), []int{0}, 8, generate.BeamOptions{Beams: 2, NoRepeat: 1, Stop: []int{2}})
	if err != nil || len(found) != 2 || found[0].Finish != generate.StopToken || found[0].IDs[len(found[0].IDs)-1] != 2 {
		t.Errorf("with a stop token: %+v, %v", found, err)
	}
}

// TestFinish checks the other reasons why sequences end.
func TestFinish(t *testing.T) {
	g := newSuccessor(t, 10, 16)
	var got []string
	for token, err := range g.Batch(context.Background(), [][]int{{1}, {5}}, 4, generate.Options{Stop: []int{3}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %d %s", token.Sequence, token.ID, token.Finish))
	}
	if want := []string{"0 2 ", "1 6 ", "0 3 stop", "1 7 ", "1 8 ", "1 9 length"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTinyTemperature: a tiny temperature takes the best token, as 0 does, although the logits
// divided by it would overflow a float32, or a float64.
func TestTinyTemperature(t *testing.T) {
	for _, logits := range [][]float32{
		{1, 3, 2.9999, -5}, {-7, -3, -4, -3.001}, {0, 0.5, 0.4, 0}, {-1, 0, -2, -1e-3}, {1e30, 3e38, -3e38, 2.9e38},
	} {
		for _, temperature := range []float64{1e-19, 1e-21, 3e-39, 1e-45, 1e-300, 5e-324} {
			for _, o := range []generate.Options{{}, {TopK: 3}, {TopP: 0.9}, {MinP: 0.1}, {TopK: 2, TopP: 0.5, MinP: 0.5}, {RepetitionPenalty: 1}} {
				o.Temperature = temperature
				random := rand.New(rand.NewPCG(1, 1))
				for range 50 {
					if got := o.Choose(logits, nil, random); got != 1 {
						t.Fatalf("%+v of %v: token %d, want 1", o, logits, got)
					}
				}
			}
		}
	}
}

// TestTopPEnds: a TopP just above 0 keeps only the best token, and one just below 1 keeps all, although because of
// rounding their probabilities do not add up to it.
func TestTopPEnds(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	logits := make([]float32, 1000)
	for i := range logits {
		logits[i] = float32(random.NormFloat64())
	}
	for _, k := range []int{0, 900} {
		if got := (generate.Options{Temperature: 1, TopK: k, TopP: math.SmallestNonzeroFloat64}).Distribution(logits, nil); len(got) != 1 {
			t.Errorf("top-k %d: %d tokens are left, want 1", k, len(got))
		}
		want := len(logits)
		if k > 0 {
			want = k
		}
		if got := (generate.Options{Temperature: 1, TopK: k, TopP: math.Nextafter(1, 0)}).Distribution(logits, nil); len(got) < want-1 {
			t.Errorf("top-k %d: %d tokens are left, want %d", k, len(got), want)
		}
	}
}

// broken is a model that cannot be compiled for some lengths.
type broken struct {
	successor
	from int
}

func (m broken) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	if tokens.Shape()[1] >= m.from {
		return s.At("core").Fail("Broken", []int{rows.Shape()[0], m.vocab}, "no length from %d", m.from)
	}
	return m.successor.GraphAt(s, tokens, rows)
}

// TestDoesNotCompile: every method returns an error that names the place in the model if the model cannot be compiled,
// for one token or for a prompt.
func TestDoesNotCompile(t *testing.T) {
	for _, from := range []int{1, 2} {
		const want = "core: Broken: no length from "
		g := generate.New(broken{successor{5}, from}, graph.NewParams(1), 8)
		prompt := []int{1, 2, 3}
		_, generated := g.Generate(context.Background(), prompt, 2, generate.Options{})
		_, beams := g.Beam(context.Background(), prompt, 2, generate.BeamOptions{Beams: 2})
		_, logits := g.Logits(prompt)
		var batch error
		for _, err := range g.Batch(context.Background(), [][]int{{1, 2}, {3}}, 2, generate.Options{}) {
			batch = err
		}
		for what, err := range map[string]error{"Generate": generated, "Beam": beams, "Logits": logits, "Batch": batch} {
			if err == nil || err.Error() != want+fmt.Sprint(from) {
				t.Errorf("%s: %v, want %s%d", what, err, want, from)
			}
		}
		if _, err := g.MemoryBytes(2); (err != nil) != (from == 1) {
			t.Errorf("MemoryBytes: %v", err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestClose: a generator closes its programs, including those of engines that it has replaced.
func TestClose(t *testing.T) {
	for name, m := range families() {
		before := graph.Running()
		g := generate.New(models.Graphs(m), graph.NewParams(1), models.DimsOf(m).Context)
		for _, n := range []int{1, 2, 3, 5, 9, 17, 33, 70, 140} { // lengths of prompts, more than there are programs kept
			if _, err := g.Generate(context.Background(), make([]int, n), 2, generate.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := graph.Running() - before; n < 2 || n > 6 {
			t.Errorf("%s: %d programs, want some and few", name, n)
		}
		if _, err := g.Beam(context.Background(), []int{1, 2}, 3, generate.BeamOptions{Beams: 3}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
		if n := graph.Running() - before; n != 0 {
			t.Errorf("%s: %d programs are left open", name, n)
		}
	}
}
