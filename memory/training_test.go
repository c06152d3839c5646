package memory

import (
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestTraining: the memory that training takes, for a model with a frozen token embedding.
func TestTraining(t *testing.T) {
	m, err := models.Find("gpt2-nano")
	if err != nil {
		t.Fatal(err)
	}
	params := graph.NewParams(1)
	if err := models.Declare(m, params); err != nil {
		t.Fatal(err)
	}
	params.Get("wte.weight").SetFrozen(true)
	s := graph.New(params, graph.Training())
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 2, 8), s.Ints("targets", 2, 8)))
	if err != nil {
		t.Fatal(err)
	}
	const all, trained = 804096, 804096 - 65*128
	got := OfTraining(p, 2*trained)
	if want := (Training{Weights: 4 * all, Gradients: 4 * trained, Moments: 8 * trained, Results: float64(p.PlannedBytes()), Process: process}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	rest := got.Total()
	got = got.WithTree(4).WithRun(1000, 16, 4)
	if got.Sums != 2*4*trained || got.Text != 8000+16*16*5 || got.Process != process+rest+got.Sums+got.Text {
		t.Errorf("%+v, %v before", got, rest)
	}
	if got.Process += 1e12; got.Check() == nil && Machine().Bytes > 0 && Machine().Bytes < 1e12 {
		t.Error("a terabyte is not refused")
	}
}
