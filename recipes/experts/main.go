// Command experts compares a small dense GPT-2 with mixtures of 8 experts, 2 per token, that have as many active
// FLOPs, and a model that continues dense with one that is upcycled, over several seeds, at equal steps and at equal
// seconds.
//
//	go run ./recipes/experts
//
// README.md has the results and what they mean.
package main

import (
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/recipes/internal/compare"
	"github.com/gorgpt/gorgpt/run"
)

func main() { compare.Main(study()) }

func study() compare.Study {
	const (
		dense, half, more = "GPT-2", "first half", "GPT-2, second half"
		balanced          = 0.01 // the weight of the balance loss: Switch's, for the mean over the layers
	)
	lengths := []float64{1.4, 2}
	// In the second half, the rate falls from that of the first half's end, after a short warmup, since the optimizer's
	// moments start at zero again.
	falling := func(r *run.Recipe) { r.Warmup = r.Steps / 20 }
	return compare.Study{
		Name: "experts", Short: "Compare dense models with mixtures of experts, and with upcycling", Title: "What experts gain over dense layers",
		Variants: []compare.Variant{
			{Name: dense, Swept: dense, Guess: 4e-3, Lengths: lengths},
			{Name: "8 experts", Against: dense, Swept: "8 experts", Guess: 4e-3, Edits: experts(2, balanced)},
			{Name: "8 experts, no balance loss", Against: dense, Swept: "8 experts", Edits: experts(2, 0)},
			{Name: half, Swept: dense, Share: 0.5, Tune: func(r *run.Recipe) { r.Schedule = "constant" }},
			{Name: more, Swept: dense, Share: 0.5, From: half, Lengths: lengths, Tune: falling},
			{Name: "upcycled", Against: more, Swept: dense, Share: 0.5, From: half, Edits: experts(4, balanced), Tune: falling},
		},
	}
}

// experts replaces each MLP by 8 experts, with an inner layer of widening times the width, 2 of which are used per token.
func experts(widening int, balance float64) func(c gpt2.Config) []graph.Option {
	return func(c gpt2.Config) []graph.Option {
		mlp := func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.MLP(s, x, widening*c.Width, c.Activation.Layer(), c.Weights())
		}
		return []graph.Option{graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{
			Count: 8, PerToken: 2, Balance: layers.Balance{Weight: balance},
		}, mlp))}
	}
}
