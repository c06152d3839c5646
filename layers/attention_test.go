package layers_test

import (
	"errors"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// tolComposed bounds the difference between two float32 forms of attention, relative to the largest
// element; 6e-7 was measured.
const tolComposed = 5e-6

// TestComposedAttention: the fused attention and the one composed of ops agree in values and gradients, with
// each option for the scores.
func TestComposedAttention(t *testing.T) {
	const batch, context, width, heads = 2, 70, 12, 3
	for name, config := range map[string]layers.AttentionConfig{
		"as it is": {}, "in a window": {Window: 5}, "scaled otherwise": {Scale: 0.7}, "of grouped queries": {KVHeads: 1}, "of heads of another size": {HeadSize: 6},
		"in four layers": {Separate: true, KVHeads: 1, Weights: bare}, "turned": {Between: turned(heads, heads, 100, nil)},
		"capped": {SoftCap: 0.5, Window: 30}, "with slopes": {Slopes: ops.ALiBi(heads)}, "with sinks": {Sinks: true, KVHeads: 1, SoftCap: 2, Slopes: ops.ALiBi(heads)},
		"with more values": {Value: func(s *graph.Scope, v *G.Node) *G.Node { return ops.Mul(s, v, v) }},
	} {
		config.Heads, config.Weights.Init = heads, graph.Normal(0.3)
		run := func() (*graph.Program, *G.Node, *graph.Params) {
			params := graph.NewParams(3)
			s := graph.New(params)
			s.SetSequence(batch, context)
			x := s.Param("x", graph.Normal(1), batch*context, width)
			y := layers.Attention(s.At("attn"), x, config)
			p, err := s.CompileGrad(G.Must(G.Mean(G.Must(G.Square(y)))), y)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			params.ZeroGrad()
			if err := p.RunGrad(1); err != nil {
				t.Fatal(err)
			}
			return p, y, params
		}
		fused, y, params := run()
		config.Composed = true
		composed, z, others := run()
		compare := func(what string, a, b []float32) {
			worst, scale := 0.0, 0.0
			for i := range a {
				worst = math.Max(worst, math.Abs(float64(a[i]-b[i])))
				scale = math.Max(scale, math.Abs(float64(a[i])))
			}
			if !(worst <= tolComposed*scale) || scale == 0 {
				t.Errorf("%s: %s differs by %.1e of %.1e", name, what, worst, scale)
			}
		}
		compare("the output", fused.Value(y), composed.Value(z))
		for _, p := range params.All() {
			compare("the gradient of "+p.Name(), p.GradData(), others.Get(p.Name()).GradData())
		}
	}
}

// TestComposedGradients: the loss depends on the weights and values that composed attention exposes. It is linear in each of
// the two, so that it equals the product with its gradient.
func TestComposedGradients(t *testing.T) {
	s := graph.New(graph.NewParams(1), graph.WatchGrad("attn.weights"), graph.WatchGrad("attn.values"))
	s.SetSequence(2, 4)
	y := layers.Attention(s.At("attn"), s.Floats("x", 2*4, 6), layers.AttentionConfig{
		Heads: 2, Composed: true, Weights: layers.BranchWeights{Init: graph.Normal(0.5), NoBias: true},
	})
	p, err := s.CompileGrad(s.Node(G.Sum(y)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	x := make([]float32, 2*4*6)
	for i := range x {
		x[i] = float32(i%7) - 2
	}
	if err := errors.Join(p.SetFloats("x", x), p.RunGrad(1)); err != nil {
		t.Fatal(err)
	}
	for _, w := range p.Watched() {
		sum := 0.0
		for i, g := range w.Grad {
			sum += float64(g) * float64(w.Data[i])
		}
		if loss := float64(p.Loss()); !(math.Abs(sum-loss) <= 1e-5*math.Abs(loss)) || loss == 0 {
			t.Errorf("%s: the product with its gradient is %v, the loss %v", w.Path, sum, loss)
		}
	}
	if len(p.Watched()) != 2 {
		t.Errorf("watched %v", p.Watched())
	}
}
