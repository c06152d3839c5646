package ops_test

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/reference"
	"github.com/gorgpt/gorgpt/ops"
)

// TestWeighted compares a weighted loss that another op scales, and its gradients, with float64, for more
// rows than a chunk has, some of them without a target.
func TestWeighted(t *testing.T) {
	const rows, width, vocab, factor = 300, 3, 5, 0.7
	params := graph.NewParams(2)
	s := graph.New(params)
	x, w := s.Param("x", graph.Normal(1), rows, width), s.Param("w", graph.Normal(1), vocab, width)
	loss := ops.WeightedLinearCrossEntropy(s, x, w, s.Ints("targets", rows), s.Floats("weights", rows))
	p, err := s.CompileGrad(s.Node(G.Mul(loss, G.NewConstant(float32(factor)))))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	targets, weights := make([]int, rows), make([]float32, rows)
	for i := range rows {
		targets[i] = i%(vocab+1) - 1
		weights[i] = float32(i%7) / 10
	}
	if err := p.SetInts("targets", targets); err != nil {
		t.Fatal(err)
	}
	if err := p.SetFloats("weights", weights); err != nil {
		t.Fatal(err)
	}
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	xs, ws := reference.Float64s(params.Get("x").Data()), reference.Float64s(params.Get("w").Data())
	want := func() float64 {
		logits := reference.MatMul(xs, reference.Transpose(ws, vocab, width), rows, width, vocab)
		var sum float64
		for r := range rows {
			if targets[r] >= 0 {
				sum += float64(weights[r]) * reference.CrossEntropy(logits[r*vocab:(r+1)*vocab], targets[r:r+1], vocab)
			}
		}
		return factor * sum
	}
	if got := float64(p.Loss()); !(math.Abs(got-want()) <= 1e-5*want()) {
		t.Errorf("loss %v, want %v", got, want())
	}
	for name, values := range map[string][]float64{"x": xs, "w": ws} {
		if e := reference.GradientError(want, values, params.Get(name).GradData(), 40, 1e-3); !(e <= 1e-5) {
			t.Errorf("the gradient of %s is off by %.2g", name, e)
		}
	}
}

// TestDropoutShared: rows that belong together drop the same elements, in both passes.
func TestDropoutShared(t *testing.T) {
	const groups, share, width, rate = 50, 3, 16, 0.4
	params := graph.NewParams(1)
	s := graph.New(params, graph.Training())
	y := ops.DropoutShared(s, s.Param("x", graph.Ones(), groups*share, width), rate, share)
	p, err := s.CompileGrad(s.Node(G.Sum(y)), y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Seed(1, 2)
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	out, dropped := p.Value(y), 0
	for g := range groups {
		first := out[g*share*width:][:width]
		for k := range share {
			if row := out[(g*share+k)*width:][:width]; !slices.Equal(row, first) {
				t.Fatalf("group %d: row %d is %v, row 0 %v", g, k, row, first)
			}
		}
		for _, v := range first {
			if v == 0 {
				dropped++
			}
		}
	}
	if got := float64(dropped) / (groups * width); math.Abs(got-rate) > 0.07 {
		t.Errorf("%.2f of the elements were dropped, want %.2f", got, rate)
	}
	if !slices.Equal(params.Get("x").GradData(), out) { // x is 1 and the loss a sum, so the gradient is the mask
		t.Error("the gradient's mask is another")
	}
}
