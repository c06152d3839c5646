package models_test

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// capped is a model with settings for its head.
type capped struct {
	Vocab int  `json:"vocab_size"`
	Tied  bool `json:"tie_word_embeddings"`
}

func (capped) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) {
	return layers.Embedding(s.At("wte"), tokens, 11, 4, graph.Normal(9)) // logits up to about 81·4
}

func (capped) Head() layers.HeadConfig { return layers.HeadConfig{SoftCap: 2, ZLoss: 0.5} }

func doubled(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, 2) }

// TestHeadSettings: a model's settings for its head apply to logits and losses, whether the model is edited or not.
func TestHeadSettings(t *testing.T) {
	for _, m := range []models.Model{capped{11, true}, capped{11, false}, models.Edit(capped{11, true}, graph.After("wte", doubled)), models.Edit(capped{11, true}, graph.Before("lm_head", doubled)), models.Edit(capped{11, false}, graph.Before("lm_head", doubled))} {
		params := graph.NewParams(1)
		run := func(declare func(s *graph.Scope, tokens *G.Node) *G.Node) []float32 {
			s := graph.New(params)
			y := declare(s, s.Ints("tokens", 1, 3))
			p, err := s.Compile(y)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for name, ids := range map[string][]int{"tokens": {1, 2, 3}, "targets": {4, -1, 6}} {
				if s.Lookup(name) != nil {
					if err := p.SetInts(name, ids); err != nil {
						t.Fatal(err)
					}
				}
			}
			if s.Lookup("weights") != nil {
				if err := p.SetFloats("weights", []float32{0.5, 7, 0.5}); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			return slices.Clone(p.Value(y))
		}
		logits, want := run(func(s *graph.Scope, tokens *G.Node) *G.Node { return models.Logits(m, s, tokens) }), 0.0
		for row, target := range map[int]int{0: 4, 2: 6} {
			sum := 0.0
			for _, v := range logits[row*11:][:11] {
				if sum += math.Exp(float64(v)); !(math.Abs(float64(v)) <= 2) {
					t.Errorf("a logit is %v; want within 2", v)
				}
			}
			want += (math.Log(sum) - float64(logits[row*11+target])) / 2
		}
		for _, got := range [][]float32{
			run(func(s *graph.Scope, tokens *G.Node) *G.Node {
				return models.Loss(m, s, tokens, s.Ints("targets", 1, 3))
			}),
			run(func(s *graph.Scope, tokens *G.Node) *G.Node {
				return models.WeightedLoss(m, s, tokens, s.Ints("targets", 1, 3), s.Floats("weights", 3))
			}),
		} {
			if math.Abs(float64(got[0])-want) > 1e-5 {
				t.Errorf("the loss is %v, of the logits %v", got[0], want)
			}
		}
	}
}
