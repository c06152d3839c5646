package graph_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// regression declares mean((x·w + b)²) over x (3, 2).
func regression(s *graph.Scope) *G.Node {
	y := layers.Linear(s.At("fc"), s.Floats("x", 3, 2), 4, layers.Weights{Init: graph.Normal(1)})
	return G.Must(G.Mean(G.Must(G.Square(y))))
}

// compileRegression compiles regression with its gradients and sets its input.
func compileRegression(t *testing.T) (*graph.Params, *graph.Program) {
	t.Helper()
	params := graph.NewParams(1)
	s := graph.New(params)
	p, err := s.CompileGrad(regression(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6}); err != nil {
		t.Fatal(err)
	}
	return params, p
}

func TestErrorsStick(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 4, 6)
	y := layers.Linear(s.At("h.%d", 3).At("fc"), x, 5, layers.Weights{})
	z := ops.Add(s.At("h.3"), x, y)
	ops.Add(s.At("later"), z, y)
	const want = "h.3: Add: the shapes (4, 6) and (4, 5) differ"
	if s.Err() == nil || s.Err().Error() != want {
		t.Errorf("error %v\nwant  %s", s.Err(), want)
	}
	if _, err := s.Compile(z); err == nil || err.Error() != want {
		t.Errorf("Compile: error %v, want the first", err)
	}
}

// TestNode: Gorgonia's errors stick like this package's, and its nodes have a path.
func TestNode(t *testing.T) {
	s := graph.New(graph.NewParams(1)).At("h.0")
	x := s.Floats("x", 2, 3)
	s.Node(G.Tanh(x))
	nodes := s.Nodes()
	if n := nodes[len(nodes)-1]; n.Path != "h.0" || n.FLOPs != 6 {
		t.Errorf("%+v", n)
	}
	s.Node(G.Mul(x, x))
	if s.Err() == nil || !strings.HasPrefix(s.Err().Error(), "h.0: Gorgonia: ") {
		t.Errorf("error %v", s.Err())
	}
	s = graph.New(graph.NewParams(1)).At("h.1")
	s.Node(nil, nil)
	if s.Err() == nil || s.Err().Error() != "h.1: Gorgonia: the result is nil; want a node" {
		t.Errorf("error %v", s.Err())
	}
}

