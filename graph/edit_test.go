package graph_test

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// model stands for a model whose source cannot be changed.
func model(s *graph.Scope) *G.Node {
	x := s.Floats("x", 2, 4)                                                                               // (N, C)
	m := layers.MLP(s.At("h.0.mlp"), x, 8, ops.GELU, layers.BranchWeights{})                               // (N, C)
	x = layers.Residual(s.At("h.0.mlp"), x, m, 0)                                                          // (N, C)
	return layers.Linear(s.At("out"), layers.LayerNorm(s.At("ln"), x, layers.Norm{}), 3, layers.Weights{}) // (N, 3)
}

// An edit may use other nodes of the graph.
func ExampleScope_Lookup() {
	s := graph.New(graph.NewParams(1), graph.After("out", func(s *graph.Scope, x *G.Node) *G.Node {
		return s.Node(G.Sub(x, s.Node(G.Mul(s.Lookup("x"), s.Lookup("out.weight"))))) // (N, 3)
	}))
	fmt.Println(model(s).Shape(), s.Lookup("nothing"))
	// Output: (2, 3) <nil>
}

// A custom constructor whose layer can be edited and watched.
func ExampleScope_Layer() {
	scaled := func(s *graph.Scope, x *G.Node) *G.Node {
		return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node {
			y := ops.Scale(s, x, 2)                                                        // (N, C)
			s.Expose("half", func(s *graph.Scope) *G.Node { return ops.Scale(s, y, 0.5) }) // (N, C)
			return y
		})
	}
	s := graph.New(graph.NewParams(1), graph.After("my", ops.ReLU), graph.Watch("my"), graph.Watch("my.half"))
	p, err := s.Compile(scaled(s.At("my"), s.Floats("x", 1, 2)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetFloats("x", []float32{-1, 3})
	if err := p.Run(); err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range p.Watched() {
		fmt.Println(w.Path, w.Data)
	}
	// Output:
	// my.half [-1 3]
	// my [0 6]
}

// A layer is replaced by its path, without touching the model's source.
func ExampleReplace() {
	s := graph.New(graph.NewParams(1), graph.Replace("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.Linear(s.At("only"), x, 4, layers.Weights{}) // (N, C)
	}))
	model(s)
	fmt.Println(s.Params().Names())
	// Output: [h.0.mlp.only.weight h.0.mlp.only.bias ln.weight ln.bias out.weight out.bias]
}

// Scale an MLP's result by a half.
func ExampleWrap() {
	s := graph.New(graph.NewParams(1), graph.Wrap("h.*.mlp", func(s *graph.Scope, x *G.Node, mlp func(*G.Node) *G.Node) *G.Node {
		return ops.Scale(s, mlp(x), 0.5) // (N, C)
	}))
	model(s)
	for _, n := range s.Nodes() {
		if n.Op != "param" {
			fmt.Println(n.Path, n.Op)
		}
	}
	// Output:
	// x input
	// h.0.mlp.c_fc Linear
	// h.0.mlp.act GELU
	// h.0.mlp.c_proj Linear
	// h.0.mlp Scale
	// h.0.mlp Add
	// ln LayerNorm
	// out Linear
}

func ExampleRemove() {
	s := graph.New(graph.NewParams(1), graph.Remove("ln"))
	model(s)
	fmt.Println(s.Params().Get("ln.weight") == nil)
	// Output: true
}

func ExampleBefore() {
	s := graph.New(graph.NewParams(1), graph.Before("out", ops.ReLU))
	model(s)
	fmt.Println(paths(s, "ReLU"))
	// Output: [out]
}

func ExampleAfter() {
	s := graph.New(graph.NewParams(1), graph.After("h.*.mlp.residual", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.LayerNorm(s.At("ln"), x, layers.Norm{}) // (N, C)
	}))
	model(s)
	fmt.Println(paths(s, "LayerNorm"))
	// Output: [h.0.mlp.residual.ln ln]
}

