package train

import (
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// smoothed is a model whose head adds terms to the loss in training.
type smoothed struct{ dropout float64 }

func (m smoothed) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	x := ops.Embed(s, tokens, s.Param("embed", graph.Normal(0.5), toyVocab, 4))
	x = ops.Dropout(s, x, m.dropout)
	w := s.Param("head.weight", graph.Normal(0.5), toyVocab, 4)
	return layers.HeadConfig{ZLoss: 1, Smoothing: 0.1}.Loss(s, x, w, targets, nil)
}

// TestNoDropout: NoDropout disables only dropout; everything else that happens in training remains, such as
// what a head adds to the loss.
func TestNoDropout(t *testing.T) {
	first := func(rate float64, without bool) float64 {
		tr, r := newToy()
		lm(tr).Model = smoothed{rate}
		tr.Steps, tr.NoDropout = 1, without
		mustRun(t, tr)
		return r.steps[0].Loss
	}
	want := first(0, false)
	if got := first(0.5, true); got != want {
		t.Errorf("a loss of %v without dropout, %v at a rate of 0", got, want)
	}
	if got := first(0.5, false); got == want {
		t.Errorf("a loss of %v with dropout too", got)
	}
}
