package gptneo_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
	"github.com/gorgpt/gorgpt/models/gptneo"
)

// tolMoved bounds the difference of float32 logits between a model and its conversion, relative to the
// largest; 6e-7 was measured, with condition numbers of up to 130.
const tolMoved = 4e-6

// A new model, whose biases are 0, is converted without loss.
func ExampleFrom() {
	c := gpt3.New(11, 8, 16, 2, 4) // heads of size 4: scores are halved
	params := graph.NewParams(1)
	if err := models.Declare(c, params); err != nil {
		fmt.Println(err)
		return
	}
	neo, weights, loss, err := gptneo.From(c, params, false)
	fmt.Println(neo.Types, neo.Window, weights.Get("h.1.attn.attention.q_proj.weight").Shape(), loss, err)
	// Output: {global,local 1} 256 (16, 16) {false 0 0} <nil>
}

// random returns random parameters of a model, with the queries' bias set to 0 unless queryBias is set.
func random(t *testing.T, c gpt3.Config, queryBias bool) *graph.Params {
	t.Helper()
	params := graph.NewParams(1)
	if err := models.Declare(c, params); err != nil {
		t.Fatal(err)
	}
	for n, p := range params.All() {
		for i := range p.Data() {
			p.Data()[i] += float32(0.5 * math.Sin(float64(1+n*31+i*i)))
		}
		if strings.HasSuffix(p.Name(), "c_attn.bias") && !queryBias {
			clear(p.Data()[:c.Width])
		}
	}
	return params
}

// logits returns the logits of a sequence that is longer than the bands.
func logits(t *testing.T, m models.Model, params *graph.Params) []float32 {
	t.Helper()
	tokens := []int{3, 1, 4, 1, 5, 9, 2, 6, 5}
	s := graph.New(params)
	out := models.Logits(m, s, s.Ints("tokens", 1, len(tokens)))
	p, err := s.Compile(out)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", tokens); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(out))
}

// TestFrom: a GPT-3 and the GPT-Neo made from it have the same logits, whatever the bands, biases and scales.
func TestFrom(t *testing.T) {
	for name, test := range map[string]struct {
		change    func(c *gpt3.Config)
		queryBias bool
		rounded   bool
	}{
		"biases":          {func(c *gpt3.Config) {}, false, true},
		"no biases":       {func(c *gpt3.Config) { c.Bias = false }, false, true},
		"a power of two":  {func(c *gpt3.Config) { c.Width, c.Heads = 16, 4 }, false, false},
		"bias of queries": {func(c *gpt3.Config) {}, true, true},
		"dense":           {func(c *gpt3.Config) { c.Order, c.Window = "dense", 0 }, true, true},
		"banded":          {func(c *gpt3.Config) { c.Order, c.Window = "banded", 1 }, false, true},
		"untied":          {func(c *gpt3.Config) { c.Tied = false }, false, true},
		"by layer":        {func(c *gpt3.Config) { c.ScaleByLayer, c.Inner, c.Activation = true, 10, gpt2.GELUErf }, true, true},
		"unscaled":        {func(c *gpt3.Config) { c.Scaled = false }, false, false},
	} {
		c := gpt3.New(13, 9, 12, 4, 4)
		c.Window = 3
		test.change(&c)
		params := random(t, c, test.queryBias)
		neo, moved, loss, err := gptneo.From(c, params, test.queryBias)
		if err != nil || models.Validate(neo) != nil {
			t.Errorf("%s: %v, %v", name, err, models.Validate(neo))
			continue
		}
		if loss.Rounded != test.rounded || (loss.Condition > 1) != test.queryBias {
			t.Errorf("%s: lost %+v", name, loss)
		}
		want, got := logits(t, c, params), logits(t, neo, moved)
		off, scale := 0.0, 0.0
		for i, v := range want {
			off = math.Max(off, math.Abs(float64(got[i]-v)))
			scale = math.Max(scale, math.Abs(float64(v)))
		}
		if !(off <= tolMoved*scale) {
			t.Errorf("%s: logits are off by %.2g of %.2g, lost %+v", name, off, scale, loss)
		}
	}
}

// TestFromErrors: a query bias without permission to convert it is an error, and so is a bias that no
// shift of ln_1 can produce.
func TestFromErrors(t *testing.T) {
	c := gpt3.New(13, 9, 12, 2, 4)
	params := random(t, c, true)
	clear(params.Get("h.0.attn.c_attn.bias").Data())
	_, _, _, err := gptneo.From(c, params, false)
	if !errors.Is(err, gptneo.ErrQueryBias) || err.Error() != "h.1.attn.c_attn: queries have a bias, which GPT-Neo has no place for" {
		t.Error(err)
	}
	w := params.Get("h.1.attn.c_attn.weight").Data()
	for row := range c.Width { // two equal columns in W_q
		w[row*3*c.Width+1] = w[row*3*c.Width]
	}
	_, _, _, err = gptneo.From(c, params, true)
	if err == nil || !strings.HasPrefix(err.Error(), "h.1.attn.c_attn: the queries' weights have a condition number of ") {
		t.Error(err)
	}
}
