package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// needBFloat16 skips a test if the machine has no bfloat16 products; with GORGPT_ISA=generic, every
// machine has them, in plain Go.
func needBFloat16(t *testing.T) {
	t.Helper()
	if err := graph.BFloat16.Check(); err != nil {
		t.Skip(err)
	}
}

// twoLayers returns the results of two linear layers, "first" applied to x (2, 3) and "second" to the result
// of "first". No weight is exact in bfloat16.
func twoLayers(t *testing.T, options ...graph.Option) (first, second []float32) {
	t.Helper()
	params := graph.NewParams(1)
	s := graph.New(params, options...)
	layer := func(s *graph.Scope, x *G.Node) *G.Node {
		w := s.Param("weight", graph.InitFunc("thirds", func(data []float32, _ []int, _ *rand.Rand) {
			for i := range data {
				data[i] = float32(i+1) / 3
			}
		}), 3, 3)
		return ops.Linear(s, x, w, nil)
	}
	y := layer(s.At("first"), s.Floats("x", 2, 3))
	z := layer(s.At("second"), y)
	p, err := s.Compile(y, z)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", []float32{1, 0, 0, 0, 1.0 / 3, 0}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y)), slices.Clone(p.Value(z))
}

// TestCompute: where a pattern matches, the operands of products are rounded, but the results are not; the
// last option takes precedence.
func TestCompute(t *testing.T) {
	needBFloat16(t)
	first, second := twoLayers(t)
	// ⅓, ⅔ and 1 rounded to 8 bits, and the result for the second row: products of two 8-bit numbers, exact in 16 bits.
	rounded := []float32{0.333984375, 0.66796875, 1, 0.333984375 * 1.3359375, 0.333984375 * 1.6640625, 0.333984375 * 2}
	if slices.Equal(first, rounded) {
		t.Fatal("the numbers of the test are not rounded at all")
	}
	for _, c := range []struct {
		name                        string
		options                     []graph.Option
		firstRounded, secondRounded bool
	}{
		{"nothing", nil, false, false},
		{"float32", []graph.Option{graph.Compute(graph.Float32)}, false, false},
		{"all", []graph.Option{graph.Compute(graph.BFloat16)}, true, true},
		{"one", []graph.Option{graph.Compute(graph.BFloat16, "first")}, true, false},
		{"two patterns", []graph.Option{graph.Compute(graph.BFloat16, "fi*", "s*")}, true, true},
		{"all but one", []graph.Option{graph.Compute(graph.BFloat16), graph.Compute(graph.Float32, "first")}, false, true},
	} {
		y, z := twoLayers(t, c.options...)
		if c.firstRounded && !slices.Equal(y, rounded) || !c.firstRounded && !slices.Equal(y, first) {
			t.Errorf("%s: the first layer gives %v", c.name, y)
		}
		if !c.firstRounded && c.secondRounded == slices.Equal(z, second) {
			t.Errorf("%s: the second layer gives %v", c.name, z)
		}
	}
}

// TestComputeInFloat32: a scope with InFloat32 uses float32, and so do the scopes below it.
func TestComputeInFloat32(t *testing.T) {
	needBFloat16(t)
	s := graph.New(graph.NewParams(1), graph.Compute(graph.BFloat16))
	exact := s.At("h.0").InFloat32()
	for name, c := range map[string]struct{ got, want graph.Precision }{
		"outside": {s.At("h.0").Precision(), graph.BFloat16},
		"inside":  {exact.Precision(), graph.Float32},
		"below":   {exact.At("mlp").Precision(), graph.Float32},
		"shared":  {exact.Shared().Precision(), graph.Float32},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// TestComputeRefused: a pattern that matches nothing and an invalid precision are errors.
func TestComputeRefused(t *testing.T) {
	compile := func(o graph.Option) error {
		s := graph.New(graph.NewParams(1), o)
		_, err := s.Compile(ops.Scale(s.At("h.0"), s.Floats("x", 2, 2), 2))
		return err
	}
	if err := compile(graph.Compute(graph.Float32, "h.1")); fmt.Sprint(err) != "graph: Compute(float32, h.1): no scope matches" {
		t.Error(err)
	}
	if err := compile(graph.Compute(graph.Precision(9))); fmt.Sprint(err) != "graph: Compute: Precision(9) is not a precision" {
		t.Error(err)
	}
}

// TestInstructions: each instruction set is listed once, and that of float32 comes first.
func TestInstructions(t *testing.T) {
	alone := graph.Instructions()
	if alone == "" || strings.Contains(alone, ",") || graph.Instructions(graph.Compute(graph.Float32)) != alone {
		t.Errorf("of float32 they are %q and %q", alone, graph.Instructions(graph.Compute(graph.Float32)))
	}
	needBFloat16(t)
	both := graph.Instructions(graph.Compute(graph.BFloat16, "h.0"), graph.Compute(graph.BFloat16, "h.1"))
	if want := alone + ", " + graph.BFloat16.ISA(); both != want && alone != graph.BFloat16.ISA() {
		t.Errorf("of both they are %q, want %q", both, want)
	}
}

// TestParsePrecision: auto selects what is available, and the error for an unknown name lists the known ones.
func TestParsePrecision(t *testing.T) {
	if p, err := graph.ParsePrecision("float32"); p != graph.Float32 || err != nil {
		t.Errorf("float32: %v, %v", p, err)
	}
	has := graph.BFloat16.Check() == nil
	if p, err := graph.ParsePrecision("auto"); err != nil || (p == graph.BFloat16) != (has && graph.BFloat16.ISA() != "generic") {
		t.Errorf("auto: %v, %v, where bf16 is to be had: %v", p, err, has)
	}
	if _, err := graph.ParsePrecision("bf16"); (err == nil) != has {
		t.Errorf("bf16: %v, where it is to be had: %v", err, has)
	}
	if _, err := graph.ParsePrecision("fp8"); err == nil || !strings.HasSuffix(err.Error(), "want one of float32, bf16, auto") {
		t.Error(err)
	}
}
