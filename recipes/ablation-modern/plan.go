package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

// What all runs have in common.
const (
	vocabulary = 257 // bytes and the end of a file
	batch      = 8   // sequences in an update
	window     = 64  // tokens in a sequence
	width      = 64
	depth      = 3
	heads      = 4

	sweepSeed = 100 // of the runs that choose a learning rate, which are not in the table
)

// baseline is the name of what all are compared with.
const baseline = "GPT-2"

// lengths are the shares of the steps that the baseline is trained for as well: what it reaches in the
// seconds of a variant lies between.
var lengths = []float64{0.5, 0.7, 1.4, 2}

// base is the model's configuration beside its sizes. First weights have a deviation of 1/√C, as in recipes/scaling.
var base = []string{"bias=true", "activation_function=gelu_new", "initializer_range=0.125"}

// variant is a row of the table: a piece, or another way of training.
type variant struct {
	piece
	tune func(r *run.Recipe)
	// swept is the variant whose learning rate this one has: its own name, or the baseline's.
	swept string
	guess float64 // where the sweep begins, of one that is swept
}

// variants are all rows.
func variants() []variant {
	all := []variant{{piece: piece{name: baseline}, swept: baseline, guess: 4e-3}}
	for _, p := range append(pieces(), menus()...) {
		all = append(all, variant{piece: p, swept: baseline})
	}
	optimizer := func(name string, guess float64, tune func(r *run.Recipe)) variant {
		return variant{piece: piece{name: name}, tune: tune, swept: name, guess: guess}
	}
	muon := optimizer("Muon", 8e-3, func(r *run.Recipe) { r.Solver, r.Beta1 = "muon", 0.95 })
	together := menus()[len(menus())-1]
	together.name += " with Muon"
	return append(all,
		muon,
		variant{piece: together, tune: muon.tune, swept: muon.name},
		optimizer("Lion", 1e-3, func(r *run.Recipe) { r.Solver, r.Beta1, r.Beta2, r.Decay = "lion", 0.95, 0.98, 0.3 }),
		optimizer("schedule-free AdamW", 8e-3, func(r *run.Recipe) { r.Solver, r.Schedule = "schedulefree", "constant" }),
		optimizer("WSD", 4e-3, func(r *run.Recipe) { r.Schedule = "wsd" }),
		optimizer("constant rate", 4e-3, func(r *run.Recipe) { r.Schedule = "constant" }),
		optimizer("constant rate, EMA", 4e-3, func(r *run.Recipe) { r.Schedule, r.EMA = "constant", 0.99 }),
	)
}

// choose finds variants by name; the baseline is always there, and first.
func choose(names []string) ([]variant, error) {
	all := variants()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, v := range all {
		known = append(known, v.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usage.Unknown("variant", name, known)
		}
	}
	return slices.DeleteFunc(all, func(v variant) bool { return v.name != baseline && !slices.Contains(names, v.name) }), nil
}

// point is a run: a variant, its learning rate, a length and a seed.
type point struct {
	variant
	rate  float64
	steps int
	seed  uint64
}

// recipe is that of a point.
func (s *study) recipe(p point) run.Recipe {
	r := run.Defaults()
	r.Model, r.Layers, r.Heads, r.Width, r.Dropout = "gpt2-nano", depth, heads, width, 0
	r.Set = p.sets()
	r.Data, r.Tokenizer, r.Windows, r.Batch, r.Context, r.Buffer = s.data, "bytes", "anywhere", batch, window, 1<<20
	r.Solver, r.Schedule, r.LearnRate, r.Floor, r.Warmup = "adamw", "cosine", p.rate, 0.1, p.steps/10
	r.Beta1, r.Beta2, r.Epsilon, r.Decay, r.Clip = 0.9, 0.99, 1e-8, 0.1, 1
	r.Steps, r.EvalEvery, r.EvalBatches, r.SaveEvery, r.Seed = p.steps, p.steps, s.evalBatches, p.steps, p.seed
	if p.tune != nil {
		p.tune(&r)
	}
	return r
}

