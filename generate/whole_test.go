package generate_test

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// shift replaces each row by the row of the previous position, and the first row by zeros.
func shift(s *graph.Scope, x *G.Node) *G.Node {
	width := x.Shape()[1]
	return s.Apply(graph.Op{
		Name: "Shift", Out: x.Shape(),
		Run: func(a *graph.Args) error {
			clear(a.Out(0)[:width])
			copy(a.Out(0)[width:], a.Floats(0))
			return nil
		},
	}, x)
}

// TestTokenShift: a model with an op that reads the previous row is run over the whole window, so that at every step it
// generates what the whole sequence gives, and the generator says why.
func TestTokenShift(t *testing.T) {
	for name, m := range families() {
		edited := models.Edit(m, graph.Before("h.*.mlp", func(s *graph.Scope, x *G.Node) *G.Node {
			return s.Node(G.Add(x, shift(s, x)))
		}))
		params := graph.NewParams(1)
		ids := []int{3, 1, 4, 1, 5}
		var want []int
		for range 12 {
			logits := uncached(t, edited, params, slices.Concat(ids, want))
			last := logits[len(logits)-1]
			want = append(want, slices.Index(last, slices.Max(last)))
		}
		g := generate.New(models.Graphs(edited), params, models.DimsOf(m).Context)
		defer g.Close()
		got, err := g.Generate(t.Context(), ids, len(want), generate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, the whole sequence gives %v", name, got, want)
		}
		if why := g.Whole(); why == nil || !strings.HasPrefix(why.Error(), "h.0.mlp: Shift: nothing says") {
			t.Errorf("%s: run over the whole window because of %v", name, why)
		}
		plain := generate.New(models.Graphs(m), params, models.DimsOf(m).Context)
		defer plain.Close()
		if _, err := plain.Generate(t.Context(), ids, 1, generate.Options{}); err != nil || plain.Whole() != nil {
			t.Errorf("%s without the op: %v, %v", name, err, plain.Whole())
		}
	}
}

// TestLaterRows: a model with an op that reads later rows, or whose result depends on the number of rows, gives at every
// step the result of its graph for exactly the tokens so far, even in a batch with other lengths and beyond the context.
func TestLaterRows(t *testing.T) {
	edits := map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"Mean": func(s *graph.Scope, x *G.Node) *G.Node {
			mean := s.Node(G.Mean(x, 0))
			return s.Node(G.BroadcastSub(x, s.Node(G.Reshape(mean, tensor.Shape{1, x.Shape()[1]})), nil, []byte{0}))
		},
		"the number of rows": func(s *graph.Scope, x *G.Node) *G.Node {
			return shift(s, ops.Scale(s, x, float64(x.Shape()[0])))
		},
	}
	for name, m := range families() {
		for edit, f := range edits {
			edited := models.Edit(m, graph.Before("h.*.mlp", f))
			params, context := graph.NewParams(1), models.DimsOf(m).Context
			prompts := [][]int{{3, 1, 4, 1, 5}, {2, 7}, {3, 1, 4, 1, 5}}
			want := make([][]int, len(prompts))
			for b, prompt := range prompts {
				for range min(8, context-len(prompt)) {
					logits := uncached(t, edited, params, slices.Concat(prompt, want[b]))
					last := logits[len(logits)-1]
					want[b] = append(want[b], slices.Index(last, slices.Max(last)))
				}
			}
			got := make([][]int, len(prompts))
			g := generate.New(models.Graphs(edited), params, context)
			for token, err := range g.Batch(t.Context(), prompts, len(want[0]), generate.Options{}) {
				if err != nil {
					t.Fatal(err)
				}
				got[token.Sequence] = append(got[token.Sequence], token.ID)
			}
			for b := range got {
				if n := len(want[0]); !slices.Equal(got[b], want[b][:n]) {
					t.Errorf("%s, %s, sequence %d: %v, its own graph gives %v", name, edit, b, got[b], want[b][:n])
				}
			}
			found, err := g.Beam(t.Context(), prompts[0], len(want[0]), generate.BeamOptions{Beams: 1})
			if err != nil || !slices.Equal(found[0].IDs, want[0]) {
				t.Errorf("%s, %s, one beam: %v, %v; its own graph gives %v", name, edit, found, err, want[0])
			}
			if g.Whole() == nil {
				t.Errorf("%s, %s: decoded incrementally", name, edit)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
