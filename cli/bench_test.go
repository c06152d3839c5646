package cli

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// TestBench: the parts make up the step, and the rates fit the time.
func TestBench(t *testing.T) {
	status, out, stderr := gorgpt(t, t.Context(), "bench", "--batch", "2", "--context", "16", "--steps", "3", "--json")
	var r benchResult
	if err := json.Unmarshal([]byte(out), &r); status != 0 || err != nil {
		t.Fatalf("status %d, %v: %s%s", status, err, out, stderr)
	}
	sum := 0.0
	for _, name := range benchParts {
		if r.Parts[name] <= 0 {
			t.Errorf("part %s takes %v s", name, r.Parts[name])
		}
		sum += r.Parts[name]
	}
	if math.Abs(sum-r.Step) > 1e-9 {
		t.Errorf("the parts take %v s, the step %v", sum, r.Step)
	}
	if want := 6 * 804096 * 32 / r.Step / 1e9; math.Abs(r.Rate-want) > 1e-6*want || r.Parameters != 804096 {
		t.Errorf("%v GFLOP/s for %d parameters, want %v", r.Rate, r.Parameters, want)
	}
	if r.Peak < 4*804096 || r.SgemmRate <= 0 || math.Abs(r.Share-r.Rate/r.SgemmRate) > 1e-9 {
		t.Errorf("%+v", r)
	}
	if status, out, _ := gorgpt(t, t.Context(), "bench", "--context", "16", "--steps", "1"); status != 0 || !strings.Contains(out, "optimiser") {
		t.Errorf("status %d: %s", status, out)
	}
}

// TestDecodeShare: of memory's rate there is a share, of a cache's none.
func TestDecodeShare(t *testing.T) {
	for _, c := range []struct {
		read, share float64
		text, json  string
	}{
		{15, 0.75, "75 % of the 20 GB/s that memory gives", `"share":0.75,"in_cache":false`},
		{50, 0, "in cache: memory gives 20 GB/s", `"share":0,"in_cache":true`},
	} {
		r := &decodeResult{Read: c.read, Limit: 20}
		r.setShare()
		var text strings.Builder
		if err := r.write(&text); err != nil {
			t.Fatal(err)
		}
		object, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if r.Share != c.share || !strings.Contains(text.String(), c.text) || !strings.Contains(string(object), c.json) {
			t.Errorf("%g GB/s: share %g, want %g\n%s\n%s", c.read, r.Share, c.share, &text, object)
		}
	}
}
