package plan

import (
	"strings"
	"testing"
)

// TestSplit: ranks that hold a model together divide its operations, except those of norms and sums, and each
// has a share of its weights, gradients and moments. Each model processes its own batches of an update, and
// the models sum the gradients of each rank's part.
func TestSplit(t *testing.T) {
	o := Options{Batch: 2, Context: 256, Ranks: 8}
	whole := planned(t, "gpt2", Options{Batch: 2, Context: 256, Ranks: 2})
	o.TensorParallel = 4
	p := planned(t, "gpt2", o)
	s := p.Split
	if whole.Split != nil || s.Ranks != 4 || s.Models != 2 {
		t.Fatalf("%+v, %+v", whole.Split, s)
	}
	if p.Own != 1 || p.FLOPs.Training != whole.FLOPs.Training || p.Parameters.Total != whole.Parameters.Total || p.Run.Update != whole.Run.Update {
		t.Errorf("%+v, %+v", p.FLOPs, p.Run)
	}
	if !near(4*s.FLOPs, whole.FLOPs.Training, 0.01) || !near(float64(4*s.Parameters), float64(whole.Parameters.Total), 0.03) { // position embeddings are not split
		t.Errorf("%+v", s)
	}
	if w := p.Memory.Weights; w != 4*float64(s.Parameters) || p.Memory.Gradients != w || p.Memory.Moments < w || p.Memory.Moments > 1.1*w || // two numbers per weight, for half of the weights
		!near(p.Wire.Update, w, 1e-9) {
		t.Errorf("%+v, %+v", p.Memory, p.Wire)
	}
	if p.Memory.Peak >= 0.5*whole.Memory.Peak || p.Memory.KeysValues != whole.Memory.KeysValues/4 {
		t.Errorf("%+v, of %+v", p.Memory, whole.Memory)
	}
	// Two sums each way in each of 12 blocks, one for the embedding, and one for the head's gradient, all of the
	// residual stream (512, 768).
	if s.Sums != 4*12+2 || s.Wire != 50*1.5*4*512*768 {
		t.Errorf("%+v", s)
	}
	var text strings.Builder
	if err := p.Print(&text); err != nil || !strings.Contains(text.String(), "of the first of 4 ranks, in 2 such models") {
		t.Errorf("%s, %v", &text, err)
	}
	for want, o := range map[string]Options{
		"plan: 6 ranks cannot be divided into models of 4 ranks":               {Ranks: 6, TensorParallel: 4},
		"plan: ranks of a model of -1: want 1 or more":                         {TensorParallel: -1},
		"h.0.attn: Attention: 12 heads cannot be divided evenly among 5 ranks": {Ranks: 5, TensorParallel: 5},
	} {
		if _, err := Of(find(t, "gpt2"), o); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
