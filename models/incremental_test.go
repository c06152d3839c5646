package models_test

import (
	"math"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/models/gptneo"
	"github.com/gorgpt/gorgpt/models/gptoss"
	"github.com/gorgpt/gorgpt/models/llama"
	"github.com/gorgpt/gorgpt/models/mixtral"
	"github.com/gorgpt/gorgpt/models/nanochat"
)

// tolIncremental bounds the difference of float32 logits between runs of one position at a time and one run
// over the whole sequence, relative to the largest; 1e-6 was measured. With weights seven times as large,
// rounding alone changes the logits of one of the models by 5e-6: runs over the whole sequence with AVX2 and
// in plain Go differ by as much.
const tolIncremental = 5e-6

// TestIncremental decodes token by token after a prefill of three tokens, and compares the logits with a run
// over the whole sequence. It covers positions, cached keys and values, and the scale of each block's scores.
func TestIncremental(t *testing.T) {
	mistral := gpt2.New(13, 9, 12, 3, 3)
	mistral.ScaleByLayer, mistral.Inner, mistral.Activation = true, 20, gpt2.QuickGELU
	unscaled := gpt2.New(13, 9, 12, 2, 3)
	unscaled.Scaled = false
	banded := gpt3.New(13, 9, 12, 4, 3)
	banded.Window = 2
	neo := gptneo.New(13, 9, 12, 3, 3)
	neo.Window = 4
	mix := mixtral.New(13, 9, 12, 3, 3)
	mix.KVHeads, mix.Window = 1, 4
	oss := gptoss.New(13, 9, 12, 3, 3)
	oss.KVHeads, oss.Window, oss.PerToken = 1, 4, 2
	grouped := llama.New(13, 9, 12, 3, 3)
	grouped.KVHeads, grouped.AttentionBias = 1, true
	chat := nanochat.New(13, 9, 12, 3, 3)
	chat.KVHeads = 1
	for name, m := range map[string]models.Model{
		"gpt1": gpt1.New(13, 9, 12, 2, 3), "gpt2": gpt2.New(13, 9, 12, 2, 3),
		"scaled by layer": mistral, "unscaled": unscaled, "gpt3": banded, "gptneo": neo, "mixtral": mix, "gptoss": oss, "nanochat": chat, "llama": grouped,
	} {
		tokens := []int{3, 1, 4, 1, 5, 9, 2, 6, 5}
		params := graph.NewParams(1)
		s := graph.New(params)
		out := models.Logits(m, s, s.Ints("tokens", 1, len(tokens)))
		p, err := s.Compile(out)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for n, param := range params.All() {
			for i := range param.Data() {
				param.Data()[i] += float32(0.15 * math.Sin(float64(1+n*31+i)))
			}
		}
		if err := p.SetInts("tokens", tokens); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		whole := p.Value(out)
		scale := 0.0
		for _, v := range whole {
			scale = math.Max(scale, math.Abs(float64(v)))
		}

		memory := graph.NewCache(1, len(tokens))
		for past := 0; past < len(tokens); {
			n := 1
			if past == 0 {
				n = 3
			}
			s := graph.New(params, graph.Incremental(memory))
			out := models.Logits(m, s, s.Ints("tokens", 1, n))
			p, err := s.Compile(out)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for input, ids := range map[string][]int{"tokens": tokens[past : past+n], "past": {past}} {
				if err := p.SetInts(input, ids); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for i, v := range p.Value(out) {
				if e := math.Abs(float64(v-whole[past*13+i])) / scale; !(e <= tolIncremental) {
					t.Fatalf("%s: after %d tokens, logit %d is off by %.1e", name, past, i, e)
				}
			}
			past += n
		}
	}
}