func TestDeclarationErrors(t *testing.T) {
	for _, c := range []struct {
		declare func(s *graph.Scope)
		want    string
	}{
		{func(s *graph.Scope) { s.Floats("x", 2); s.Floats("x", 2) }, "input x is declared twice"},
		{func(s *graph.Scope) { s.Floats("x") }, "input x: shape () needs dimensions of 1 or more"},
		{func(s *graph.Scope) { s.Param("w", graph.Zeros(), 2); s.Param("w", graph.Zeros(), 3) }, "w is declared twice in one graph; to share a parameter, pass its node on (or Scope.Shared)"},
		{func(s *graph.Scope) { s.Param("w", graph.Zeros(), 2); s.Param("w", graph.Zeros(), 2) }, "w is declared twice in one graph; to share a parameter, pass its node on (or Scope.Shared)"},
		{func(s *graph.Scope) { s.Param("w", graph.Zeros(), 2); s.Param("w", graph.Ones(), 2) }, "w is declared twice in one graph; to share a parameter, pass its node on (or Scope.Shared)"},
		{func(s *graph.Scope) { s.At("a").Param("w", graph.Zeros(), 2, -1) }, "a.w: shape (2, -1) has a dimension below 1"},
		{func(s *graph.Scope) { s.Param("w", graph.Zeros()) }, "w: a parameter needs at least one dimension"},
		{func(s *graph.Scope) {
			s.At("a").Apply(graph.Op{Name: "Mine", Out: tensor.Shape{2}}, s.Floats("x", 2), nil)
		}, "a: Mine: input 1 is nil; want a node"},
		{func(s *graph.Scope) { s.At("a").AddExtra(nil, tensor.Shape{2}, false, 0) }, "a: AddExtra: the node is nil; want a node"},
	} {
		s := graph.New(graph.NewParams(1))
		c.declare(s)
		if s.Err() == nil || s.Err().Error() != c.want {
			t.Errorf("error %v\nwant  %s", s.Err(), c.want)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		declare func(s *graph.Scope) *G.Node
		want    string
	}{
		{func(s *graph.Scope) *G.Node {
			s.Param("unused", graph.Zeros(), 2)
			return regression(s)
		}, "unused: the loss does not depend on this parameter, so it would never be trained"},
		{func(s *graph.Scope) *G.Node { return s.Floats("x", 2, 2) }, "graph: the loss has shape (2, 2), want a scalar"},
		{func(*graph.Scope) *G.Node { return nil }, "graph: the loss is nil; want a scalar node"},
		{func(s *graph.Scope) *G.Node {
			x := s.Floats("x")
			s.At("a").Floats("y")
			return x
		}, "input x: shape () needs dimensions of 1 or more"},
		{func(s *graph.Scope) *G.Node {
			x := s.At("deep").Apply(graph.Op{Name: "Broken", Run: func(*graph.Args) error { return nil }, Grad: func(G.Nodes, *G.Node, *G.Node) G.Nodes { panic("not yet") }}, s.Param("w", graph.Ones(), 2))
			return x
		}, "deep: Broken: its gradient panicked: not yet"},
	} {
		s := graph.New(graph.NewParams(1))
		if _, err := s.CompileGrad(c.declare(s)); err == nil || err.Error() != c.want {
			t.Errorf("error %v\nwant  %s", err, c.want)
		}
	}
	s := graph.New(graph.NewParams(1))
	if _, err := s.Compile(s.Floats("x", 2), nil); err == nil || err.Error() != "graph: output 1 is nil; want a node" {
		t.Errorf("error %v", err)
	}
	s = graph.New(graph.NewParams(1))
	loss := regression(s)
	if _, err := s.CompileGrad(loss); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compile(loss); err == nil {
		t.Error("a graph was compiled twice")
	}
}

func TestInputErrors(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	p, err := s.CompileGrad(regression(s))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, c := range []struct {
		err  error
		want string
	}{
		{p.Run(), "graph: input x was given no values"},
		{valueBefore(p), ""},
		{p.SetFloats("y", nil), `graph: no input "y" of type []float32; the inputs are ["x"]`},
		{p.SetInts("x", nil), `graph: no input "x" of type []int; the inputs are []`},
		{p.SetFloats("x", make([]float32, 5)), "graph: input x has 5 values, want 6 for shape (3, 2)"},
		{p.SetFloats("x", make([]float32, 6)), ""},
		{p.RunGrad(1), ""},
	} {
		got := ""
		if c.err != nil {
			got = c.err.Error()
		}
		if got != c.want {
			t.Errorf("error %q, want %q", got, c.want)
		}
	}
}

// valueBefore returns an error unless a program that has not run has the loss NaN.
func valueBefore(p *graph.Program) error {
	if l := p.Loss(); l == l {
		return fmt.Errorf("loss %v before the first run, want NaN", l)
	}
	return nil
}

// TestGradientAccumulates: RunGrad adds the weighted gradient to what is there, and Run leaves it unchanged.
func TestGradientAccumulates(t *testing.T) {
	params, p := compileRegression(t)
	var once, sum [2][]float32
	names := []string{"fc.weight", "fc.bias"} // the op adds to the first itself; the second is added after the run
	for _, weight := range []float32{1, 0.5} {
		if err := p.RunGrad(weight); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if weight == 1 {
				once[i] = slices.Clone(params.Get(name).GradData())
			}
			sum[i] = params.Get(name).GradData()
		}
	}
	for i, name := range names {
		for j, g := range once[i] {
			if got, want := sum[i][j], g+0.5*g; math.Abs(float64(got-want)) > 1e-6*math.Abs(float64(want)) || want == 0 {
				t.Errorf("%s: element %d: %v, want %v", name, j, got, want)
			}
		}
	}
	params.ZeroGrad()
	if got := params.Get(names[0]).GradData(); slices.Max(got) != 0 || slices.Min(got) != 0 {
		t.Error("ZeroGrad left a gradient")
	}
}

