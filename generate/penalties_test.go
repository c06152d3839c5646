package generate_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
)

// TestOpenAIPenalties: a bias is added once, a presence penalty is subtracted once from each token that is present, and a
// frequency penalty as often as it occurs. The numbers are powers of two, so that sums are exact.
func TestOpenAIPenalties(t *testing.T) {
	logits := []float32{1, 2, 3, 4}
	before := []int{3, 3, 1, 9} // 9 is beyond the vocabulary
	for _, c := range []struct {
		o    generate.Options
		want []float64 // the resulting logits
	}{
		{generate.Options{Bias: map[int]float64{0: 8, 3: -0.5, 7: 1}}, []float64{9, 2, 3, 3.5}},
		{generate.Options{PresencePenalty: 0.5}, []float64{1, 1.5, 3, 3.5}},
		{generate.Options{FrequencyPenalty: 0.25}, []float64{1, 1.75, 3, 3.5}},
		{generate.Options{FrequencyPenalty: -1, PresencePenalty: 2}, []float64{1, 1, 3, 4}},
		{generate.Options{Bias: map[int]float64{2: math.Inf(-1)}}, []float64{1, 2, math.Inf(-1), 4}},
		{generate.Options{Bias: map[int]float64{0: 3}, RepetitionPenalty: 2, FrequencyPenalty: 1}, []float64{4, 0, 3, 0}},
	} {
		c.o.Temperature = 1
		total := 0.0
		for _, x := range c.want {
			total += math.Exp(x)
		}
		for _, got := range c.o.Distribution(logits, before) {
			if want := c.want[got.ID] - math.Log(total); !(math.Abs(got.LogProb-want) < 1e-6) && want != got.LogProb {
				t.Errorf("%+v: token %d has %v, want %v", c.o, got.ID, got.LogProb, want)
			}
		}
	}
	for want, o := range map[string]generate.Options{
		"generate: a bias of NaN for token 1; want a number in float32's range, or -Inf, for a token from 0":   {Bias: map[int]float64{1: math.NaN()}},
		"generate: a bias of 1 for token -1; want a number in float32's range, or -Inf, for a token from 0":    {Bias: map[int]float64{-1: 1}},
		"generate: a presence penalty of NaN; want a number in float32's range":                                {PresencePenalty: math.NaN()},
		"generate: a frequency penalty of +Inf; want a number in float32's range":                              {FrequencyPenalty: math.Inf(1)},
		"generate: a bias of 1e+39 for token 1; want a number in float32's range, or -Inf, for a token from 0": {Bias: map[int]float64{1: 1e39}},
		"generate: a presence penalty of -1e+39; want a number in float32's range":                             {PresencePenalty: -1e39},
		"generate: a bias of +Inf for token 1; want a number in float32's range, or -Inf, for a token from 0":  {Bias: map[int]float64{1: math.Inf(1)}},
	} {
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// TestPenaltiesOfGenerated: presence and frequency penalties count generated tokens, not those of the prompt.
func TestPenaltiesOfGenerated(t *testing.T) {
	e := newEngine(t, small(16), generate.EngineConfig{Context: 16, Slots: 1})
	r := generate.Request{Prompt: []int{1, 2, 3}, Tokens: 6, Options: generate.Options{LogProbs: 61}}
	plain, err := gather(e, t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	// With a penalty larger than all logits, no token is generated twice. The first is the same as without the penalty,
	// even if it is in the prompt.
	r.Prompt, r.PresencePenalty = append(r.Prompt[:2:2], plain[0].ID), 1e6
	if plain, err = gather(e, t.Context(), generate.Request{Prompt: r.Prompt, Tokens: 1}); err != nil {
		t.Fatal(err)
	}
	got, err := gather(e, t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for _, token := range got {
		if slices.Contains(ids, token.ID) {
			t.Errorf("token %d comes again after %d", token.ID, ids)
		}
		ids = append(ids, token.ID)
	}
	if ids[0] != plain[0].ID {
		t.Errorf("the first token is %d, want %d: the prompt has no say", ids[0], plain[0].ID)
	}
	if id := (generate.Options{Bias: map[int]float64{5: 1e9}}).Choose(make([]float32, 9), nil, rand.New(rand.NewPCG(1, 1))); id != 5 {
		t.Errorf("token %d, want 5 by its bias", id)
	}
}
