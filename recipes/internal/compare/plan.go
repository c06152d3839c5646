package compare

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

// Settings that all runs have in common.
const (
	vocabulary = 257 // bytes and the end of a file
	batch      = 8   // sequences in an update
	window     = 64  // tokens in a sequence
	width      = 64
	depth      = 3
	heads      = 4

	sweepSeed = 100 // seed of the runs that choose a learning rate, which are not in the table; the table's seeds are lower
)

// base is the model's configuration besides its sizes. Initial weights have a deviation of 1/√C, as in recipes/scaling.
var base = []string{"bias=true", "activation_function=gelu_new", "initializer_range=0.125"}

// Variant is a row of a table: a model, or another way of training.
type Variant struct {
	Name  string
	Set   []string                           // keys of the model's config.json, with their values
	Edits func(c gpt2.Config) []graph.Option // of the model
	Tune  func(r *run.Recipe)                // other changes to the recipe
	// Swept names the variant whose learning rate this one uses: itself, or another.
	Swept string
	Guess float64 // where the sweep begins; 0 if the variant is not swept

	// Against names the variant that this one is compared with. It is empty for one that others are compared with.
	Against string
	// Lengths are further lengths, as shares of its steps, for which a variant without Against is trained, so that
	// the loss that it reaches in the seconds of another variant can be interpolated.
	Lengths []float64
	Share   float64 // the share of --steps that the variant is trained for; 0 means all of them
	// From names the variant from whose weights, after all of its steps, this one starts; empty for random weights.
	From string
}

// choose finds the variants given by name, with those that they are compared with or start from.
func (s *study) choose() ([]Variant, error) {
	if len(s.names) == 0 {
		return s.Variants, nil
	}
	var known []string
	for _, v := range s.Variants {
		known = append(known, v.Name)
	}
	wanted := []string{known[0]}
	for _, name := range s.names {
		if !slices.Contains(known, name) {
			return nil, usage.Unknown("variant", name, known)
		}
		for ; name != ""; name = s.find(name).Against {
			wanted = append(wanted, name, s.find(name).From)
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Variants), func(v Variant) bool { return !slices.Contains(wanted, v.Name) }), nil
}

// find returns the variant with a name.
func (s *study) find(name string) Variant {
	return s.Variants[slices.IndexFunc(s.Variants, func(v Variant) bool { return v.Name == name })]
}

// whole returns how many steps a variant is trained for, and share how many a share of these is.
func (s *study) whole(v Variant) int { return s.share(v, 1) }

func (s *study) share(v Variant, of float64) int {
	return int(of * cmp.Or(v.Share, 1) * float64(s.steps))
}

// point is a run: a variant, its learning rate, a length and a seed.
type point struct {
	Variant
	rate  float64
	steps int
	seed  uint64
}

// recipe returns the recipe of a point.
func (s *study) recipe(p point) run.Recipe {
	r := run.Defaults()
	r.Model, r.Layers, r.Heads, r.Width, r.Dropout = "gpt2-nano", depth, heads, width, 0
	r.Set = p.sets()
	r.Data, r.Tokenizer, r.Windows, r.Batch, r.Context, r.Buffer = s.data, "bytes", "anywhere", batch, window, 1<<20
	r.Solver, r.Schedule, r.LearnRate, r.Floor, r.Warmup = "adamw", "cosine", p.rate, 0.1, p.steps/10
	r.Beta1, r.Beta2, r.Epsilon, r.Decay, r.Clip = 0.9, 0.99, 1e-8, 0.1, 1
	r.Steps, r.EvalEvery, r.EvalBatches, r.SaveEvery, r.Seed = p.steps, p.steps, s.evalBatches, p.steps, p.seed
	if p.Tune != nil {
		p.Tune(&r)
	}
	return r
}

// sets returns the keys of all models and those of the variant, which take precedence.
func (v Variant) sets() []string {
	key := func(pair string) string { return pair[:strings.IndexByte(pair, '=')] }
	return append(slices.DeleteFunc(slices.Clone(base), func(b string) bool {
		return slices.ContainsFunc(v.Set, func(own string) bool { return key(own) == key(b) })
	}), v.Set...)
}

