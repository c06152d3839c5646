package graph

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// cube declares x³. Its forward run saves x² for the gradient and uses two scratch buffers.
func cube(s *Scope, x *G.Node) *G.Node {
	return s.Apply(Op{
		Name:    "Cube",
		Out:     x.Shape(),
		Saves:   []tensor.Shape{x.Shape()},
		Scratch: []tensor.Shape{x.Shape(), {1000}},
		Run: func(a *Args) error {
			for i, v := range a.Floats(0) {
				a.Scratch(0)[i] = v
				a.Scratch(1)[i] = -v // must not overlap anything else
				a.Save(0)[i] = v * v
				a.Out(0)[i] = a.Save(0)[i] * a.Scratch(0)[i]
			}
			return nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(Op{
				Name: "CubeGrad",
				Out:  x.Shape(),
				Of:   out,
				Run: func(a *Args) error {
					for i, dy := range a.Floats(0) {
						a.Out(0)[i] = 3 * a.Saved(0)[i] * dy
					}
					return nil
				},
			}, grad)}
		},
	}, x)
}

// cubes compiles a loss on w with two cubes and doubles between them, and its gradient.
func cubes(options ...Option) (*Params, *Program, error) {
	params := NewParams(1)
	s := New(params, options...)
	x := s.Param("w", Ones(), 40)
	for _, name := range []string{"h.0", "h.1"} {
		x = double(s.At("%s", name), cube(s.At("%s", name), double(s.At("%s", name), x)))
	}
	p, err := s.CompileGrad(G.Must(G.Sum(x)))
	return params, p, err
}

// TestSaves: what an op saves for its gradient is in planned memory that is kept until the gradient has read
// it, also if the forward run is recomputed, and if programs share their memory.
func TestSaves(t *testing.T) {
	for _, options := range [][]Option{nil, {Recompute("h.*")}} {
		params, p, err := cubes(options...)
		if err != nil {
			t.Fatal(err)
		}
		// At least two saves and the scratch of one op; both ops use the same memory for scratch.
		if got := p.PlannedBytes(); got < 4*(2*48+1000) || got > 4*(2*1000) {
			t.Errorf("%d bytes", got)
		}
		_, q, err := cubes(options...)
		if err != nil {
			t.Fatal(err)
		}
		var shared Arena
		p.Share(&shared)
		q.Share(&shared)
		for range 2 {
			params.ZeroGrad()
			for _, p := range []*Program{q, p} {
				if err := p.RunGrad(1); err != nil {
					t.Fatal(err)
				}
			}
			// y = 2(2·2(2w)³)³ = 2(32w³)³, whose derivative at 1 is 9·2·32³.
			if got := params.Get("w").GradData(); !slices.Equal(got, slices.Repeat([]float32{9 * 2 * 32 * 32 * 32}, 40)) {
				t.Fatalf("gradient %v", got)
			}
		}
		if p.Close() != nil || q.Close() != nil {
			t.Error("not closed")
		}
	}
}

// TestSavesWithoutGradient: saved values that nothing reads take memory only while their op runs.
func TestSavesWithoutGradient(t *testing.T) {
	s := New(NewParams(1))
	y := s.Floats("x", 40)
	for range 10 {
		y = cube(s, y)
	}
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(4 * (3*48 + 48 + 1008 - 0)); p.PlannedBytes() > want {
		t.Errorf("%d bytes, want at most %d", p.PlannedBytes(), want)
	}
}

// TestOfWithoutSaves: an op that refers to an op which saves nothing is an error.
func TestOfWithoutSaves(t *testing.T) {
	s := New(NewParams(1))
	x := s.Floats("x", 4)
	for _, of := range []*G.Node{x, double(s, x)} {
		s := s.At("late")
		s.err = nil
		s.Apply(Op{Name: "Late", Out: x.Shape(), Of: of, Run: func(*Args) error { return nil }}, x)
		if s.Err() == nil || !strings.HasPrefix(s.Err().Error(), "late: Late: it is Of ") || !strings.HasSuffix(s.Err().Error(), "which saves nothing (graph.Op.Saves)") {
			t.Errorf("error %v", s.Err())
		}
	}
}

// TestSavesOfNothing: saves and scratch may have no elements, but no negative dimensions.
func TestSavesOfNothing(t *testing.T) {
	for n, want := range map[int]string{0: "", -1: "at: Mine: its Saves or Scratch has shape (3, -1); want dimensions of 0 or more"} {
		s := New(NewParams(1))
		op := Op{Name: "Mine", Out: tensor.Shape{4}, Saves: []tensor.Shape{{3, n}}, Scratch: []tensor.Shape{{3, n}}, Run: func(*Args) error { return nil }}
		s.At("at").Apply(op, s.Floats("x", 4))
		if err := s.Err(); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%d: error %v, want %s", n, err, want)
		}
	}
}

// TestForAndGemm: custom ops can use the kernels through For and Gemm.
func TestForAndGemm(t *testing.T) {
	s := New(NewParams(1))
	a, b := s.Floats("a", 2, 3), s.Floats("b", 3, 2)
	y := s.Apply(Op{Name: "Product", Out: tensor.Shape{2, 2}, Run: func(v *Args) error {
		v.Gemm(false, false, 2, 2, 3, 1, v.Floats(0), 3, v.Floats(1), 2, 0, v.Out(0), 2)
		v.For(2, 1, func(lo, hi int) {
			for i := 2 * lo; i < 2*hi; i++ {
				v.Out(0)[i]++
			}
		})
		return nil
	}}, a, b)
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("a", []float32{1, 2, 3, 4, 5, 6}); err != nil {
		t.Fatal(err)
	}
	if err := p.SetFloats("b", []float32{1, 0, 0, 1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if got := p.Value(y); !slices.Equal(got, []float32{5, 6, 11, 12}) {
		t.Errorf("%v", got)
	}
}
