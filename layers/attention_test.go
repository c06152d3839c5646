package layers_test

import (
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
