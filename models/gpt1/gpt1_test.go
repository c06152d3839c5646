package gpt1_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/reference"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
)

const batch, context = 2, 5

func tiny() gpt1.Config { return gpt1.New(13, 7, 12, 2, 3) }

// loss64 computes GPT-1 and its loss in float64, written from the paper as an independent check of the graph.
func loss64(c gpt1.Config, p map[string][]float64, tokens, targets []int) float64 {
	x := reference.Embed(p["tokens_embed.weight"], tokens, c.Width)
	x = reference.AddPositions(x, p["positions_embed.weight"], context, c.Width)
	linear := func(x []float64, name string, from, to int) []float64 {
		return reference.Linear(x, p[name+".weight"], p[name+".bias"], from, to)
	}
	norm := func(x []float64, name string) []float64 {
		return reference.LayerNorm(x, p[name+".weight"], p[name+".bias"], c.Epsilon)
	}
	for i := range c.Layers {
		h := fmt.Sprintf("h.%d.", i)
		a := reference.Attention(linear(x, h+"attn.c_attn", c.Width, 3*c.Width), batch, context, c.Heads, c.Width, 0)
		x = norm(reference.Add(x, linear(a, h+"attn.c_proj", c.Width, c.Width)), h+"ln_1")
		m := reference.Map(reference.GELU, linear(x, h+"mlp.c_fc", c.Width, 4*c.Width))
		x = norm(reference.Add(x, linear(m, h+"mlp.c_proj", 4*c.Width, c.Width)), h+"ln_2")
	}
	logits := reference.MatMul(x, reference.Transpose(p["tokens_embed.weight"], c.Vocab, c.Width), len(tokens), c.Width, c.Vocab)
	return reference.CrossEntropy(logits, targets, c.Vocab)
}

// TestGradient compares the loss with the float64 model's, and the gradient of every parameter with central
// differences of that model.
func TestGradient(t *testing.T) {
	const tolLoss, tolGradient = 1e-6, 1e-4
	c := tiny()
	params := graph.NewParams(1)
	s := graph.New(params, graph.Training())
	p, err := s.CompileGrad(models.Loss(c, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	weights := make(map[string][]float64)
	for n, param := range params.All() {
		for i := range param.Data() {
			param.Data()[i] += float32(math.Sin(float64(1+n*31+i))) / 3 // so that biases and gains matter
		}
		weights[param.Name()] = reference.Float64s(param.Data())
	}
	var tokens, targets []int
	for i := range batch * context {
		tokens, targets = append(tokens, (i*5+3)%c.Vocab), append(targets, (i*7+1)%c.Vocab)
	}
	for name, ids := range map[string][]int{"tokens": tokens, "targets": targets} {
		if err := p.SetInts(name, ids); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	loss := func() float64 { return loss64(c, weights, tokens, targets) }
	if want := loss(); math.Abs(float64(p.Loss())-want) > tolLoss*want {
		t.Errorf("loss %v, want %v", p.Loss(), want)
	}
	for _, param := range params.All() {
		if e := reference.GradientError(loss, weights[param.Name()], param.GradData(), 12, 1e-3); !(e <= tolGradient) {
			t.Errorf("the gradient of %s is off by %.2g", param.Name(), e)
		}
	}
}

// TestErrors: the error of an invalid model names the layer, the op and the shapes.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		config  gpt1.Config
		context int
		want    string
	}{
		{gpt1.New(13, 8, 10, 2, 3), 4, "h.0.attn: Attention: width 10 is not a multiple of 3 heads; x is (8, 10)"},
		{gpt1.New(13, 8, 12, 2, 3), 9, "positions_embed: AddPositions: a context of 9 does not fit the 8 positions of the table"},
	} {
		s := graph.New(graph.NewParams(1))
		models.Logits(c.config, s, s.Ints("tokens", 2, c.context))
		if err := s.Err(); err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
}

// OpenAI's model is declared and its parameters are counted, without allocating a weight.
func ExampleConfig_Body() {
	c := gpt1.New(40478, 512, 768, 12, 12)
	params := graph.NewParams(1)
	s := graph.New(params)
	logits := models.Logits(c, s, s.Ints("tokens", 1, 512))
	fmt.Println(logits.Shape(), params.Count(), params.Get("h.11.ln_2.weight").Shape())
	// Output: (512, 40478) 116534784 (768)
}
