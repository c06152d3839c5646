package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// penalty declares the mean square of x.
func penalty(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Mean(s.Node(G.Square(x)))) }

// ExampleScope_AddLoss adds a penalty on a layer's result from inside an edit.
func ExampleScope_AddLoss() {
	params := graph.NewParams(1)
	s := graph.New(params, graph.After("fc", func(s *graph.Scope, x *G.Node) *G.Node {
		s.AddLoss("penalty", penalty(s, x), 0.5)
		return x
	}))
	w := s.Param("w", graph.Ones(), 2, 2)
	x := s.At("fc").Layer(w, w.Shape(), func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, 3) })
	p, err := s.CompileGrad(s.Node(G.Sum(x)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range p.Losses() {
		fmt.Println(p.Loss(), "and", l.Weight, "of", l.Name, l.Value)
	}
	// The sum contributes 3, and the penalty half of 2·9/4.
	fmt.Println(params.Get("w").GradData())
	// Output:
	// 12 and 0.5 of fc.penalty 9
	// [5.25 5.25 5.25 5.25]
}

// TestAddLoss: several losses are added up, also with a weight of 0, and a program without
// gradients does not compute them.
func TestAddLoss(t *testing.T) {
	declare := func(weights ...float64) (*graph.Params, *graph.Scope, *G.Node) {
		params := graph.NewParams(1)
		s := graph.New(params)
		w := s.Param("w", graph.Normal(1), 3, 2)
		for i, weight := range weights {
			s := s.At("h.%d", i)
			s.AddLoss("square", penalty(s, w), weight)
		}
		return params, s, s.Node(G.Mean(ops.GELU(s, w)))
	}
	gradient := func(weights ...float64) []float32 {
		params, s, loss := declare(weights...)
		p, err := s.CompileGrad(loss)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return params.Get("w").GradData()
	}
	none, one, three := gradient(), gradient(1), gradient(1, 0, 2)
	for i := range none {
		if added := one[i] - none[i]; !near(float64(three[i]-none[i]), float64(3*added)) {
			t.Errorf("%v, with a penalty %v, with three times of it %v", none[i], one[i], three[i])
		}
	}
	shared := graph.New(graph.NewParams(1)).At("h").Shared()
	for range 3 {
		shared.AddLoss("square", penalty(shared, shared.Param("w", graph.Normal(1), 3, 2)), 1)
	}
	var names []string
	for _, l := range shared.AddedLosses() {
		names = append(names, l.Name)
	}
	if want := []string{"h.square", "h.square.use2", "h.square.use3"}; !slices.Equal(names, want) || shared.Err() != nil {
		t.Errorf("%v, want %v; %v", names, want, shared.Err())
	}
	_, s, loss := declare(1)
	p, err := s.Compile(loss)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Losses() != nil {
		t.Errorf("losses %v", p.Losses())
	}
	for want, add := range map[string]func(s *graph.Scope, w *G.Node){
		"at: AddLoss: a is (2, 2) of float32, want a scalar": func(s *graph.Scope, w *G.Node) { s.AddLoss("a", w, 1) },
		"at: AddLoss: a is nil; want a node":                 func(s *graph.Scope, w *G.Node) { s.AddLoss("a", nil, 1) },
		"at: AddLoss: a is added twice": func(s *graph.Scope, w *G.Node) {
			s.AddLoss("a", penalty(s, w), 1)
			s.AddLoss("a", penalty(s, w), 1)
		},
	} {
		s := graph.New(graph.NewParams(1)).At("at")
		if add(s, s.Param("w", graph.Ones(), 2, 2)); s.Err() == nil || s.Err().Error() != want {
			t.Errorf("error %v\nwant  %s", s.Err(), want)
		}
	}
}

// TestRetainGrad: gradients can be retained for inputs, inner nodes, and parameters, frozen or not.
func TestRetainGrad(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		params := graph.NewParams(1)
		s := graph.New(params, graph.WatchGrad("act"))
		x, w := s.Floats("x", 2, 2), s.Param("w", graph.Ones(), 2, 2)
		y := ops.Linear(s, x, w, nil) // both columns are x₁+x₂
		z := s.At("act").Layer(y, y.Shape(), func(s *graph.Scope, y *G.Node) *G.Node { return s.Node(G.Square(y)) })
		sum := ops.Add(s, z, y)
		for _, n := range []*G.Node{x, w, y} {
			s.RetainGrad(n)
		}
		if frozen {
			if err := params.Freeze("w"); err != nil {
				t.Fatal(err)
			}
		}
		p, err := s.CompileGrad(s.Node(G.Sum(sum)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{1, 2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.RunGrad(0.5); err != nil {
				t.Fatal(err)
			}
		}
		// The derivative of y² + y is 2y + 1.
		for n, want := range map[*G.Node][]float32{y: {7, 7, 15, 15}, x: {14, 14, 30, 30}, w: {7 + 45, 7 + 45, 14 + 60, 14 + 60}, sum: nil} {
			if got := p.Gradient(n); !slices.Equal(got, want) {
				t.Errorf("gradient of %v is %v, want %v", n, got, want)
			}
		}
		if seen := p.Watched()[0]; !slices.Equal(seen.Data, []float32{9, 9, 49, 49}) || !slices.Equal(seen.Grad, []float32{1, 1, 1, 1}) {
			t.Errorf("saw %v", seen)
		}
		if got := params.Get("w").GradData()[0]; got != 52 && !frozen || frozen && got != 0 {
			t.Errorf("the parameter's gradient is %v", got)
		}
	}
	for want, retain := range map[string]func(s *graph.Scope){
		"at: RetainGrad: the node is nil; want a node":                            func(s *graph.Scope) { s.RetainGrad(nil) },
		"at: RetainGrad: at.ids :: Vector int is of int, which has no gradient":   func(s *graph.Scope) { s.RetainGrad(s.Ints("ids", 2)) },
		"at: Scale: the loss does not depend on this node, so it has no gradient": func(s *graph.Scope) { s.RetainGrad(ops.Scale(s, s.Lookup("w"), 2)) },
		"at: Detach: it has no gradient, so at.x, which the loss depends on through it alone, has no gradient": func(s *graph.Scope) {
			x := s.Floats("x", 2)
			s.AddLoss("x", s.Node(G.Sum(ops.Detach(s, x))), 1)
			s.RetainGrad(x)
		},
	} {
		s := graph.New(graph.NewParams(1))
		w := s.Param("w", graph.Ones(), 2)
		retain(s.At("at"))
		if _, err := s.CompileGrad(s.Node(G.Sum(w))); err == nil || err.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
}

// ExampleScope_Shared applies one layer three times with the same weights.
func ExampleScope_Shared() {
	params := graph.NewParams(1)
	s := graph.New(params)
	x := s.Floats("x", 1, 2)
	for range 3 {
		h := s.At("h").Shared()
		x = ops.Linear(h.At("fc"), x, h.At("fc").Param("weight", graph.Ones(), 2, 2), nil)
	}
	p, err := s.CompileGrad(s.Node(G.Sum(x)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 1}); err != nil {
		fmt.Println(err)
		return
	}
	if err := p.RunGrad(1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(params.Names(), p.Loss(), params.Get("h.fc.weight").GradData())
	// Output: [h.fc.weight] 16 [12 12 12 12]
}

// TestShared: each use of a shared layer has its own memory and its own dropout.
func TestShared(t *testing.T) {
	m := graph.NewCache(1, 4)
	for range 2 { // the second graph gets the memory of the first
		s := graph.New(graph.NewParams(1), graph.Incremental(m))
		h := s.At("h").Shared()
		if a, b := h.Remember("keys", 3), h.Remember("keys", 3); &a()[0] == &b()[0] {
			t.Error("two uses remember in one place")
		}
	}
	if want := int64(4 * 2 * 4 * 3); m.Bytes() != want {
		t.Errorf("%d bytes, want %d", m.Bytes(), want)
	}
}

// TestKnownParameters: the error for a parameter that differs from its declaration in an earlier graph says
// so, and is not that for a parameter declared twice.
func TestKnownParameters(t *testing.T) {
	params := graph.NewParams(1)
	graph.New(params).Param("w", graph.Normal(1), 2, 3)
	for want, declare := range map[string]func(s *graph.Scope){
		"w: shape (3, 2), but (2, 3) in an earlier graph over these parameters; another model needs its own: graph.NewParams":             func(s *graph.Scope) { s.Param("w", graph.Normal(1), 3, 2) },
		"w: initialized from 0, but from N(0, 1) in an earlier graph over these parameters; another model needs its own: graph.NewParams": func(s *graph.Scope) { s.Param("w", graph.Zeros(), 2, 3) },
		"v: the InitFunc mine has no function": func(s *graph.Scope) { s.Param("v", graph.InitFunc("mine", nil), 2, 3) },
	} {
		s := graph.New(params)
		if declare(s); s.Err() == nil || s.Err().Error() != want {
			t.Errorf("error %v\nwant  %s", s.Err(), want)
		}
	}
}

// ExampleInitFunc initializes a parameter from a uniform distribution.
func ExampleInitFunc() {
	uniform := graph.InitFunc("U(-1, 1)", func(w []float32, shape []int, random *rand.Rand) {
		for i := range w {
			w[i] = 2*random.Float32() - 1
		}
	})
	for range 2 { // the same values in every process
		p, err := graph.NewParams(1).Declare("w", uniform, 3)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Init(), p.Data())
	}
	// Output:
	// U(-1, 1) [0.7047007 -0.7878964 0.82808244]
	// U(-1, 1) [0.7047007 -0.7878964 0.82808244]
}