// The results of layers can be read without being outputs of the model.
func ExampleWatch() {
	s := graph.New(graph.NewParams(1), graph.Watch("h.*.mlp.act"), graph.Watch("ln"))
	p, err := s.Compile(model(s))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	_ = p.SetFloats("x", []float32{1, 2, 3, 4, 4, 3, 2, 1})
	if err := p.Run(); err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range p.Watched() {
		fmt.Printf("%s %v %.1f\n", w.Path, w.Shape, w.Data[:4])
	}
	// Output:
	// h.0.mlp.act (2, 8) [0.0 -0.0 0.1 -0.0]
	// ln (2, 4) [-1.3 -0.4 0.4 1.3]
}

// paths returns the paths of the nodes of an op.
func paths(s *graph.Scope, op string) (found []string) {
	for _, n := range s.Nodes() {
		if n.Op == op {
			found = append(found, n.Path)
		}
	}
	return found
}

// TestEditsNest: of several edits of one layer, the last one is outermost. Edits apply to layers that other
// edits declare, but a layer that an edit declares at the same path is not edited again.
func TestEditsNest(t *testing.T) {
	var calls []string
	wrap := func(name string) func(s *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
		return func(_ *graph.Scope, x *G.Node, layer func(*G.Node) *G.Node) *G.Node {
			calls = append(calls, name)
			return layer(x)
		}
	}
	s := graph.New(graph.NewParams(1),
		graph.Replace("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
			calls = append(calls, "replace")
			return layers.MLP(s, x, 6, ops.ReLU, layers.BranchWeights{})
		}),
		graph.Wrap("h.0.mlp", wrap("inner")),
		graph.Wrap("h.*.mlp.c_fc", wrap("below")),
		graph.Wrap("*.*.mlp", wrap("outer")),
	)
	if _, err := s.Compile(model(s)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"outer", "inner", "replace", "below"}; !slices.Equal(calls, want) {
		t.Errorf("calls %v, want %v", calls, want)
	}
	if got := s.Lookup("h.0.mlp.c_fc.weight").Shape(); got[1] != 6 {
		t.Errorf("c_fc.weight is %v, want 6 columns", got)
	}
	if s.Lookup("h.0.mlp.c_fc.weigth") != nil {
		t.Error("Lookup finds what is not there")
	}
}

