package graph_test

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestWrongGrad: if an op's Grad returns something wrong, compiling the graph reports it with the op's path.
func TestWrongGrad(t *testing.T) {
	for _, c := range []struct {
		name string
		op   graph.Op
		want string
	}{
		{"nil", graph.Op{Grad: func(G.Nodes, *G.Node, *G.Node) G.Nodes { return nil }},
			"its Grad returned 0 nodes, want 2, one for each input"},
		{"too few", graph.Op{Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad} }},
			"its Grad returned 1 nodes, want 2, one for each input"},
		{"too many", graph.Op{Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad, grad, grad} }},
			"its Grad returned 3 nodes, want 2, one for each input"},
		{"a nil", graph.Op{Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{grad, nil} }},
			"its Grad returned nil for input 1, want a node of shape (2, 3)"},
		{"a shape", graph.Op{Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{G.Must(G.Sum(grad, 0)), grad} }},
			"its Grad returned (3) of float32 for input 0, want (2, 3) of float32"},
		{"a type", graph.Op{Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{grad, G.NewMatrix(grad.Graph(), tensor.Int, G.WithShape(2, 3), G.WithName("i"))}
		}},
			"its Grad returned (2, 3) of int for input 1, want (2, 3) of float32"},
		{"a constant", graph.Op{Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{constant(1, 2, 3, 4, 5, 6), grad} }},
			"its Grad returned a constant for input 0, want a node of the graph"},
		{"another graph", graph.Op{Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{grad, graph.New(graph.NewParams(1)).Floats("z", 2, 3)}
		}},
			"its Grad returned z of another graph for input 1, want a node of the graph"},
		{"a panic", graph.Op{Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { panic("oh\nno") }},
			"its gradient panicked: oh no"},
		{"none at all", graph.Op{},
			"it has no Grad, which the gradient of w needs"},
	} {
		s := graph.New(graph.NewParams(1))
		w := s.Param("w", graph.Ones(), 2, 3)
		c.op.Name, c.op.Out = "Mine", tensor.Shape{2, 3}
		c.op.Run = func(a *graph.Args) error { return nil }
		y := s.At("h.%d", 3).At("act").Apply(c.op, ops.Scale(s, w, 2), w)
		// The loss also depends on w in another way, for which Gorgonia would find a gradient.
		_, err := s.CompileGrad(s.Node(G.Sum(ops.Add(s, y, w))))
		if want := "h.3.act: Mine: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", c.name, err, want)
		}
	}
}

// constant returns a matrix (2, 3) that belongs to no graph yet.
func constant(x ...float32) *G.Node {
	return G.NewConstant(tensor.New(tensor.WithShape(2, 3), tensor.WithBacking(x)))
}

