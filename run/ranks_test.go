package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestShareOut: updates are divided evenly among ranks, and have the same sequences as before.
func TestShareOut(t *testing.T) {
	for _, c := range []struct{ batch, accumulate, ranks, wantBatch, wantAccumulate, times int }{
		{8, 1, 1, 8, 1, 1}, {8, 1, 2, 4, 2, 2}, {8, 1, 8, 1, 8, 8}, {1, 8, 4, 1, 8, 1}, {6, 2, 3, 2, 6, 3}, {12, 2, 4, 6, 4, 2}, {2, 6, 4, 1, 12, 2},
	} {
		r := Recipe{Batch: c.batch, Accumulate: c.accumulate, EvalBatches: 5}
		changed, err := r.ShareOut(c.ranks)
		if err != nil || r.Batch != c.wantBatch || r.Accumulate != c.wantAccumulate || r.EvalBatches != 5*c.times || (changed != "") != (c.times > 1) {
			t.Errorf("%+v: %d × %d, %d of an evaluation, %q, %v", c, r.Batch, r.Accumulate, r.EvalBatches, changed, err)
		}
	}
	r := Recipe{Batch: 8, Accumulate: 1}
	want := "--batch 8 and --accumulate 1: 3 ranks cannot share an update of 8 sequences evenly; choose a multiple of 3 for --accumulate"
	if _, err := r.ShareOut(3); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := r.checkShares(2); err == nil || err.Error() != "the run has --accumulate 1, which 2 ranks cannot share evenly; start a number of ranks that divides it" {
		t.Error(err)
	}
}

// TestSumOfOlderRuns: a run from before the setting sum existed keeps adding up gradients the way it
// did, unless sum is given.
func TestSumOfOlderRuns(t *testing.T) {
	dir := Dir(t.TempDir())
	text := string(Defaults().Text())
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(string(dir), recipeName), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	if r, err := dir.Recipe(); err != nil || r.Fast() {
		t.Errorf("a new run adds up in any order; %v", err)
	}
	write(strings.Replace(text, "\nsum = \"tree\"\n", "\n", 1))
	if r, err := dir.Recipe(); err != nil || !r.Fast() {
		t.Errorf("an older run adds up in a tree; %v", err)
	}
	r := Defaults()
	if _, err := r.ReadRun(dir, func(name string) bool { return name == "sum" }); err != nil || r.Fast() {
		t.Errorf("the flag is not heeded; %v", err)
	}
}
