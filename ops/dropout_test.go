package ops_test

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/reference"
	"github.com/gorgpt/gorgpt/ops"
)

// TestDropout: an element is dropped with the given probability and otherwise scaled by 1/(1-rate), the same
// in both passes; another step, seed or scope draws another mask.
func TestDropout(t *testing.T) {
	const n, rate = 40000, 0.1
	run := func(path string, seed, step uint64) []float32 {
		params := graph.NewParams(1)
		s := graph.New(params, graph.Training())
		y := ops.Dropout(s.At("%s", path), s.Param("x", graph.Ones(), n), rate)
		p, err := s.CompileGrad(must(t)(G.Sum(y)), y)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.Seed(seed, step)
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Value(y), params.Get("x").GradData()) {
			t.Error("the mask differs backward")
		}
		return slices.Clone(p.Value(y))
	}
	first := run("a", 1, 1)
	dropped := 0
	for i, v := range first {
		if v == 0 {
			dropped++
		} else if v != float32(1/(1-rate)) {
			t.Fatalf("element %d is %v", i, v)
		}
	}
	// Four standard deviations of the binomial distribution.
	if d := math.Abs(float64(dropped) - n*rate); d > 4*math.Sqrt(n*rate*(1-rate)) {
		t.Errorf("%d of %d dropped", dropped, n)
	}
	if !slices.Equal(first, run("a", 1, 1)) {
		t.Error("the same step draws another mask")
	}
	for name, other := range map[string][]float32{"step": run("a", 1, 2), "seed": run("a", 2, 1), "scope": run("b", 1, 1)} {
		same := 0
		for i := range first {
			if first[i] == other[i] {
				same++
			}
		}
		// Independent masks agree with probability 0.9² + 0.1² = 0.82.
		if share := float64(same) / n; math.Abs(share-0.82) > 0.01 {
			t.Errorf("another %s: masks agree at %.3f of the elements, want 0.82", name, share)
		}
	}
}

// TestAttentionDropout compares attention with dropped weights with the reference under the same mask, and
// its gradient with finite differences.
func TestAttentionDropout(t *testing.T) {
	const batch, context, heads, width, rate, seed, step = 2, 5, 2, 4, 0.3, 7, 9
	params := graph.NewParams(1)
	s := graph.New(params, graph.Training()).At("attn")
	s.SetSequence(batch, context)
	x := s.Param("qkv", graph.Normal(1), batch*context, 3*width)
	y := attend(s, x, heads, heads, ops.AttentionOptions{Dropout: rate})
	p, err := s.CompileGrad(must(t)(G.Sum(must(t)(G.Square(y)))), y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Seed(seed, step)
	params.ZeroGrad()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	// The same stream as in the program: the first one with that name.
	stream := graph.New(params).At("attn").Stream("attention dropout")
	mask := kernel.NewMask(rate, seed, step, stream)
	qkv := reference.Float64s(params.Get("attn.qkv").Data())
	ref := func() []float64 {
		return reference.DroppedAttention(qkv, batch, context, heads, width, 0, func(head, t, u int) float64 {
			return float64(mask.At(uint64((head*context+t)*context + u)))
		})
	}
	if e := reference.Worst(p.Value(y), ref()); !(e < tolerance) {
		t.Errorf("value: relative error %.1e", e)
	}
	loss := func() float64 {
		sum := 0.0
		for _, v := range ref() {
			sum += v * v
		}
		return sum
	}
	if e := reference.GradientError(loss, qkv, params.Get("attn.qkv").GradData(), 200, 1e-3); !(e < tolerance) {
		t.Errorf("gradient: relative error %.1e", e)
	}
}