// TestStrangers: a node without a graph, or of another graph, cannot be a loss or an output.
func TestStrangers(t *testing.T) {
	other := graph.New(graph.NewParams(1)).Floats("z", 2, 3)
	for _, c := range []struct {
		compile func(s *graph.Scope) (*graph.Program, error)
		want    string
	}{
		{func(s *graph.Scope) (*graph.Program, error) { return s.Compile(constant(1, 2, 3, 4, 5, 6)) },
			"graph: output 0 is a constant; want a node of this graph"},
		{func(s *graph.Scope) (*graph.Program, error) { return s.Compile(s.Floats("x", 1), other) },
			"graph: output 1 is z of another graph; want a node of this graph"},
		{func(s *graph.Scope) (*graph.Program, error) { return s.CompileGrad(G.NewConstant(float32(1))) },
			"graph: the loss is a constant; want a node of this graph"},
		{func(s *graph.Scope) (*graph.Program, error) { return s.CompileGrad(other) },
			"graph: the loss is z of another graph; want a node of this graph"},
	} {
		if _, err := c.compile(graph.New(graph.NewParams(1))); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// TestConstantIDs: constants, including ids, can be inputs of an op, which can still be differentiated.
func TestConstantIDs(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	ids := G.NewConstant(tensor.New(tensor.WithShape(2), tensor.WithBacking([]int{1, 1})))
	y := ops.Add(s, ops.Embed(s, ids, s.Param("w", graph.Ones(), 2, 3)), constant(1, 2, 3, 4, 5, 6))
	p, err := s.CompileGrad(s.Node(G.Sum(y)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	if got := s.Params().Get("w").GradData(); p.Loss() != 27 || !slices.Equal(got, []float32{0, 0, 0, 2, 2, 2}) {
		t.Errorf("loss %v, gradient %v", p.Loss(), got)
	}
}

// TestNoRun: an op without a Run is reported when it is declared.
func TestNoRun(t *testing.T) {
	s := graph.New(graph.NewParams(1)).At("act")
	nodes := s.ApplyAll(graph.Op{Name: "Mine", Out: tensor.Shape{2}, Extra: []tensor.Shape{{3}}}, s.Floats("x", 2))
	if len(nodes) != 2 || s.Err() == nil || s.Err().Error() != "act: Mine: it has no Run" {
		t.Errorf("%d nodes, error %v", len(nodes), s.Err())
	}
}

// TestRowWise: an op cannot be row-wise in more inputs than it has.
func TestRowWise(t *testing.T) {
	for rows, want := range map[int]string{2: "act: Mine: RowWise is 2; want 0 to its 1 inputs", -1: "act: Mine: RowWise is -1; want 0 to its 1 inputs"} {
		s := graph.New(graph.NewParams(1)).At("act")
		s.Apply(graph.Op{Name: "Mine", Out: tensor.Shape{2}, RowWise: rows, Run: func(*graph.Args) error { return nil }}, s.Floats("x", 2))
		if s.Err() == nil || s.Err().Error() != want {
			t.Errorf("%v, want %s", s.Err(), want)
		}
	}
}

// TestNoWay: if the loss depends on a parameter only through an op without a gradient, the error names both;
// a parameter that also gets a gradient in another way is no error.
func TestNoWay(t *testing.T) {
	for _, c := range []struct {
		name string
		loss func(s *graph.Scope, w *G.Node) *G.Node
		want string
	}{
		{"Sign", func(s *graph.Scope, w *G.Node) *G.Node { return s.At("act").Node(G.Sign(w)) },
			"act: Gorgonia's sign: it has no gradient, so w, which the loss depends on through it alone, would never be trained"},
		{"Detach", func(s *graph.Scope, w *G.Node) *G.Node { return ops.Detach(s.At("act"), w) },
			"act: Detach: it has no gradient, so w, which the loss depends on through it alone, would never be trained"},
		{"Sign beside w", func(s *graph.Scope, w *G.Node) *G.Node { return ops.Add(s, s.Node(G.Sign(w)), w) }, ""},
		{"Detach beside w", func(s *graph.Scope, w *G.Node) *G.Node { return ops.Add(s, ops.Detach(s, ops.Scale(s, w, 3)), w) }, ""},
	} {
		s := graph.New(graph.NewParams(1))
		p, err := s.CompileGrad(s.Node(G.Sum(c.loss(s, s.Param("w", graph.Ones(), 2, 3)))))
		if c.want != "" {
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		defer p.Close()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		if got := s.Params().Get("w").GradData()[0]; got != 1 {
			t.Errorf("%s: gradient %v, want 1", c.name, got)
		}
	}
}

// TestPanics: a panic inside one of Gorgonia's own ops is an error of the run that names the place, and the
// program can run again.
func TestPanics(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 1, 3, 1)
	y := s.At("h.%d", 0).Node(G.Slice(x, G.S(0, 1), G.S(1), G.S(0, 1)))
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := p.Run()
		if err == nil || !strings.HasPrefix(err.Error(), "h.0: Gorgonia's T[0:1") || !strings.Contains(err.Error(), ": it panicked: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v", err)
		}
	}
}
