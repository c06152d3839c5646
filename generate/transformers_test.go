package generate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/models"
)

// tolScore bounds the difference between a beam's score and transformers' score in float64, relative to the score or,
// if it is smaller, to 1. A score is the sum of a dozen log-probabilities of about 1, divided or multiplied by their
// number.
const tolScore = 1e-5

// recorded is a case of testdata/transformers.json.
type recorded struct {
	Model         string
	Prompt        []int
	Tokens        int
	Penalty       float64  `json:"repetition_penalty"`
	NoRepeat      int      `json:"no_repeat_ngram_size"`
	Beams         int      `json:"num_beams"`
	LengthPenalty *float64 `json:"length_penalty"`
	End           any      `json:"eos_token_id"`
	IDs           [][]int
	Scores        []float64
}

// stop returns the tokens that end a sequence.
func (r recorded) stop() (ids []int) {
	switch end := r.End.(type) {
	case float64:
		ids = []int{int(end)}
	case []any:
		for _, id := range end {
			ids = append(ids, int(id.(float64)))
		}
	}
	return ids
}

// open loads a model of the parity tests.
func open(t *testing.T, name string) *generate.Generator {
	t.Helper()
	m, err := checkpoint.Load(filepath.Join("..", "models", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	g := generate.New(models.Graphs(m.Model), m.Params, models.DimsOf(m.Model).Context)
	t.Cleanup(func() { g.Close() })
	return g
}

// TestTransformers compares greedy continuations and beam searches with transformers' generate.
func TestTransformers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "transformers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []recorded }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 54 {
		t.Fatalf("%d cases, want 54", len(file.Cases))
	}
	generators := make(map[string]*generate.Generator)
	for _, c := range file.Cases {
		g := generators[c.Model]
		if g == nil {
			g = open(t, c.Model)
			generators[c.Model] = g
		}
		what := fmt.Sprintf("%s after %v, penalty %v, no repeat %d, beams %d, end %v", c.Model, c.Prompt, c.Penalty, c.NoRepeat, c.Beams, c.End)
		if c.Beams == 0 {
			got, err := g.Generate(context.Background(), c.Prompt, c.Tokens, generate.Options{RepetitionPenalty: c.Penalty, NoRepeat: c.NoRepeat})
			if err != nil || !slices.Equal(got, c.IDs[0]) {
				t.Errorf("%s: %v, %v\nwant %v", what, got, err, c.IDs[0])
			}
			continue
		}
		o := generate.BeamOptions{Beams: c.Beams, LengthPenalty: 1, Stop: c.stop(), NoRepeat: c.NoRepeat}
		if c.LengthPenalty != nil {
			o.LengthPenalty = *c.LengthPenalty
		}
		found, err := g.Beam(context.Background(), c.Prompt, c.Tokens, o)
		if err != nil || len(found) != c.Beams {
			t.Errorf("%s: %d results, %v; want %d", what, len(found), err, c.Beams)
			continue
		}
		for i, want := range c.IDs {
			if end := slices.IndexFunc(want, func(id int) bool { return slices.Contains(o.Stop, id) }); end >= 0 {
				want = want[:end+1] // the rest is padding
			}
			if !slices.Equal(found[i].IDs, want) || !(math.Abs(found[i].Score-c.Scores[i]) <= tolScore*max(1, math.Abs(c.Scores[i]))) {
				t.Errorf("%s: result %d is %+v\nwant %v with %v", what, i, found[i], want, c.Scores[i])
			}
		}
	}
}
