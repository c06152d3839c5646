package graph_test

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// scaling is the settings of a custom constructor.
type scaling struct{ factor float64 }

func scale(s *graph.Scope, x *G.Node, c scaling) *G.Node {
	c = graph.Settings(s, c)
	return s.Layer(x, x.Shape(), func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, c.factor) })
}

// twice declares x·f·f.
func twice(s *graph.Scope, f float64) *G.Node {
	x := scale(s.At("h.0"), s.Floats("x", 1, 2), scaling{f}) // (1, 2)
	return scale(s.At("h.1"), x, scaling{f})                 // (1, 2)
}

// valueOf runs a graph for x = 1, 2.
func valueOf(s *graph.Scope, y *G.Node) ([]float32, error) {
	p, err := s.Compile(y)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 2}); err != nil {
		return nil, err
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	return append([]float32(nil), p.Value(y)...), nil
}

// The settings of a custom constructor, which edits can change.
func ExampleEditSettings() {
	double := graph.EditSettings("EditScale", "h.0", func(c *scaling) { c.factor *= 2 })
	s := graph.New(graph.NewParams(1), double)
	fmt.Println(valueOf(s, twice(s, 3)))
	fmt.Println(graph.Edits(double))
	// Output:
	// [18 36] <nil>
	// [EditScale(h.0)]
}

// The input of the second layer is added to the result of the first.
func ExampleScope_Result() {
	s := graph.New(graph.NewParams(1), graph.After("h.1", func(s *graph.Scope, x *G.Node) *G.Node {
		return ops.Add(s, x, s.Result("0")) // (1, 2)
	}))
	fmt.Println(valueOf(s, twice(s, 3)))
	// Output: [12 24] <nil>
}

// TestEditSettingsOrder: several edits change the settings in their order, also in layers that other edits
// declare; an empty pattern matches all layers, and may match none.
func TestEditSettingsOrder(t *testing.T) {
	set := func(pattern string, f func(c *scaling)) graph.Option {
		return graph.EditSettings("EditScale", pattern, f)
	}
	s := graph.New(graph.NewParams(1),
		set("h.*", func(c *scaling) { c.factor = 5 }), set("", func(c *scaling) { c.factor *= 2 }),
		graph.Replace("h.1", func(s *graph.Scope, x *G.Node) *G.Node { return scale(s, x, scaling{100}) }),
		graph.EditSettings("EditHead", "", func(c *layers.HeadConfig) { c.SoftCap = -1 }))
	if got, err := valueOf(s, twice(s, 3)); err != nil || got[0] != 100 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestEditSettingsErrors: a pattern that matches no layer with these settings, an edit that panics, a result
// that does not exist, and an edit that is given too late are errors.
func TestEditSettingsErrors(t *testing.T) {
	linear := func(s *graph.Scope) *G.Node {
		return layers.Linear(s.At("out"), twice(s, 3), 2, layers.Weights{})
	}
	set := func(pattern string, f func(c *scaling)) graph.Option {
		return graph.EditSettings("EditScale", pattern, f)
	}
	same := func(*scaling) {}
	for want, edit := range map[string]graph.Option{
		`graph: EditScale(h.*.x): unknown layer "h.*.x"; did you mean "h.*"?`:                            set("h.*.x", same),
		`graph: EditScale(out): unknown layer "out"; want one of h.*`:                                    set("out", same), // it has settings of another type
		`h.0: EditScale(h.0): it panicked: no idea yet`:                                                  set("h.0", func(*scaling) { panic("no idea yet") }),
		`h.0: EditScale: it panicked: runtime error: invalid memory address or nil pointer dereference`:  set("", nil),
		`h.0: Result: unknown layer "wte"; want one of the layers declared before this place`:            graph.After("h.0", func(s *graph.Scope, x *G.Node) *G.Node { return s.Result("wte") }),
		`h.1: Result: unknown layer "embedding"; want one of h.*, the layers declared before this place`: graph.After("h.1", func(s *graph.Scope, x *G.Node) *G.Node { return s.Result("embedding") }),
	} {
		s := graph.New(graph.NewParams(1), edit)
		if _, err := s.Compile(linear(s)); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	s := graph.New(graph.NewParams(1))
	y := linear(s)
	s.Use(set("h.1", same))
	const want = "graph: EditScale(h.1): the layer h.1 was declared before the edit was given"
	if _, err := s.Compile(y); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
