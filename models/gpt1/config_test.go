package gpt1_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
)

// parse reads a config.json of GPT-1.
func parse(data []byte) (gpt1.Config, error) {
	m, err := models.Parse(data)
	c, _ := m.(gpt1.Config)
	return c, err
}

func TestJSON(t *testing.T) {
	other := gpt1.New(65, 64, 128, 4, 4)
	other.Activation, other.AttentionDropout, other.EmbedDropout, other.ResidualDropout = "swish", 0.2, 0.3, 0.4
	other.Epsilon, other.InitStd = 1e-6, 0.1
	for _, c := range []gpt1.Config{tiny(), other} {
		data, err := models.JSON(c, 12)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(data); err != nil || got != c {
			t.Errorf("%+v, %v\nwant %+v", got, err, c)
		}
	}
	for _, c := range []struct {
		ends []int
		want string
	}{{[]int{0}, "0"}, {[]int{5}, "5"}, {[]int{-1}, "null"}, {nil, "null"}, {[]int{0, 5}, "[0,5]"}} {
		data, err := models.JSON(tiny(), c.ends...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			End json.RawMessage `json:"eos_token_id"`
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		var end bytes.Buffer
		if err := json.Compact(&end, got.End); err != nil || end.String() != c.want {
			t.Errorf("%v: eos_token_id %s, %v, want %s", c.ends, end.String(), err, c.want)
		}
	}
}

// TestParseJSON compares with what transformers 5.24's AutoConfig reads from the same files.
func TestParseJSON(t *testing.T) {
	for data, change := range map[string]func(c *gpt1.Config){
		`{"model_type": "openai-gpt"}`:                                                                                                      func(*gpt1.Config) {},
		`{"model_type": "openai-gpt", "num_attention_heads": 4, "n_head": 6}`:                                                               func(c *gpt1.Config) { c.Heads = 4 },
		`{"model_type": "openai-gpt", "hidden_size": 24, "num_hidden_layers": 2}`:                                                           func(c *gpt1.Config) { c.Width, c.Layers = 24, 2 },
		`{"model_type": "openai-gpt", "max_position_embeddings": 8, "n_ctx": 9}`:                                                            func(c *gpt1.Config) { c.Context = 8 },
		`{"model_type": "openai-gpt", "afn": "relu", "vocab_size": 7}`:                                                                      func(c *gpt1.Config) { c.Activation, c.Vocab = gpt1.ReLU, 7 },
		`{"model_type": "openai-gpt", "n_special": 0, "predict_special_tokens": true, "eos_token_id": [1, 2], "summary_type": "cls_index"}`: func(*gpt1.Config) {},
	} {
		want := models.WithDropout(gpt1.New(40478, 512, 768, 12, 12), 0.1).(gpt1.Config)
		change(&want)
		if got, err := parse([]byte(data)); err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", data, got, err, want)
		}
	}
	for data, want := range map[string]string{
		`{"model_type": "openai-gpt", "afn": "gelu_new"}`:             `gpt1: afn is "gelu_new", want gelu, relu, silu, swish`,
		`{"model_type": "openai-gpt", "activation_function": "relu"}`: `gpt1: config.json: unknown key "activation_function". It may change what the model computes; if not, remove it from the file`,
		`{"model_type": "openai-gpt", "n_layer": null}`:               "gpt1: config.json: key n_layer: it is null, want a value",
		`{`: "config.json: unexpected end of JSON input",
	} {
		if _, err := parse([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant  %s", data, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		change func(*gpt1.Config)
		want   string
	}{
		{func(c *gpt1.Config) { c.Context = 0 }, "gpt1: the context is 0, want 1 or more"},
		{func(c *gpt1.Config) { c.Heads = 5 }, "gpt1: width 12 is not a multiple of 5 heads"},
		{func(c *gpt1.Config) { c.EmbedDropout = 1 }, "gpt1: a dropout rate of 1 is not in [0, 1); it is embd_pdrop"},
		{func(c *gpt1.Config) { c.AttentionDropout = -0.1 }, "gpt1: a dropout rate of -0.1 is not in [0, 1); it is attn_pdrop"},
		{func(c *gpt1.Config) { c.ResidualDropout = math.NaN() }, "gpt1: a dropout rate of NaN is not in [0, 1); it is resid_pdrop"},
		{func(c *gpt1.Config) { c.Activation = "" }, `gpt1: afn is "", want gelu, relu, silu, swish`},
		{func(c *gpt1.Config) { c.Epsilon = 0 }, "gpt1: layer_norm_epsilon is 0, want a number above 0"},
		{func(c *gpt1.Config) { c.InitStd = -1 }, "gpt1: initializer_range is -1, want 0 or more"},
	} {
		config := tiny()
		c.change(&config)
		if err := models.Validate(config); err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
	if err := models.Validate(tiny()); err != nil {
		t.Error(err)
	}
}

func TestWith(t *testing.T) {
	d := models.Dims{Vocab: 7, Context: 5, Width: 6, Layers: 1, Heads: 2}
	if got := models.WithDims(tiny(), d); models.DimsOf(got) != d || got.(gpt1.Config).Epsilon != 1e-5 {
		t.Errorf("%+v", got)
	}
	c := models.WithDropout(tiny(), 0.25).(gpt1.Config)
	if c.EmbedDropout != 0.25 || c.AttentionDropout != 0.25 || c.ResidualDropout != 0.25 {
		t.Errorf("%+v", c)
	}
}

// TestGraphAt: the logits of the requested rows equal those rows of all logits.
func TestGraphAt(t *testing.T) {
	c, params := tiny(), graph.NewParams(3)
	tokens := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	run := func(rows []int) []float32 {
		s := graph.New(params)
		in := s.Ints("tokens", batch, context)
		out := models.Logits(c, s, in)
		if rows != nil {
			s = graph.New(params)
			out = models.LogitsAt(c, s, s.Ints("tokens", batch, context), s.Ints("rows", len(rows)))
		}
		p, err := s.Compile(out)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetInts("tokens", tokens); err != nil {
			t.Fatal(err)
		}
		if rows != nil {
			if err := p.SetInts("rows", rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(p.Value(out))
	}
	all := run(nil)
	got := run([]int{9, 0, 4})
	want := slices.Concat(all[9*c.Vocab:10*c.Vocab], all[:c.Vocab], all[4*c.Vocab:5*c.Vocab])
	if !slices.Equal(got, want) {
		t.Errorf("rows 9, 0, 4 are %v, want %v", got, want)
	}
}

// TestDropoutRates: each of the three rates changes the training loss and nothing else.
func TestDropoutRates(t *testing.T) {
	loss := func(c gpt1.Config, step uint64, options ...graph.Option) float32 {
		s := graph.New(graph.NewParams(5), options...)
		p, err := s.CompileGrad(models.Loss(c, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for n, param := range s.Params().All() {
			for i := range param.Data() {
				param.Data()[i] += float32(math.Sin(float64(1+n*31+i))) / 3
			}
		}
		for _, name := range []string{"tokens", "targets"} {
			if err := p.SetInts(name, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}); err != nil {
				t.Fatal(err)
			}
		}
		p.Seed(3, step)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return p.Loss()
	}
	plain := loss(tiny(), 0)
	if got := loss(tiny(), 0, graph.Training()); got != plain {
		t.Errorf("training with rates of 0: loss %v, want %v", got, plain)
	}
	for name, set := range map[string]func(*gpt1.Config){
		"embedding": func(c *gpt1.Config) { c.EmbedDropout = 0.3 },
		"attention": func(c *gpt1.Config) { c.AttentionDropout = 0.3 },
		"residual":  func(c *gpt1.Config) { c.ResidualDropout = 0.3 },
	} {
		c := tiny()
		set(&c)
		if got := loss(c, 1); got != plain {
			t.Errorf("%s: evaluation: loss %v, want %v", name, got, plain)
		}
		first := loss(c, 1, graph.Training())
		if again := loss(c, 1, graph.Training()); again != first || first == plain {
			t.Errorf("%s: losses %v, %v, without %v", name, first, again, plain)
		}
		if other := loss(c, 2, graph.Training()); other == first {
			t.Errorf("%s: another step has the same loss", name)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	data, err := models.JSON(tiny(), 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"model_type": "openai-gpt", "n_head": 0, "hidden_size": null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parse(data); err == nil && models.Validate(c) != nil {
			t.Errorf("accepted %+v", c)
		}
	})
}