// TestSolver: a Gorgonia solver updates the weights that programs see.
func TestSolver(t *testing.T) {
	params, p := compileRegression(t)
	solver := G.NewVanillaSolver(G.WithLearnRate(0.01))
	var losses []float32
	for range 5 {
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, p.Loss())
		if err := solver.Step(params.ValueGrads()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.IsSortedFunc(losses, func(a, b float32) int { return int(1e6 * (b - a)) }) || losses[4] > 0.8*losses[0] {
		t.Errorf("losses %v do not fall", losses)
	}
}

// TestConcurrentPrograms runs several programs over one store at the same time; run it with -race too. They
// include one of Gorgonia's matrix products, which changes its operand's header while it runs.
func TestConcurrentPrograms(t *testing.T) {
	params := graph.NewParams(1)
	const workers, runs = 3, 20
	var group sync.WaitGroup
	losses := make([][]float32, workers)
	for w := range workers {
		s := graph.New(params)
		x := s.Floats("x", 3, 2)
		y := G.Must(G.Mul(x, s.Param("w", graph.Normal(1), 2, 4)))
		loss := G.Must(G.Mean(G.Must(G.Square(layers.Linear(s.At("fc"), y, 5, layers.Weights{})))))
		p, err := s.CompileGrad(loss)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6}); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for range runs {
				if err := p.Run(); err != nil {
					t.Error(err)
					return
				}
				losses[w] = append(losses[w], p.Loss())
			}
		})
	}
	group.Wait()
	for w := range workers {
		if len(losses[w]) != runs || !slices.Equal(losses[w], losses[0]) || losses[w][0] == 0 {
			t.Errorf("program %d: losses %v, want %v", w, losses[w], losses[0])
		}
	}
}

// TestOutputIsSafe: an output that a built-in op overwrites in place (gorgonia#499) is read before that.
func TestOutputIsSafe(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 2, 2)
	y := ops.Scale(s, x, 2)
	z := G.Must(G.Add(y, y)) // may overwrite y
	p, err := s.Compile(y, z)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for run := range 2 {
		if err := p.SetFloats("x", []float32{1, 2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		if got := p.Value(y); !slices.Equal(got, []float32{2, 4, 6, 8}) {
			t.Errorf("run %d: y = %v", run, got)
		}
		if got := p.Value(z); !slices.Equal(got, []float32{4, 8, 12, 16}) {
			t.Errorf("run %d: z = %v", run, got)
		}
	}
}

// TestPanicInOp: a panic while the machine runs is returned as an error with the path.
func TestPanicInOp(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 2)
	y := s.At("deep").Apply(graph.Op{
		Name: "Broken",
		Out:  tensor.Shape{2},
		Run:  func(a *graph.Args) error { _ = a.Floats(0)[7]; return nil },
	}, x)
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	const want = "deep: Broken: runtime error: index out of range [7] with length 2"
	if err := p.Run(); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}

// TestViewsAreRead: an op of this module that follows a built-in Slice or Transpose, whose value may be a
// strided view, reads the right elements.
func TestViewsAreRead(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 2, 3)
	column := ops.Scale(s.At("a"), G.Must(G.Slice(x, nil, G.S(1, 3))), 1)
	turned := ops.Scale(s.At("b"), G.Must(G.Transpose(x)), 1)
	p, err := s.Compile(column, turned)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if got := p.Value(column); !slices.Equal(got, []float32{2, 3, 5, 6}) {
		t.Errorf("columns: %v", got)
	}
	if got := p.Value(turned); !slices.Equal(got, []float32{1, 4, 2, 5, 3, 6}) {
		t.Errorf("transposed: %v", got)
	}
}

func TestNodes(t *testing.T) {
	params := graph.NewParams(1)
	s := graph.New(params)
	p, err := s.CompileGrad(regression(s))
	if err != nil {
		t.Fatal(err)
	}
	var linear, gradW *graph.Node
	for _, n := range p.Nodes() {
		switch n.Op {
		case "Linear":
			linear = &n
		case "LinearGradW":
			gradW = &n
		}
	}
	if linear == nil || linear.Path != "fc" || linear.FLOPs != 2*3*2*4 || linear.Bytes != 4*3*4 || linear.Grad || len(linear.Inputs) != 3 {
		t.Errorf("Linear: %+v", linear)
	}
	if gradW == nil || gradW.Path != "fc" || !gradW.Grad {
		t.Errorf("LinearGradW: %+v", gradW)
	}
	if total := graph.Sum(p.Nodes()); total.Params != 2*4+4 || total.FLOPs < linear.FLOPs+gradW.FLOPs {
		t.Errorf("total: %+v", total)
	}
}