// runOf returns the run of a point, in a folder named after the point.
func (s *study) runOf(p point) (studies.Run, error) {
	r := studies.Run{Recipe: s.recipe(p)}
	m, err := r.Recipe.MakeModel(vocabulary)
	if err != nil {
		return r, err
	}
	if p.Edits != nil {
		r.Edits = p.Edits(m.(gpt2.Config))
	}
	if p.From != "" {
		v := s.find(p.From)
		from, err := s.runOf(point{v, s.rates[v.Swept], s.whole(v), p.seed})
		if err != nil {
			return r, err
		}
		r.Recipe.From = from.Dir.Latest()
		r.Recipe.Seed += sweepSeed // otherwise it would see the text in the same order again
		r.Recipe.Model, r.Recipe.Layers, r.Recipe.Heads, r.Recipe.Width, r.Recipe.Tokenizer = "", 0, 0, 0, ""
	}
	r.Keep = slices.ContainsFunc(s.Variants, func(v Variant) bool { return v.From == p.Name && p.steps == s.whole(p.Variant) })
	name := strings.NewReplacer(" ", "-", ",", "", "'", "", ":", "").Replace(strings.ToLower(p.Name))
	if p.seed == sweepSeed {
		name = filepath.Join("rates", fmt.Sprintf("%s-%s", name, figure(p.rate)))
	} else {
		if p.steps != s.whole(p.Variant) {
			name += fmt.Sprintf("-%d-steps", p.steps)
		}
		name += fmt.Sprintf("-%d", p.seed)
	}
	r.Dir = run.Dir(filepath.Join(s.out, name))
	return r, nil
}

// figure formats a number with two digits.
func figure(x float64) string { return strconv.FormatFloat(x, 'g', 2, 64) }

// sweep chooses the learning rates: starting from the guess, it tries twice and half of the best so far until both
// are worse.
func (s *study) sweep(ctx context.Context) error {
	var last []point
	for {
		var missing []point
		for _, v := range s.swept() {
			tried, err := s.tried(v)
			if err != nil {
				return err
			}
			missing = append(missing, tried.missing...)
			s.rates[v.Name] = tried.best
		}
		switch {
		case len(missing) == 0:
			return nil
		case s.fitOnly:
			return usage.Errorf("--fit: %d runs that choose learning rates are not done", len(missing))
		case slices.EqualFunc(missing, last, func(a, b point) bool { return a.Name == b.Name && a.rate == b.rate }): // although they are finished
			return fmt.Errorf("%s: a run ended with a loss that is not a number", filepath.Join(s.out, "rates"))
		}
		if err := s.trainAll(ctx, missing, false); err != nil {
			return err
		}
		last = missing
	}
}

// swept returns the variants whose learning rates are needed.
func (s *study) swept() []Variant {
	return slices.DeleteFunc(slices.Clone(s.Variants), func(v Variant) bool {
		return v.Guess == 0 || !slices.ContainsFunc(s.variants, func(w Variant) bool { return w.Swept == v.Name })
	})
}

// rates is the state of a sweep: the loss of each rate, the best rate, and the runs that are still missing.
type rates struct {
	done    map[float64]float64
	best    float64
	missing []point
}

// tried returns the state of the sweep of a variant. Its rates are the guess times powers of two.
func (s *study) tried(v Variant) (rates, error) {
	all := rates{done: make(map[float64]float64)}
	at := func(k int) (point, float64, bool, error) {
		p := point{v, v.Guess * math.Pow(2, float64(k)), s.whole(v), sweepSeed}
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
		all.best = v.Guess * math.Pow(2, float64(next))
		if len(all.missing) > 0 || next == best {
			return all, nil
		}
		best = next
	}
}

// points lists the runs of the tables by seed, so that whole tables are there first, with the further lengths, and then their
// spread.
func (s *study) points() (all []point) {
	for seed := range uint64(s.seeds) {
		for _, v := range s.variants {
			all = append(all, point{v, s.rates[v.Swept], s.whole(v), seed + 1})
		}
		for _, v := range s.variants {
			for _, length := range v.Lengths {
				all = append(all, point{v, s.rates[v.Swept], s.share(v, length), seed + 1})
			}
		}
	}
	return all
}
