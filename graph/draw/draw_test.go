package draw_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/graph/formats/dot"
	"gonum.org/v1/gonum/graph/formats/dot/ast"
	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/graph/draw"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

var update = flag.Bool("update", false, "write the pictures in testdata anew, to be looked at")

// tiny declares a layer, a tied head and their gradients.
func tiny(t *testing.T, options ...graph.Option) []graph.Node {
	t.Helper()
	s := graph.New(graph.NewParams(1), options...)
	x, wte := layers.Embedding(s.At("wte"), s.Ints("tokens", 2, 4), 10, 6, graph.Init{}) // (B·T, C), (V, C)
	m := layers.MLP(s.At("h.0.mlp"), x, 12, ops.GELU, layers.BranchWeights{})            // (B·T, C)
	x = layers.Residual(s.At("h.0.mlp"), x, m, 0)                                        // (B·T, C)
	loss := layers.TiedLoss(s.At("lm_head"), x, wte, s.Ints("targets", 2, 4))
	if _, err := s.CompileGrad(loss); err != nil {
		t.Fatal(err)
	}
	return s.Nodes()
}

// TestGolden compares pictures with golden files that were inspected.
func TestGolden(t *testing.T) {
	before, after := tiny(t), tiny(t, graph.Replace("h.*.mlp.act", ops.ReLU), graph.After("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.LayerNorm(s.At("ln"), x, layers.Norm{})
	}))
	for _, c := range []struct {
		file string
		draw func() ([]byte, error)
	}{
		{"tiny.svg", func() ([]byte, error) { return draw.SVG(before, draw.Options{Title: "tiny"}) }},
		{"tiny_nodes.svg", func() ([]byte, error) { return draw.SVG(before, draw.Options{Depth: -1}) }},
		{"tiny.dot", func() ([]byte, error) { return draw.DOT(before, draw.Options{Title: `"tiny"`}) }},
		{"diff.svg", func() ([]byte, error) {
			return draw.DiffSVG(before, after, draw.Options{Depth: 3, Title: "<edited>"})
		}},
	} {
		got, err := c.draw()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", c.file)
		if *update {
			if err := os.WriteFile(file, got, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is another picture now; look at it (go test ./graph/draw -update) and at the change", c.file)
		}
		if strings.HasSuffix(c.file, ".svg") {
			wellFormed(t, c.file, got)
		}
	}
}

// wellFormed fails unless data is XML.
func wellFormed(t *testing.T, name string, data []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// TestStatus: the picture of an edit shows what was added and what changed, and only that.
func TestStatus(t *testing.T) {
	before := tiny(t)
	after := tiny(t, graph.Replace("h.*.mlp.act", ops.ReLU), graph.Remove("h.*.mlp.c_proj"), graph.Replace("h.*.mlp.c_fc", func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.Linear(s.At("new"), x, 6, layers.Weights{})
	}))
	svg, err := draw.DiffSVG(before, after, draw.Options{Depth: 3})
	if err != nil {
		t.Fatal(err)
	}
	// For each color, one box in the legend, and these: c_proj and its gradient are removed; act, c_fc and their
	// gradients are changed, on both sides. Depth 3 counts c_fc.new as part of c_fc.
	for fill, want := range map[string]int{"#fbdcdc": 1 + 2, "#d5f2d9": 1, "#fdf0c2": 1 + 4 + 4} {
		if got := bytes.Count(svg, []byte(`fill="`+fill)); got != want {
			t.Errorf("%d boxes of colour %s, want %d", got, fill, want)
		}
	}
	same, err := draw.DiffSVG(before, before, draw.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(same, []byte(`fill="#f6f6f6"`)); n < 10 || bytes.Count(same, []byte(`fill="#fdf0c2"`)) != 1 {
		t.Errorf("%d boxes of a graph beside itself are the same", n)
	}
}

// TestDOTParses: an independent parser of Graphviz's language can read what DOT writes.
func TestDOTParses(t *testing.T) {
	for _, o := range []draw.Options{{Title: `a "title" \n`}, {Depth: -1}, {Depth: 1}} {
		text, err := draw.DOT(tiny(t), o)
		if err != nil {
			t.Fatal(err)
		}
		file, err := dot.ParseBytes(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		edges := 0
		for _, s := range file.Graphs[0].Stmts {
			if _, ok := s.(*ast.EdgeStmt); ok {
				edges++
			}
		}
		if want := bytes.Count(text, []byte(" -> ")); len(file.Graphs) != 1 || edges != want || edges < 5 {
			t.Errorf("%d graphs with %d arrows, want 1 with %d", len(file.Graphs), edges, want)
		}
	}
}

func TestErrors(t *testing.T) {
	nodes := tiny(t)
	for _, c := range []struct {
		nodes []graph.Node
		o     draw.Options
		want  string
	}{
		{nodes, draw.Options{Open: []string{"h.1"}}, `draw: unknown scope "h.1"; did you mean "h.*"?`},
		{[]graph.Node{{Op: "a", Inputs: []int{1}}, {ID: 1, Op: "b", Inputs: []int{0}}}, draw.Options{}, "draw: node 0 depends on itself"},
		{[]graph.Node{{Op: "a", Inputs: []int{7}}}, draw.Options{}, "draw: node 0 reads node 7 of 1"},
	} {
		for _, f := range []func([]graph.Node, draw.Options) ([]byte, error){draw.SVG, draw.DOT} {
			if _, err := f(c.nodes, c.o); err == nil || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		}
	}
	if svg, err := draw.SVG(nil, draw.Options{}); err != nil {
		t.Errorf("of no nodes: %v", err)
	} else {
		wellFormed(t, "of no nodes", svg)
	}
}
