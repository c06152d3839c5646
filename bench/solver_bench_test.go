package bench_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
	"gorgonia.org/gorgonia"
)

var solverModel = flag.String("solver.model", "gpt2", "model of BenchmarkSolvers")

// BenchmarkSolvers measures an update by each solver that recipes can name, and by adamw with an average, and
// for comparison the forward and backward pass of 1 × 256 tokens. In training, there are a hundred to two
// thousand such passes for each update. An iteration runs one pass before each update; the results are medians.
//
//	go test ./bench -run '^$' -bench Solvers -benchtime 5x -timeout 30m
func BenchmarkSolvers(b *testing.B) {
	m, err := models.Find(*solverModel)
	if err != nil {
		b.Fatal(err)
	}
	const tokens = 256
	for _, name := range []string{"adamw", "ema", "schedulefree", "lion", "sgd", "muon"} {
		b.Run(name, func(b *testing.B) {
			recipe := run.Defaults()
			recipe.LearnRate = 1e-5
			if recipe.Solver = name; name == "ema" {
				recipe.Solver, recipe.EMA = "adamw", 0.999
			}
			solver, err := recipe.MakeSolver(m)
			if err != nil {
				b.Fatal(err)
			}
			params := graph.NewParams(1)
			pass, weights := passOf(b, m, params, tokens)
			var passes, updates []float64
			for i := range b.N + 1 {
				start := time.Now()
				if err := pass.RunGrad(1); err != nil {
					b.Fatal(err)
				}
				update := time.Now()
				if err := solver.Step(weights); err != nil {
					b.Fatal(err)
				}
				if i > 0 { // the first update allocates
					passes, updates = append(passes, update.Sub(start).Seconds()), append(updates, time.Since(update).Seconds())
				}
			}
			slices.Sort(passes)
			slices.Sort(updates)
			one, all := updates[len(updates)/2], passes[len(passes)/2]
			b.ReportMetric(1e3*one, "ms/update")
			b.ReportMetric(1e3*all/tokens, "ms/token")
			b.ReportMetric(one/(all/tokens), "tokens/update") // tokens whose passes take as long as an update
			b.ReportMetric(0, "ns/op")
		})
	}
}

// passOf compiles the program of a model's loss and gradient, fed with the given number of random tokens.
func passOf(b *testing.B, m models.Model, params *graph.Params, tokens int) (*graph.Program, []gorgonia.ValueGrad) {
	s := graph.New(params, graph.Training())
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 1, tokens), s.Ints("targets", 1, tokens)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	random, ids := rand.New(rand.NewPCG(1, 1)), make([]int, tokens)
	for _, name := range []string{"tokens", "targets"} {
		for i := range ids {
			ids[i] = random.IntN(models.DimsOf(m).Vocab)
		}
		if err := p.SetInts(name, ids); err != nil {
			b.Fatal(err)
		}
	}
	return p, params.ValueGrads()
}
