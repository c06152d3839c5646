package graph

import (
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// double declares 2x, with a gradient.
func double(s *Scope, x *G.Node) *G.Node {
	op := Op{
		Name: "Double",
		Out:  x.Shape(),
		Run: func(a *Args) error {
			for i, v := range a.Floats(0) {
				a.Out(0)[i] = 2 * v
			}
			return nil
		},
	}
	op.Grad = func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{double(s, grad)} }
	return s.Apply(op, x)
}

// TestPlanReuses: a chain of ops of any length alternates between two buffers, and an output keeps its own.
func TestPlanReuses(t *testing.T) {
	s := New(NewParams(1))
	x := s.Floats("x", 16)
	y := x
	var kept *G.Node
	for i := range 20 {
		y = double(s, y)
		if i == 3 {
			kept = y
		}
	}
	p, err := s.Compile(y, kept)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if want := int64(3 * 16 * 4); p.PlannedBytes() != want {
		t.Errorf("%d bytes, want %d", p.PlannedBytes(), want)
	}
	if err := p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if got := p.Value(y)[7]; got != 8*(1<<20) {
			t.Errorf("y ends in %v", got)
		}
		if got := p.Value(kept)[7]; got != 8*(1<<4) {
			t.Errorf("the fourth ends in %v", got)
		}
	}
}

// TestPlanHeldByBuiltins: a built-in op may work in place, so its inputs are kept until its result has been read.
func TestPlanHeldByBuiltins(t *testing.T) {
	s := New(NewParams(1))
	x := s.Floats("x", 4)
	a := double(s, x)                     // 2x
	sum := G.Must(G.Add(a, a))            // 4x, perhaps in a's buffer
	b := double(s, double(s, x))          // 4x, must not be in a's buffer
	y := double(s, G.Must(G.Add(sum, b))) // 16x
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if got := p.Value(y); !slices.Equal(got, []float32{16, 32, 48, 64}) {
			t.Errorf("y = %v", got)
		}
	}
}

// TestGradientsSink: the gradients of both uses of a parameter are accumulated in place, and the sum of them
// that Gorgonia's Grad declared is not run.
func TestGradientsSink(t *testing.T) {
	params := NewParams(1)
	s := New(params)
	w := s.Param("w", Ones(), 4)
	use := func(factor float32) *G.Node {
		return s.Apply(Op{
			Name: "Use",
			Out:  tensor.Shape{4},
			Run: func(a *Args) error {
				for i, v := range a.Floats(0) {
					a.Out(0)[i] = factor * v
				}
				return nil
			},
			Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
				return G.Nodes{s.Apply(Op{
					Name:        "UseGrad",
					Out:         tensor.Shape{4},
					Accumulates: true,
					Run: func(a *Args) error {
						dst, alpha, beta := a.Accumulate(0)
						for i := range dst {
							dst[i] = beta*dst[i] + alpha*factor*a.Floats(0)[i]
						}
						return nil
					},
				}, grad)}
			},
		}, w)
	}
	loss := G.Must(G.Sum(G.Must(G.HadamardProd(use(2), use(3))))) // Σ 6w², with derivative 12w
	p, err := s.CompileGrad(loss)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.gradients[0].added != nil {
		t.Error("the uses do not add themselves")
	}
	for _, n := range p.machine.stages[0].graph.AllNodes() {
		if n.Op() != nil && n.Op().String() == addition {
			t.Error("the sum is run")
		}
	}
	for _, weight := range []float32{1, 0.5} {
		if err := p.RunGrad(weight); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if got := params.Get("w").GradData(); !slices.Equal(got, []float32{18, 18, 18, 18}) {
		t.Errorf("gradient %v, want 18", got)
	}
}

// TestTick: it is an error if a machine runs ops in a different order than planned.
func TestTick(t *testing.T) {
	s := New(NewParams(1))
	y := double(s, s.Floats("x", 4))
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", make([]float32, 4)); err != nil {
		t.Fatal(err)
	}
	y.Op().(*nodeOp).order = 2
	if err := p.Run(); err == nil || err.Error() != "Double: runs as op 1 of the program, planned as 2" {
		t.Errorf("error %v", err)
	}
}
