// Command ablation-modern measures what each piece that came after GPT-2 gains and costs. It trains a small GPT-2 on
// the source of Go's standard library, the same model with one edit, and with other optimizers, over several seeds,
// and compares them at equal steps and at equal seconds.
//
//	go run ./recipes/ablation-modern
//
// README.md has the results and what they mean.
package main

import (
	"github.com/gorgpt/gorgpt/recipes/internal/compare"
	"github.com/gorgpt/gorgpt/run"
)

func main() { compare.Main(study()) }

func study() compare.Study {
	return compare.Study{
		Name: "ablation-modern", Short: "Measure what each piece that came after GPT-2 gains and costs", Title: "What each piece gains over GPT-2",
		Variants: variants(),
	}
}

// baseline is the name of the variant that all others are compared with.
const baseline = "GPT-2"

// variants returns all rows: pieces, and other ways of training. The loss that the baseline reaches in the seconds of a
// variant is interpolated between its Lengths.
func variants() []compare.Variant {
	all := []compare.Variant{{Name: baseline, Swept: baseline, Guess: 4e-3, Lengths: []float64{0.5, 0.7, 1.4, 2}}}
	of := func(p piece) compare.Variant {
		return compare.Variant{Name: p.name, Against: baseline, Swept: baseline, Set: p.set, Edits: p.edits}
	}
	for _, p := range append(pieces(), menus()...) {
		all = append(all, of(p))
	}
	optimizer := func(name string, guess float64, tune func(r *run.Recipe)) compare.Variant {
		return compare.Variant{Name: name, Against: baseline, Swept: name, Guess: guess, Tune: tune}
	}
	muon := optimizer("Muon", 8e-3, func(r *run.Recipe) { r.Solver, r.Beta1 = "muon", 0.95 })
	together := of(menus()[len(menus())-1])
	together.Name, together.Swept, together.Tune = together.Name+" with Muon", muon.Name, muon.Tune
	return append(all,
		muon,
		together,
		optimizer("Lion", 1e-3, func(r *run.Recipe) { r.Solver, r.Beta1, r.Beta2, r.Decay = "lion", 0.95, 0.98, 0.3 }),
		optimizer("schedule-free AdamW", 8e-3, func(r *run.Recipe) { r.Solver, r.Schedule = "schedulefree", "constant" }),
		optimizer("WSD", 4e-3, func(r *run.Recipe) { r.Schedule = "wsd" }),
		optimizer("constant rate", 4e-3, func(r *run.Recipe) { r.Schedule = "constant" }),
		optimizer("constant rate, EMA", 4e-3, func(r *run.Recipe) { r.Schedule, r.EMA = "constant", 0.99 }),
	)
}