// sets are the keys of the baseline and those of the piece, which win.
func (p piece) sets() []string {
	key := func(pair string) string { return pair[:strings.IndexByte(pair, '=')] }
	return append(slices.DeleteFunc(slices.Clone(base), func(b string) bool {
		return slices.ContainsFunc(p.set, func(own string) bool { return key(own) == key(b) })
	}), p.set...)
}

// runOf is the run of a point, in a folder that is named by what it is of.
func (s *study) runOf(p point) (studies.Run, error) {
	r := studies.Run{Recipe: s.recipe(p)}
	m, err := r.Recipe.MakeModel(vocabulary)
	if err != nil {
		return r, err
	}
	if p.edits != nil {
		r.Edits = p.edits(m.(gpt2.Config))
	}
	name := strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(strings.ToLower(p.name))
	if p.seed == sweepSeed {
		name = filepath.Join("rates", fmt.Sprintf("%s-%s", name, figure(p.rate)))
	} else {
		if p.steps != s.steps {
			name += fmt.Sprintf("-%d-steps", p.steps)
		}
		name += fmt.Sprintf("-%d", p.seed)
	}
	r.Dir = run.Dir(filepath.Join(s.out, name))
	return r, nil
}

// figure is a number of two digits.
func figure(x float64) string { return strconv.FormatFloat(x, 'g', 2, 64) }

// sweep chooses the learning rates: from the guess on, twice and half of the best so far are tried until both
// are worse.
func (s *study) sweep(ctx context.Context) error {
	for last := -1; ; {
		var missing []point
		for _, v := range s.swept() {
			tried, err := s.tried(v)
			if err != nil {
				return err
			}
			missing = append(missing, tried.missing...)
			s.rates[v.name] = tried.best
		}
		switch {
		case len(missing) == 0:
			return nil
		case s.fitOnly:
			return usage.Errorf("--fit: %d runs that choose learning rates are not done", len(missing))
		case len(missing) == last: // as before, and done
			return fmt.Errorf("%s: a run ended with a loss that is no number", filepath.Join(s.out, "rates"))
		}
		if err := s.trainAll(ctx, missing); err != nil {
			return err
		}
		last = len(missing)
	}
}

// swept are the variants whose learning rates are wanted.
func (s *study) swept() []variant {
	return slices.DeleteFunc(variants(), func(v variant) bool {
		return v.guess == 0 || !slices.ContainsFunc(s.variants, func(w variant) bool { return w.swept == v.name })
	})
}

// rates are those of a sweep: each with its loss, the best, and what is still to be tried.
type rates struct {
	done    map[float64]float64
	best    float64
	missing []point
}

// tried is how far the sweep of a variant is. Rates are the guess times powers of two.
func (s *study) tried(v variant) (rates, error) {
	all := rates{done: make(map[float64]float64)}
	at := func(k int) (point, float64, bool, error) {
		p := point{v, v.guess * math.Pow(2, float64(k)), s.steps, sweepSeed}
		r, err := s.runOf(p)
		if err != nil {
			return p, 0, false, err
		}
		loss, done, err := r.Loss()
		return p, loss, done, err
	}
	for best := 0; ; {
		least, next := math.Inf(1), best
		for k := best - 1; k <= best+1; k++ {
			p, loss, done, err := at(k)
			switch {
			case err != nil:
				return all, err
			case !done:
				all.missing = append(all.missing, p)
				continue
			}
			if all.done[p.rate] = loss; loss < least {
				least, next = loss, k
			}
		}
		all.best = v.guess * math.Pow(2, float64(next))
		if len(all.missing) > 0 || next == best {
			return all, nil
		}
		best = next
	}
}

// points lists the runs of the table: a whole table first, with the baseline's other lengths, then its spread.
func (s *study) points() (all []point) {
	for seed := range uint64(s.seeds) {
		for _, v := range s.variants {
			all = append(all, point{v, s.rates[v.swept], s.steps, seed + 1})
		}
		for _, share := range lengths {
			all = append(all, point{s.variants[0], s.rates[baseline], int(share * float64(s.steps)), seed + 1})
		}
	}
	return all
}
