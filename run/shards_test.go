package run

import (
	"testing"

	"github.com/gorgpt/gorgpt/models"
)

// TestShards: ranks shard the solver's state, unless it includes an average of the weights, or
// the options say otherwise.
func TestShards(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, c := range []struct {
		solver string
		ema    float64
		said   *bool
		want   bool
	}{
		{"muon", 0, nil, true},
		{"adamw", 0, nil, true},
		{"adamw", 0, &no, false},
		{"adamw", 0.99, nil, false},
		{"schedulefree", 0, nil, false},
		{"schedulefree", 0, &yes, true}, // the trainer rejects this
	} {
		r := Defaults()
		r.Solver, r.EMA = c.solver, c.ema
		solver, err := r.MakeSolver(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Options{ShardOptimizer: c.said}).shards(solver); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
