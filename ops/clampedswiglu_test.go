package ops_test

import (
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// clampedSwiGLU computes gpt-oss's formula.
func clampedSwiGLU(gate, up, limit float64) float64 {
	gate, up = min(gate, limit), min(max(up, -limit), limit)
	return (up + 1) * gate / (1 + math.Exp(-1.702*gate))
}

// TestClampedSwiGLU compares values with the formula, including inputs beyond each limit.
func TestClampedSwiGLU(t *testing.T) {
	const rows, width = 5, 34
	random := rand.New(rand.NewPCG(1, 2))
	s := graph.New(graph.NewParams(1))
	u := s.Floats("u", rows, 2*width)
	y := ops.ClampedSwiGLU(s, u, 7)
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	x := make([]float32, rows*2*width)
	beyond := 0
	for i := range x {
		if x[i] = float32(8 * random.NormFloat64()); x[i] > 7 || x[i] < -7 {
			beyond++
		}
	}
	if err := p.SetFloats("u", x); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for i, got := range p.Value(y) {
		want := clampedSwiGLU(float64(x[2*i]), float64(x[2*i+1]), 7)
		if d := math.Abs(float64(got) - want); !(d <= tolerance*max(1, math.Abs(want))) {
			t.Errorf("of %v and %v it is %v, want %v", x[2*i], x[2*i+1], got, want)
		}
	}
	if beyond < 50 {
		t.Errorf("only %d of %d numbers are beyond the limits", beyond, len(x))
	}
}

// TestClampedSwiGLUSlopes: gradients match finite differences within the limits and beyond them, and pieces
// of sequences get the same results as whole ones.
func TestClampedSwiGLUSlopes(t *testing.T) {
	for _, limit := range []float64{0.3, 1.1, 7} {
		f := func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			return ops.ClampedSwiGLU(s, s.Floats("u", batch*context, 10), limit)
		}
		err := graph.CheckGrad(graph.GradCheck{Seed: 3}, func(s *graph.Scope) *G.Node {
			s.SetSequence(2, 6)
			return f(s)
		})
		if err != nil {
			t.Errorf("limit %v: %v", limit, err)
		}
		if err := graph.CheckPieces(graph.PiecesCheck{}, f); err != nil {
			t.Errorf("limit %v: %v", limit, err)
		}
	}
}

func TestClampedSwiGLUErrors(t *testing.T) {
	for want, declare := range map[string]func(s *graph.Scope) *G.Node{
		"ClampedSwiGLU: u is (2, 5), the limit 7; want (N, 2I), and above 0": func(s *graph.Scope) *G.Node { return ops.ClampedSwiGLU(s, s.Floats("u", 2, 5), 7) },
		"ClampedSwiGLU: u is (2, 4), the limit 0; want (N, 2I), and above 0": func(s *graph.Scope) *G.Node { return ops.ClampedSwiGLU(s, s.Floats("u", 2, 4), 0) },
	} {
		s := graph.New(graph.NewParams(1))
		declare(s)
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// A gate of 3 with an up of 1, and a gate of 9, clamped to 7, with an up of −9, clamped to −7.
func ExampleClampedSwiGLU() {
	show(func(s *graph.Scope, x *G.Node) *G.Node { return ops.ClampedSwiGLU(s, x, 7) }, 3, 1, 9, -9)
	// Output: (1, 2) [5.964 -42.000]
}