// TestEditErrors: an error about shapes that no longer match names the edit that caused it; a pattern that
// matches nothing is an error.
func TestEditErrors(t *testing.T) {
	same := func(_ *graph.Scope, x *G.Node) *G.Node { return x }
	for _, c := range []struct {
		name string
		edit graph.Option
		want string
	}{
		{"shape", graph.Replace("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node { return layers.Linear(s, x, 5, layers.Weights{}) }),
			"h.0.mlp: Add: the shapes (2, 4) and (2, 5) differ (Replace(h.*.mlp) returned (2, 5) at h.0.mlp, whose layer returns (2, 4))"},
		{"nothing", graph.After("ln", func(*graph.Scope, *G.Node) *G.Node { return nil }), "ln: After(ln): it returned no node"},
		{"nothing before", graph.Before("ln", func(*graph.Scope, *G.Node) *G.Node { return nil }), "ln: Before(ln): it returned no node"},
		{"no function", graph.Replace("ln", nil), "ln: Replace(ln): it returned no node"},
		{"no function around", graph.Wrap("ln", nil), "ln: Wrap(ln): it returned no node"},
		{"panic", graph.Replace("h.*.mlp", func(*graph.Scope, *G.Node) *G.Node { panic("no idea yet") }),
			"h.0.mlp: Replace(h.*.mlp): it panicked: no idea yet"},
		{"panic with an error", graph.After("h.*.mlp.act", func(_ *graph.Scope, x *G.Node) *G.Node { return G.Must(G.Mul(x, x)) }),
			"h.0.mlp.act: After(h.*.mlp.act): it panicked: Failed to infer shape. Op: A × B: Inner dimensions do not match up"},
		{"panic in the middle", graph.Wrap("h.*.mlp", func(_ *graph.Scope, x *G.Node, mlp func(*G.Node) *G.Node) *G.Node {
			shape := mlp(x).Shape()
			return []*G.Node{x}[shape[1]]
		}), "h.0.mlp: Wrap(h.*.mlp): it panicked: runtime error: index out of range [4] with length 1"},
		{"pattern", graph.Replace("h.*.mpl", same), `graph: Replace(h.*.mpl): unknown layer "h.*.mpl"; did you mean "h.*.mlp"?`},
		{"prefix", graph.Remove("h.7.mlp"), `graph: Remove(h.7.mlp): unknown layer "h.7.mlp"; want h.0.mlp`},
		{"watch", graph.Watch("attention"), `graph: Watch(attention): unknown value "attention"; want one of h.*.mlp, h.*.mlp.c_fc, h.*.mlp.act, h.*.mlp.c_proj, h.*.mlp.residual, ln, out`},
		{"inside", graph.Replace("out", func(s *graph.Scope, x *G.Node) *G.Node {
			return layers.MLP(s, ops.Scale(s, x, 2), 0, ops.ReLU, layers.BranchWeights{})
		}),
			"out.c_fc.weight: shape (4, 0) has a dimension below 1"},
	} {
		s := graph.New(graph.NewParams(1), c.edit)
		if _, err := s.Compile(model(s)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", c.name, err, c.want)
		}
	}
}

// TestPanicOfInnerEdit: the error of nested edits names the edit that panicked, and later layers are still edited.
func TestPanicOfInnerEdit(t *testing.T) {
	var seen []string
	s := graph.New(graph.NewParams(1),
		graph.Replace("h.*.mlp.act", func(*graph.Scope, *G.Node) *G.Node { panic("inner") }),
		graph.After("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
			seen = append(seen, s.Path())
			return x
		}),
		graph.After("ln", func(s *graph.Scope, x *G.Node) *G.Node {
			seen = append(seen, s.Path())
			return x
		}),
	)
	_, err := s.Compile(model(s))
	if want := "h.0.mlp.act: Replace(h.*.mlp.act): it panicked: inner"; err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if want := []string{"h.0.mlp", "ln"}; !slices.Equal(seen, want) {
		t.Errorf("edits at %v, want %v", seen, want)
	}
}

// TestWatch: a watched value equals that of the same node as an output, also in a graph with gradients, which
// watching does not change.
func TestWatch(t *testing.T) {
	run := func(options ...graph.Option) (*graph.Program, *G.Node, []float32) {
		params := graph.NewParams(1)
		s := graph.New(params, options...)
		y := model(s)
		p, err := s.CompileGrad(s.Node(G.Mean(s.Node(G.Square(y)))), y)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		if err := p.SetFloats("x", []float32{1, -2, 3, 4, 4, 3, 2, 1}); err != nil {
			t.Fatal(err)
		}
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return p, y, params.Get("h.0.mlp.c_fc.weight").GradData()
	}
	plain, y, gradient := run()
	watching, _, same := run(graph.Watch("out"), graph.Watch("h.*.mlp.*"))
	seen := watching.Watched()
	if len(seen) != 5 {
		t.Fatalf("%d values seen, want those of c_fc, act, c_proj, residual and out", len(seen))
	}
	if last := seen[4]; last.Path != "out" || !slices.Equal(last.Data, plain.Value(y)) {
		t.Errorf("%s is seen as %v, want %v", last.Path, last.Data, plain.Value(y))
	}
	if !slices.Equal(gradient, same) {
		t.Error("watching changes a gradient")
	}
}

// TestEditNewShape: an edit may return another shape if the layers after it accept it.
func TestEditNewShape(t *testing.T) {
	s := graph.New(graph.NewParams(1), graph.Replace("h.*.mlp.c_fc", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.Linear(s, x, 5, layers.Weights{})
	}))
	if _, err := s.CompileGrad(s.Node(G.Mean(model(s)))); err != nil {
		t.Fatal(err)
	}
	if got := s.Lookup("h.0.mlp.c_proj.weight").Shape(); got[0] != 5 {
		t.Errorf("c_proj.weight is %v, want 5 rows", got)
	}
}
