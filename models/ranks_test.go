package models_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/localranks"
	"github.com/gorgpt/gorgpt/models"
)

// tolRanks bounds the difference between a tensor of a model split over ranks, such as a gradient, and that of the
// whole model, relative to its largest element. The float32 sums are taken in a different order; 2e-6 was measured.
const tolRanks = 2e-5

// overRanks calls do for each of size ranks in its own goroutine.
func overRanks(t *testing.T, size int, do func(r *localranks.Rank) error) {
	t.Helper()
	errs := make([]error, size)
	var wait sync.WaitGroup
	for i, r := range localranks.New(size) {
		wait.Go(func() {
			if errs[i] = do(r); errs[i] != nil {
				r.Leave(errs[i])
			}
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("rank %d of %d: %v", i, size, err)
		}
	}
}

// trained is the result of a training step on some tokens.
type trained struct {
	loss, evaluated    float32
	logits             []float32
	weights, gradients map[string][]float32 // of the whole model
}

// trainStep declares a model split over ranks, or whole if r is nil, and runs it. Only rank 0 returns the maps.
func trainStep(m models.Model, r graph.Ranks) (got trained, err error) {
	params := graph.NewParams(3)
	if err := params.Split(r); err != nil {
		return got, err
	}
	tokens, targets := []int{5, 1, 10, 3, 0, 7, 7, 2}, []int{1, 10, 3, -1, 7, 7, 2, 9}
	run := func(s *graph.Scope, loss func(s *graph.Scope) (*graph.Program, func() error, error)) error {
		p, read, err := loss(s)
		if err != nil {
			return err
		}
		defer p.Close()
		if err := p.SetInts("tokens", tokens); err != nil {
			return err
		}
		p.Seed(7, 3)
		return read()
	}
	err = run(graph.New(params, graph.Training()), func(s *graph.Scope) (*graph.Program, func() error, error) {
		p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 2, 4), s.Ints("targets", 2, 4)))
		return p, func() error {
			if err := p.SetInts("targets", targets); err != nil {
				return err
			}
			params.ZeroGrad()
			err := p.RunGrad(1)
			got.loss = p.Loss()
			return err
		}, err
	})
	if err != nil {
		return got, err
	}
	err = run(graph.New(params), func(s *graph.Scope) (*graph.Program, func() error, error) {
		loss := models.Loss(m, s, s.Ints("tokens", 2, 4), s.Ints("targets", 2, 4))
		p, err := s.Compile(loss)
		return p, func() error {
			if err := p.SetInts("targets", targets); err != nil {
				return err
			}
			err := p.Run()
			if err == nil {
				got.evaluated = p.Value(loss)[0]
			}
			return err
		}, err
	})
	if err != nil {
		return got, err
	}
	err = run(graph.New(params), func(s *graph.Scope) (*graph.Program, func() error, error) {
		logits := models.Logits(m, s, s.Ints("tokens", 2, 4))
		p, err := s.Compile(logits)
		return p, func() error {
			err := p.Run()
			got.logits = append(got.logits, p.Value(logits)...)
			return err
		}, err
	})
	if err != nil {
		return got, err
	}
	got.weights, got.gradients = make(map[string][]float32), make(map[string][]float32)
	for _, p := range params.All() {
		if got.weights[p.Name()], err = p.Gather(p.Data()); err != nil {
			return got, err
		}
		if got.gradients[p.Name()], err = p.Gather(p.GradData()); err != nil {
			return got, err
		}
	}
	return got, nil
}

// TestRanksFamilies: over 2 and 4 ranks, every family has bit for bit the weights of the whole model, and
// its losses, logits and gradients up to rounding, also with dropout and with a vocabulary that the number
// of ranks does not divide.
func TestRanksFamilies(t *testing.T) {
	all, err := models.All()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, named := range all {
		kind := fmt.Sprintf("%T", named.Model)
		if seen[kind] {
			continue
		}
		seen[kind] = true
		t.Run(kind, func(t *testing.T) {
			m := models.WithDropout(models.WithDims(named.Model, models.Dims{Vocab: 11, Context: 6, Width: 32, Layers: 2, Heads: 8}), 0.2)
			want, err := trainStep(m, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{2, 4} {
				results := make([]trained, size)
				overRanks(t, size, func(r *localranks.Rank) (err error) {
					results[r.Rank()], err = trainStep(m, r)
					return err
				})
				for rank, got := range results {
					if got.loss != results[0].loss || got.evaluated != results[0].evaluated {
						t.Errorf("rank %d of %d: losses %v and %v, rank 0 %v and %v", rank, size, got.loss, got.evaluated, results[0].loss, results[0].evaluated)
					}
					compareTensor(t, fmt.Sprintf("logits of rank %d of %d", rank, size), got.logits, want.logits)
				}
				got := results[0]
				compareTensor(t, "losses", []float32{got.loss, got.evaluated}, []float32{want.loss, want.evaluated})
				for name, w := range want.weights {
					for i, v := range got.weights[name] {
						if math.Float32bits(v) != math.Float32bits(w[i]) || len(got.weights[name]) != len(w) {
							t.Fatalf("%d ranks: weight %d of %s is %v, want %v", size, i, name, v, w[i])
						}
					}
					compareTensor(t, fmt.Sprintf("%d ranks: the gradient of %s", size, name), got.gradients[name], want.gradients[name])
				}
			}
		})
	}
}

func compareTensor(t *testing.T, what string, got, want []float32) {
	t.Helper()
	largest, off := 0.0, 0.0
	for i, w := range want {
		largest, off = max(largest, math.Abs(float64(w))), max(off, math.Abs(float64(got[i]-w)))
	}
	if len(got) != len(want) || !(off <= tolRanks*largest) {
		t.Errorf("%s: off by %.1e of %.1e", what, off, largest)
	}
}

// TestRanksRefused: in any family, a model that cannot be split over the ranks gives an error that names the layer.
func TestRanksRefused(t *testing.T) {
	all, err := models.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, named := range all {
		m := models.WithDims(named.Model, models.Dims{Vocab: 11, Context: 6, Width: 32, Layers: 1, Heads: 8})
		for what, declare := range map[string]func(s *graph.Scope){
			"logits":    func(s *graph.Scope) { models.Logits(m, s, s.Ints("tokens", 2, 4)) },
			"logits at": func(s *graph.Scope) { models.LogitsAt(m, s, s.Ints("tokens", 2, 4), s.Ints("rows", 2)) },
			"loss":      func(s *graph.Scope) { models.Loss(m, s, s.Ints("tokens", 2, 4), s.Ints("targets", 2, 4)) },
			"weighted loss": func(s *graph.Scope) {
				models.WeightedLoss(m, s, s.Ints("tokens", 2, 4), s.Ints("targets", 2, 4), s.Floats("weights", 8))
			},
		} {
			params := graph.NewParams(1)
			if err := params.Split(graph.Counted(3)); err != nil {
				t.Fatal(err)
			}
			s := graph.New(params, graph.Training())
			declare(s)
			if err := s.Err(); err == nil || !strings.Contains(err.Error(), "cannot be divided evenly among 3 ranks") || !strings.Contains(err.Error(), ".0.") {
				t.Errorf("%s, %s: %v", named.Name, what, err)
			}
		}
	}
}
