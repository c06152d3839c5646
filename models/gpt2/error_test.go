package gpt2_test

import (
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// TestErrors: the error of an invalid model names the layer, the op and the shapes.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		config         gpt2.Config
		batch, context int
		want           string
	}{
		{gpt2.New(13, 8, 10, 2, 3), 2, 4, "h.0.attn: Attention: width 10 is not a multiple of 3 heads; x is (8, 10)"},
		{gpt2.New(13, 8, 12, 2, 3), 2, 9, "wpe: AddPositions: a context of 9 does not fit the 8 positions of the table"},
		{gpt2.New(13, 8, 0, 2, 3), 2, 4, "wte.weight: shape (13, 0) has a dimension below 1"},
		{gpt2.New(13, 8, 12, 2, 3), 0, 4, "input tokens: shape (0, 4) needs dimensions of 1 or more"},
	} {
		s := graph.New(graph.NewParams(1), graph.Training())
		_, err := s.CompileGrad(models.Loss(c.config, s, s.Ints("tokens", c.batch, c.context), s.Ints("targets", c.batch, c.context)))
		if err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
}

// TestBadTokens: an id outside the vocabulary is an error of the run, and the program remains usable.
func TestBadTokens(t *testing.T) {
	params := graph.NewParams(1)
	p := program(t, tiny(), params, tinyBatch, tinyContext)
	tokens, targets := tinyBatchIDs(1)
	bad := append([]int(nil), tokens...)
	bad[3] = 13
	set(t, p, bad, targets)
	const want = "wte: Embed: id 13 at position 3 is outside the vocabulary of 13"
	if err := p.Run(); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	set(t, p, tokens, targets)
	if err := p.Run(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		change func(*gpt2.Config)
		want   string
	}{
		{func(c *gpt2.Config) { c.Context = 0 }, "gpt2: the context is 0, want 1 or more"},
		{func(c *gpt2.Config) { c.Heads = 5 }, "gpt2: width 12 is not a multiple of 5 heads"},
		{func(c *gpt2.Config) { c.EmbedDropout = 1 }, "gpt2: a dropout rate of 1 is not in [0, 1); it is embd_pdrop"},
		{func(c *gpt2.Config) { c.Activation = "gelo" }, `gpt2: activation_function is "gelo", want gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, quick_gelu, relu, relu2, silu, swish`},
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
