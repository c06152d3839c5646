package generate_test

import (
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// shift gives each row that of the position before, and the first one nothing.
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

// TestTokenShift: a model with an op that looks at the row before is run over the whole window,
// so that it generates what the whole sequence gives at every step, and says why.
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
		g := generate.New(edited, params, m.Dims().Context)
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
		plain := generate.New(m, params, m.Dims().Context)
		defer plain.Close()
		if _, err := plain.Generate(t.Context(), ids, 1, generate.Options{}); err != nil || plain.Whole() != nil {
			t.Errorf("%s without the op: %v, %v", name, err, plain.Whole())
		}
	}
}
