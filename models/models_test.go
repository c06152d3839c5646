package models_test

import (
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// published are parameter counts: those of published checkpoints, and for the small models those that follow
// from their dimensions, such as V·C + T·C + L·(12C² + 13C) for gpt1-nano.
var published = map[string]int64{
	"gpt1-nano":      809_600,
	"openai-gpt":     116_534_784,
	"gpt2-nano":      804_096,
	"gpt2-minute":    737_952,
	"gpt2":           124_439_808,
	"gpt2-medium":    354_823_168,
	"gpt2-large":     774_030_080,
	"gpt2-xl":        1_557_611_200,
	"gpt3-nano":      809_856,
	"gpt3-125m":      125_226_240, // table D.1 to its digits; gpt3's test compares the exact counts with the paper's formula
	"gpt3-350m":      355_871_744,
	"gpt3-760m":      760_300_032,
	"gpt3-1.3b":      1_315_723_264,
	"gpt3-2.7b":      2_651_553_280,
	"gpt3-6.7b":      6_658_404_352,
	"gpt3-13b":       12_853_386_240,
	"gpt3-175b":      174_604_259_328,
	"gptoss-nano":    1_805_232,
	"gpt-oss-20b":    20_914_757_184,  // 20.9B according to OpenAI, of which 3,608,307,264 are active, without the token embedding
	"gpt-oss-120b":   116_829_156_672, // 116.8B, of which 5,132,849,472 are active
	"llama-nano":     746_752,
	"stories260k":    260_032,
	"stories15m":     15_191_712,
	"stories110m":    109_529_856,
	"smollm2-135m":   134_515_008, // the model cards: 135M, 362M, 1.71B
	"smollm2-360m":   361_821_120,
	"smollm2-1.7b":   1_711_376_384,
	"tinyllama-1.1b": 1_100_048_384, // the paper: 1.1B
	"llama-2-7b":     6_738_415_616, // Meta states 6.74B, 69.0B, 8.03B, 1.24B and 3.21B
	"llama-2-70b":    68_976_648_192,
	"llama-3-8b":     8_030_261_248,
	"llama-3.2-1b":   1_235_814_400,
	"llama-3.2-3b":   3_212_749_824,
	"mixtral-nano":   2_381_184,
	"mixtral-8x7b":   46_702_792_704,  // of which 12,879,925,248 are active
	"mixtral-8x22b":  140_620_634_112, // 141B according to Mistral AI
	"nanochat-nano":  803_072,
	"nanochat-d20":   560_988_160, // nanochat's README: 561M, and 1.88B
	"nanochat-d32":   1_879_048_192,
}

// TestAll declares every model with its gradients, counts its parameters, and reads its config.json back.
func TestAll(t *testing.T) {
	all, err := models.All()
	if err != nil || len(all) != len(published) {
		t.Errorf("%d models, %v, want %d", len(all), err, len(published))
	}
	for _, m := range all {
		params := graph.NewParams(1)
		s := graph.New(params, graph.Training())
		context := models.DimsOf(m.Model).Context
		if _, err := s.CompileGrad(models.Loss(m.Model, s, s.Ints("tokens", 1, context), s.Ints("targets", 1, context))); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if params.Count() != published[m.Name] {
			t.Errorf("%s: %d parameters, want %d", m.Name, params.Count(), published[m.Name])
		}
		data, err := models.JSON(models.WithDropout(m.Model, 0.25), 5)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := models.Parse(data); err != nil || got != models.WithDropout(m.Model, 0.25) {
			t.Errorf("%s: read back as %+v, %v", m.Name, got, err)
		}
		d := models.Dims{Vocab: 7, Context: 5, Width: 8, Layers: 2, Heads: 2}
		if got := models.WithDims(m.Model, d); models.DimsOf(got) != d || models.Validate(got) != nil {
			t.Errorf("%s: with other sizes it is %+v, %v", m.Name, got, models.Validate(got))
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{`, "config.json: unexpected end of JSON input"},
		{`{"model_type": "gpt2", "n_layer": 3000000}`, "gpt2: the number of layers is 3000000, want at most 1000"},
		{`{"model_type": "openai-gpt", "n_embd": 1152921504606846976, "n_head": 1}`, "gpt1: the width is 1152921504606846976, want at most 16777216"},
		{`{"model_type": "bert"}`, `config.json: model_type is "bert", want gpt2 or gpt3 or gpt_neo or gpt_oss or llama or mixtral or nanochat or openai-gpt`},
		{`{"model_type": "openai-gpt", "afn": "gelu_new"}`, `gpt1: afn is "gelu_new", want gelu, relu, silu, swish`},
		{`{"model_type": "openai-gpt", "n_head": 7}`, "gpt1: width 768 is not a multiple of 7 heads"},
		{`{"model_type": "openai-gpt", "n_layer": -1}`, "gpt1: the number of layers is -1, want 1 or more"},
		{`{"model_type": "openai-gpt", "embd_pdrop": 1}`, "gpt1: a dropout rate of 1 is not in [0, 1); it is embd_pdrop"},
	} {
		if _, err := models.Parse([]byte(c.config)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.config, err, c.want)
		}
	}
	const want = `unknown model "gpt2-medum"; did you mean "gpt2-medium"?`
	if _, err := models.Find("gpt2-medum"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A model of the catalogue is declared with a small custom vocabulary.
func ExampleFind() {
	m, err := models.Find("openai-gpt")
	if err != nil {
		fmt.Println(err)
		return
	}
	d := models.DimsOf(m)
	d.Vocab, d.Layers = 1000, 2
	params := graph.NewParams(1)
	s := graph.New(params)
	logits := models.Logits(models.WithDims(m, d), s, s.Ints("tokens", 1, 512))
	fmt.Println(logits.Shape(), params.Get("h.1.ln_2.bias").Shape(), params.Count())
	// Output: (512, 1000) (768) 15336960
}

// TestPointer: a pointer to a configuration is accepted as that model; a pointer to anything else is an error.
func TestPointer(t *testing.T) {
	c := gpt2.New(11, 4, 8, 1, 2)
	c.Tied = false
	params := graph.NewParams(1)
	if err := models.Declare(&c, params); err != nil || params.Get(models.HeadName) == nil {
		t.Errorf("an untied model by its pointer: %v, parameters %v", err, params.Names())
	}
	if got := models.DimsOf(&c); got != models.DimsOf(c) {
		t.Errorf("sizes by a pointer are %+v", got)
	}
	var none *gpt2.Config
	for want, m := range map[string]models.Model{"models: the model is a <nil>; want a struct": nil, "models: the model is a *gpt2.Config; want a struct": none} {
		if err := models.Declare(m, graph.NewParams(1)); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
