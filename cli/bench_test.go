package cli

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/bench"
)

// TestBench: the parts add up to the step, and the rates agree with the time.
func TestBench(t *testing.T) {
	status, out, stderr := gorgpt(t, t.Context(), "bench", "--batch", "2", "--context", "16", "--steps", "3", "--json")
	var r bench.Training
	if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil {
		t.Fatalf("status %d, %v: %s%s", status, err, out, stderr)
	}
	sum := 0.0
	for _, name := range bench.Parts {
		if r.Parts[name] <= 0 {
			t.Errorf("part %s takes %v s", name, r.Parts[name])
		}
		sum += r.Parts[name]
	}
	if math.Abs(sum-r.Step) > 1e-9 {
		t.Errorf("the parts take %v s, the step %v", sum, r.Step)
	}
	// 6 operations for each weight and token, plus those of attention, norms and activations.
	if want := 6 * 804096 * 32 / r.Step / 1e9; r.Rate < want || r.Rate > 1.05*want || r.Parameters != 804096 {
		t.Errorf("%v GFLOP/s for %d parameters, want %v or a little more", r.Rate, r.Parameters, want)
	}
	if r.Peak < 4*804096 || r.SgemmRate <= 0 || math.Abs(r.Share-r.Rate/r.SgemmRate) > 1e-9 {
		t.Errorf("%+v", r)
	}
	if status, out, _ := gorgpt(t, t.Context(), "bench", "--context", "16", "--steps", "1"); status != 0 || !strings.Contains(out, "optimizer") {
		t.Errorf("status %d: %s", status, out)
	}
}
