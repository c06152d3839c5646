package gpt2_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/reference"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// tolGradient bounds relative errors of a whole float32 model against float64; 1e-6 to 4e-6 were measured.
const tolGradient = 2e-5

// tiny is the model whose gradients are checked; all its dimensions differ.
func tiny() gpt2.Config { return gpt2.New(13, 7, 12, 2, 3) }

const tinyBatch, tinyContext = 2, 5

// tinyBatchIDs returns a batch for tiny.
func tinyBatchIDs(seed uint64) (tokens, targets []int) {
	random := rand.New(rand.NewPCG(seed, 1))
	for range tinyBatch * tinyContext {
		tokens = append(tokens, random.IntN(13))
		targets = append(targets, random.IntN(13))
	}
	return tokens, targets
}

// program declares c over params and compiles it with gradients.
func program(t testing.TB, c gpt2.Config, params *graph.Params, batch, context int, options ...graph.Option) *graph.Program {
	t.Helper()
	s := graph.New(params, options...)
	p, err := s.CompileGrad(models.Loss(c, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// set sets the tokens and targets of a batch.
func set(t testing.TB, p *graph.Program, tokens, targets []int) {
	t.Helper()
	if err := p.SetInts("tokens", tokens); err != nil {
		t.Fatal(err)
	}
	if err := p.SetInts("targets", targets); err != nil {
		t.Fatal(err)
	}
}

// randomise changes every parameter so that it matters, including biases and gains.
func randomise(params *graph.Params) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, p := range params.All() {
		for i := range p.Data() {
			p.Data()[i] += float32(0.3 * random.NormFloat64())
		}
	}
}

// values copies the weights to float64.
func values(params *graph.Params) map[string][]float64 {
	p := make(map[string][]float64)
	for _, param := range params.All() {
		p[param.Name()] = reference.Float64s(param.Data())
	}
	return p
}

// refLoss computes the loss of c in plain float64.
func refLoss(c gpt2.Config, p map[string][]float64, tokens, targets []int, batch, context int) float64 {
	norm := func(name string, x []float64) []float64 {
		return reference.LayerNorm(x, p[name+".weight"], p[name+".bias"], c.Epsilon)
	}
	linear := func(name string, x []float64, from, to int) []float64 {
		return reference.Linear(x, p[name+".weight"], p[name+".bias"], from, to)
	}
	activation := map[gpt2.Activation]func(float64) float64{
		gpt2.GELU: reference.GELU, gpt2.GELUErf: reference.GELUErf, gpt2.ReLU: reference.ReLU,
		gpt2.SiLU:      func(x float64) float64 { return x / (1 + math.Exp(-x)) },
		gpt2.QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	}[c.Activation]
	w, inner := c.Width, 4*c.Width
	if c.Inner > 0 {
		inner = c.Inner
	}
	x := reference.AddPositions(reference.Embed(p["wte.weight"], tokens, w), p["wpe.weight"], context, w)
	for l := range c.Layers {
		h := fmt.Sprintf("h.%d.", l)
		a := linear(h+"attn.c_attn", norm(h+"ln_1", x), w, 3*w)
		for i := range a { // the reference divides scores by √D, so the queries are scaled to compensate
			if i%(3*w) < w {
				if !c.Scaled {
					a[i] *= math.Sqrt(float64(w / c.Heads))
				}
				if c.ScaleByLayer {
					a[i] /= float64(l + 1)
				}
			}
		}
		a = reference.Attention(a, batch, context, c.Heads, w, 0)
		x = reference.Add(x, linear(h+"attn.c_proj", a, w, w))
		m := reference.Map(activation, linear(h+"mlp.c_fc", norm(h+"ln_2", x), w, inner))
		x = reference.Add(x, linear(h+"mlp.c_proj", m, inner, w))
	}
	logits := reference.MatMul(norm("ln_f", x), reference.Transpose(p["wte.weight"], c.Vocab, w), batch*context, w, c.Vocab)
	return reference.CrossEntropy(logits, targets, c.Vocab)
}

// TestGradient compares the loss with the float64 model's, and the gradient of every parameter with central
// differences of that model, over three steps that move the weights.
func TestGradient(t *testing.T) {
	noBias := tiny()
	noBias.Bias = false
	noBias.Activation = gpt2.GELUErf
	other, mistral := tiny(), tiny()
	other.Inner, other.Activation, other.Scaled = 10, gpt2.SiLU, false
	mistral.Inner, mistral.Activation, mistral.ScaleByLayer = 50, gpt2.QuickGELU, true
	for name, c := range map[string]gpt2.Config{"as OpenAI's": tiny(), "as nanoGPT's": noBias, "narrow and unscaled": other, "scaled by layer": mistral} {
		t.Run(name, func(t *testing.T) {
			params := graph.NewParams(5)
			p := program(t, c, params, tinyBatch, tinyContext)
			for step := range 3 {
				randomise(params)
				tokens, targets := tinyBatchIDs(uint64(step))
				set(t, p, tokens, targets)
				params.ZeroGrad()
				if err := p.RunGrad(1); err != nil {
					t.Fatal(err)
				}
				w := values(params)
				loss := func() float64 { return refLoss(c, w, tokens, targets, tinyBatch, tinyContext) }
				if e := reference.Worst([]float32{p.Loss()}, []float64{loss()}); !(e < tolGradient) {
					t.Errorf("step %d: loss %v, want %v", step, p.Loss(), loss())
				}
				for _, param := range params.All() {
					e := reference.GradientError(loss, w[param.Name()], params.Get(param.Name()).GradData(), 60, 1e-3)
					if !(e < tolGradient) {
						t.Errorf("step %d: gradient of %s: relative error %.1e", step, param.Name(), e)
					}
				}
			}
		})
	}
}

// TestBuiltins compares every element of every gradient with the same model composed of Gorgonia's ops in
// float64 and differentiated by Gorgonia.
func TestBuiltins(t *testing.T) {
	c := tiny()
	params := graph.NewParams(5)
	p := program(t, c, params, tinyBatch, tinyContext)
	randomise(params)
	tokens, targets := tinyBatchIDs(9)
	set(t, p, tokens, targets)
	params.ZeroGrad()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	m := newBuiltin(t, c, params, tokens, targets, tinyBatch, tinyContext)
	loss, grads := m.run(t)
	if e := reference.Worst([]float32{p.Loss()}, []float64{loss}); !(e < tolGradient) {
		t.Errorf("loss %v, want %v", p.Loss(), loss)
	}
	for _, param := range params.All() {
		if e := reference.Worst(params.Get(param.Name()).GradData(), grads[param.Name()]); !(e < tolGradient) {
			t.Errorf("gradient of %s: relative error %.1e", param.Name(), e)
		}
	}
}

// logitsProgram compiles the logits of c.
func logitsProgram(t testing.TB, c gpt2.Config, params *graph.Params, batch, context int) (*graph.Program, *G.Node) {
	t.Helper()
	s := graph.New(params)
	logits := models.Logits(c, s, s.Ints("tokens", batch, context))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, logits
}
