package models_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
)

// TestPadding: positions after the last target of a sequence change neither the loss, nor what routers add to it and report,
// nor the gradient, as transformers has it with an attention mask.
func TestPadding(t *testing.T) {
	for _, name := range []string{"mixtral-nano", "gptoss-nano", "gpt2-nano", "bounded"} {
		m, err := models.Find(cmp.Or(map[string]string{"bounded": "gpt2-nano"}[name], name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "bounded" { // padding, all of which goes to the same experts, would take the places of tokens
			m = models.Edit(m, graph.Replace("h.*.mlp", layers.Experts(layers.ExpertsConfig{
				Count: 4, PerToken: 2, Scores: layers.SoftmaxAll, Capacity: 1000, PerSequence: 3, ZLoss: 0.1, Balance: layers.Balance{Weight: 1},
			}, func(s *graph.Scope, x *G.Node) *G.Node {
				return layers.Linear(s.At("out"), x, x.Shape()[len(x.Shape())-1], layers.Weights{})
			})))
		}
		params := graph.NewParams(1)
		ids := []int{7, 1, 20, 33, 33, 60, 4}
		type result struct {
			losses, reports []float64
			grads           map[string][]float32
		}
		run := func(length int) (r result) {
			s := graph.New(params, graph.Training(), graph.WithoutDropout())
			p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 1, length), s.Ints("targets", 1, length)))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			tokens, targets := make([]int, length), slices.Repeat([]int{-1}, length)
			copy(tokens, ids[:6])
			copy(targets, ids[1:])
			p.SetInts("tokens", tokens)
			p.SetInts("targets", targets)
			params.ZeroGrad()
			if err := p.RunGrad(1); err != nil {
				t.Fatal(err)
			}
			r.losses = []float64{float64(p.Loss())}
			for _, l := range p.Losses() {
				r.losses = append(r.losses, float64(l.Value))
			}
			for _, v := range p.Reports() {
				for _, x := range v.Value {
					r.reports = append(r.reports, float64(x))
				}
			}
			r.grads = make(map[string][]float32)
			for _, param := range params.All() {
				r.grads[param.Name()] = slices.Clone(param.GradData())
			}
			return r
		}
		near := func(a, b float64) bool { return math.Abs(a-b) <= 2e-6*max(1, math.Abs(b)) }
		want := run(6)
		for _, length := range []int{8, 24} {
			got := run(length)
			if !slices.EqualFunc(got.losses, want.losses, near) || !slices.EqualFunc(got.reports, want.reports, near) {
				t.Errorf("%s, %d positions: losses %v, reports %v\nwant %v, %v", name, length, got.losses, got.reports, want.losses, want.reports)
			}
			for at, g := range want.grads {
				if !slices.EqualFunc(got.grads[at], g, func(a, b float32) bool { return math.Abs(float64(a-b)) <= 2e-6 }) {
					t.Errorf("%s, %d positions: the gradient of %s differs", name, length, at)
				}
			}
		}
	}
}
