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

// Four rows: the first one belongs to group 0, the second and third to group 1, and the last to none.
func ExampleScope_Grouped() {
	params := graph.NewParams(1)
	s := graph.New(params)
	e := s.At("experts").Grouped(graph.Groups{Count: 2, PerRow: 1, Ends: s.Floats("ends", 2)})
	y := ops.Linear(e, s.Floats("x", 4, 1), e.Param("weight", graph.Ones(), 1, 2), e.Param("bias", graph.Zeros(), 2)) // (R, 2)
	p, err := s.Compile(y)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	copy(params.Get("experts.weight").Data(), []float32{1, 2, 10, 20})
	copy(params.Get("experts.bias").Data(), []float32{0, 0, 1, 1})
	p.SetFloats("ends", []float32{1, 3})
	p.SetFloats("x", []float32{1, 2, 3, 4})
	fmt.Println(p.Run(), p.Value(y), params.Get("experts.weight").Shape())
	// Output: <nil> [1 2 21 41 31 61 0 0] (2, 1, 2)
}

// A layer that reports the mean square of a value, and keeps a threshold that is updated from it.
func ExampleScope_ReportTo() {
	params := graph.NewParams(1)
	s := graph.New(params)
	x := s.Param("x", graph.Ones(), 3)
	share := s.Node(G.Mean(s.Node(G.Square(x)))) // scalar
	at := s.At("layer")
	at.ReportTo("square", ops.Detach(at, share), at.Buffer("threshold", graph.Zeros(), 1), func(data []float32, mean []float64) {
		data[0] += float32(mean[0])
	})
	p, err := s.CompileGrad(s.Node(G.Sum(x)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.RunGrad(1))
	for _, r := range p.Reports() {
		fmt.Println(r.Name, r.Value)
		r.Update([]float64{float64(r.Value[0])}) // as the trainer does
	}
	fmt.Println(params.Get("layer.threshold").Data(), params.Get("layer.threshold").Frozen())
	// Output:
	// <nil>
	// layer.square [1]
	// [1] true
}

// One penalty on the weights of two layers together.
func ExampleScope_PoolLoss() {
	s := graph.New(graph.NewParams(1))
	for i := range 2 {
		at := s.At("h.%d", i)
		at.PoolLoss("both", 0.5, func(s *graph.Scope, values []G.Nodes) *G.Node {
			return s.Node(G.Sum(s.Node(G.HadamardProd(values[0][0], values[1][0]))))
		}, at.Param("w", graph.Ones(), 3))
	}
	p, err := s.CompileGrad(s.Node(G.Sum(s.Lookup("h.0.w"))))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	fmt.Println(p.RunGrad(1), p.Losses()[0].Name, p.Losses()[0].Value, s.Params().Get("h.1.w").GradData())
	// Output: <nil> both 3 [0.5 0.5 0.5]
}

// TestGroups: each group's part of a parameter is initialized, decayed and counted as if it were a separate parameter.
func TestGroups(t *testing.T) {
	params := graph.NewParams(1)
	s := graph.New(params)
	e := s.Grouped(graph.Groups{Count: 3, PerRow: 2, Ends: s.Floats("ends", 3)})
	identity := graph.InitFunc("identity", func(w []float32, shape []int, random *rand.Rand) {
		for i := range shape[0] {
			w[i*shape[1]+i] = 1
		}
	})
	e.At("h").Param("square", identity, 2, 2)
	e.At("h").Shared().Param("bias", graph.Ones(), 4)
	if got := params.Get("h.square").Data(); !slices.Equal(got, []float32{1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1}) {
		t.Errorf("three unit matrices are %v", got)
	}
	if params.Get("h.bias").Decay() || !params.Get("h.square").Decay() || params.Get("h.bias").Groups() != 3 {
		t.Error("a bias decays, or a matrix does not")
	}
	if total := graph.Sum(s.Nodes()); total.Params != 24 || total.Active != 16 {
		t.Errorf("%d parameters, %d active, want 24 and 16", total.Params, total.Active)
	}
}

// TestBuffer: no pattern makes a buffer trainable.
func TestBuffer(t *testing.T) {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.Buffer("b", graph.Ones(), 2)
	w := s.Param("w", graph.Ones(), 2)
	if err := params.Unfreeze("*"); err != nil {
		t.Fatal(err)
	}
	p, err := s.CompileGrad(s.Node(G.Sum(s.Node(G.HadamardProd(w, s.Lookup("b"))))))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got := params.Trainable(); len(got) != 1 || got[0].Name() != "w" || p.RunGrad(1) != nil || !slices.Equal(got[0].GradData(), []float32{1, 1}) {
		t.Errorf("%v learn", got)
	}
}

// TestFrozenBuffer: a frozen buffer is not updated from a report either.
func TestFrozenBuffer(t *testing.T) {
	params := graph.NewParams(1)
	s := graph.New(params)
	w := s.Param("w", graph.Ones(), 2)
	s.ReportTo("w", ops.Detach(s, w), s.Buffer("b", graph.Ones(), 2), func(data []float32, _ []float64) { data[0]++ })
	p, err := s.CompileGrad(s.Node(G.Sum(w)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, frozen := range []bool{true, false} {
		params.Get("b").SetFrozen(frozen)
		before := params.Get("b").Data()[0]
		p.Reports()[0].Update([]float64{1, 1})
		if got := params.Get("b").Data()[0]; (got == before) != frozen {
			t.Errorf("frozen %v: the buffer went from %v to %v", frozen, before, got)
		}
	}
}

// TestReportErrors: nodes that cannot be grouped, reported or pooled give an error that says why.
func TestReportErrors(t *testing.T) {
	both := func(s *graph.Scope, values []G.Nodes) *G.Node { return values[0][0] }
	for want, declare := range map[string]func(s *graph.Scope, x *G.Node){
		"at: Grouped: Ends is nil; want a node": func(s *graph.Scope, x *G.Node) { s.Grouped(graph.Groups{Count: 2, PerRow: 1}) },
		"at: Grouped: 2 groups, 3 for a row, ends are (2); want 1 to E for a row, and (E)": func(s *graph.Scope, x *G.Node) {
			s.Grouped(graph.Groups{Count: 2, PerRow: 3, Ends: s.Floats("ends", 2)})
		},
		"at: Report: load is nil; want a node":                             func(s *graph.Scope, x *G.Node) { s.Report("load", nil) },
		"at: Report: load is (2, 2) of float32, want a scalar or a vector": func(s *graph.Scope, x *G.Node) { s.Report("load", x) },
		"at: ReportTo: at.x is not a parameter made by Scope.Buffer":       func(s *graph.Scope, x *G.Node) { s.ReportTo("load", s.Floats("y", 2), x, nil) },
		"at: Report: load is added twice": func(s *graph.Scope, x *G.Node) {
			s.Report("load", s.Floats("y", 2))
			s.Report("load", s.Lookup("at.y"))
		},
		"at: PoolLoss: pool is nil; want a node": func(s *graph.Scope, x *G.Node) { s.PoolLoss("pool", 1, both, nil) },
		"at.b: PoolLoss: pool is 2 times a loss of 1 values of each layer; want 1 times one of 2, as of the first layer": func(s *graph.Scope, x *G.Node) {
			s.PoolLoss("pool", 1, both, x, x)
			s.At("b").PoolLoss("pool", 2, both, x)
		},
		"at: PoolLoss: the loss of pool is nil; want a function": func(s *graph.Scope, x *G.Node) { s.PoolLoss("pool", 1, nil, x) },
		"at: ReportTo: update is nil; want a function": func(s *graph.Scope, x *G.Node) {
			s.ReportTo("load", s.Floats("y", 2), s.Buffer("b", graph.Zeros(), 2), nil)
		},
	} {
		s := graph.New(graph.NewParams(1)).At("at")
		declare(s, s.Floats("x", 2, 2))
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	s := graph.New(graph.NewParams(1))
	x := s.Param("x", graph.Ones(), 2, 2)
	s.PoolLoss("pool", 1, both, x)
	if _, err := s.CompileGrad(s.Node(G.Sum(x))); err == nil || err.Error() != "AddLoss: pool is (2, 2) of float32, want a scalar" {
		t.Error(err)
	}
}
