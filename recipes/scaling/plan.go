package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/plan"
	"github.com/gorgpt/gorgpt/run"
)

// Settings that all runs have in common.
const (
	tokenizerName = "bytes"
	vocabulary    = 257 // bytes and the end of a file
	batch         = 8   // sequences in an update
	window        = 64  // tokens in a sequence

	fewestSteps   = 400 // a shorter run is warmup and little else
	mostPerWeight = 500 // tokens per weight: many times the best number, in the slowest runs

	likelyPerWeight = 30 // tokens per weight that turn out to be best
	mostPasses      = 4  // over the text: after more, repeated tokens are worth less (Muennighoff et al. 2023)
)

// size is a model, named by its approximate number of weights outside of the embeddings.
type size struct {
	name                 string
	layers, heads, width int
}

// sizes grow by factors of two to three; heads are 8 to 32 wide.
var sizes = []size{
	{"14k", 2, 3, 24}, {"25k", 2, 2, 32}, {"55k", 2, 3, 48}, {"150k", 3, 4, 64}, {"330k", 3, 3, 96},
	{"790k", 4, 4, 128}, {"1.8m", 4, 6, 192}, {"4.7m", 6, 8, 256}, {"9.8m", 8, 10, 320},
}

func findSize(name string) (size, error) {
	var known []string
	for _, s := range sizes {
		if s.name == name {
			return s, nil
		}
		known = append(known, s.name)
	}
	return size{}, usage.Unknown("size", name, known)
}

// counted is a size with numbers from its graph.
type counted struct {
	size
	params int     // weights without the embeddings, Kaplan's N
	total  int     // all weights; the head shares the token embedding
	flops  float64 // per token in training: forward and backward, including attention and head
}

func (s size) count() (counted, error) {
	c := counted{size: s}
	m, err := s.recipe().MakeModel(vocabulary)
	if err != nil {
		return c, err
	}
	scope := graph.New(graph.NewParams(0), graph.Training())
	p, err := scope.CompileGrad(models.Loss(m, scope, scope.Ints("tokens", batch, window), scope.Ints("targets", batch, window)))
	if err != nil {
		return c, err
	}
	defer p.Close()
	weights, err := plan.ParametersOf(m)
	c.params, c.total = int(weights.Rest), int(weights.Total)
	c.flops = models.FLOPs(p) / (batch * window)
	return c, err
}

// rate returns the peak learning rate of a model with n weights outside of the embeddings. It falls
// with the size as GPT-3's does, but more slowly (there about N^−0.3, Brown et al. 2020, table 2.1).
func rate(n int) float64 { return 3e-3 * math.Pow(float64(n)/1e6, -0.2) }

// recipe returns the settings that all runs of a size have in common. Initial weights have a
// deviation of 1/√C. GPT-2's 0.02 is about that for its widths of 768 to 1,600; with it, models as
// narrow as these stay on a plateau for a thousand steps.
func (s size) recipe() run.Recipe {
	r := run.Defaults()
	r.Model, r.Layers, r.Heads, r.Width = "gpt2-nano", s.layers, s.heads, s.width
	r.Solver, r.Schedule, r.Floor = "adamw", "cosine", 0.1
	r.Set = []string{"initializer_range=" + strconv.FormatFloat(1/math.Sqrt(float64(s.width)), 'g', -1, 64)}
	r.Tokenizer, r.Batch, r.Context = tokenizerName, batch, window
	r.EvalBatches = 256 // 131,072 tokens, the same for all runs
	return r
}

// point is a run: a model and a budget.
type point struct {
	counted
	budget float64 // FLOPs
	steps  int
	factor float64 // times the learning rate of rate
	seed   uint64
}

// main reports whether the laws are fitted to the point; others check the learning rate or the seed.
func (p point) main() bool { return p.factor == 1 && p.seed == 1 }

// name returns the name of the run's folder.
func (p point) name() string {
	name := fmt.Sprintf("%s-%s", budgetName(p.budget), p.size.name)
	if p.factor != 1 {
		name += "-lr" + strconv.FormatFloat(p.factor, 'g', -1, 64)
	}
	if p.seed != 1 {
		name += fmt.Sprintf("-seed%d", p.seed)
	}
	return name
}

// budgetName writes a budget as in 3e12.
func budgetName(c float64) string {
	return strings.NewReplacer("e+0", "e", "e-0", "e-", "e+", "e").Replace(strconv.FormatFloat(c, 'e', -1, 64))
}

func (p point) tokens() float64 { return float64(p.steps * batch * window) }

// spent returns the FLOPs of the run, according to its graph.
func (p point) spent() float64 { return p.flops * p.tokens() }

// recipe returns the recipe of the run. The learning rate falls to a tenth within the run, whatever its
// length: a run cut short would have a loss that is too high (Hoffmann et al. 2022, §3).
func (p point) recipe(data string) run.Recipe {
	r := p.size.recipe()
	r.Data, r.Steps, r.Seed = data, p.steps, p.seed
	r.LearnRate = p.factor * rate(p.params)
	r.Warmup = p.steps / 10
	r.EvalEvery = p.steps
	r.SaveEvery = max(1, p.steps/8)
	return r
}

// runs lists the runs: the budgets from the smallest on, with the models of each in order of how likely they
// are the best, so that the finished runs are worth fitting at any time; and at the end the runs that check
// the learning rate and the seed at the two smallest budgets. length is that of the text in tokens.
func runs(budgets []float64, chosen []counted, length float64) ([]point, error) {
	var all, last []point
	for i, c := range budgets {
		var on []point
		for _, s := range chosen {
			p := point{counted: s, budget: c, steps: int(math.Round(c / s.flops / (batch * window))), factor: 1, seed: 1}
			if p.steps >= fewestSteps && p.tokens() <= s.most(length) {
				on = append(on, p)
			}
		}
		if len(on) == 0 {
			small, large := chosen[0], chosen[len(chosen)-1]
			return nil, usage.Errorf("--budgets %s: no model can use it; want from %.1e FLOPs, for %d steps of %s, to %.1e, for all that %s may read",
				budgetName(c), small.flops*fewestSteps*batch*window, fewestSteps, small.name, large.flops*large.most(length), large.name)
		}
		slices.SortStableFunc(on, func(a, b point) int { return cmp.Compare(a.unlikely(), b.unlikely()) })
		all = append(all, on...)
		if i < 2 {
			last = append(last, checks(on)...)
		}
	}
	return append(all, last...), nil
}

// unlikely returns how far, as a logarithm, a point is from the number of tokens per weight that is
// about the best here.
func (p point) unlikely() float64 {
	return math.Abs(math.Log(p.tokens() / float64(p.params) / likelyPerWeight))
}

// most returns the largest number of tokens that a model is trained on.
func (c counted) most(length float64) float64 {
	return min(mostPerWeight*float64(c.params), mostPasses*length)
}

// checks repeats runs with other learning rates, and the run that is most likely the best with other seeds.
func checks(of []point) []point {
	var all []point
	for _, factor := range []float64{0.5, 2} {
		for _, p := range of {
			p.factor = factor
			all = append(all, p)
		}
	}
	for seed := range uint64(3) {
		p := of[0]
		p.seed = seed + 2
		all = append(all, p)
	}
	return all
}
