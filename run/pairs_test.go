package run

import "testing"

// TestRunsOfPairs: the pairs of a run divide those of an update.
func TestRunsOfPairs(t *testing.T) {
	for _, c := range [][5]int{{32, 8, 100, 8, 32}, {10, 8, 100, 5, 10}, {7, 3, 100, 1, 7}, {6, 6, 4, 4, 4}, {4, 8, 100, 4, 4}} {
		r := TunedRecipe{Batch: c[0], Micro: c[1]}
		if run, update := r.runs(c[2]); run != c[3] || update != c[4] {
			t.Errorf("a batch of %d, micro %d, %d pairs: runs of %d for updates of %d, want %d and %d", c[0], c[1], c[2], run, update, c[3], c[4])
		}
	}
}
