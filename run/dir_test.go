package run

import "testing"

// TestRunsOfOneSecond: runs that begin in the same second get different directories.
func TestRunsOfOneSecond(t *testing.T) {
	t.Chdir(t.TempDir())
	seen := map[string]bool{}
	for range 20 {
		dir, claimed, err := newDir("", "model")
		if err != nil {
			t.Fatal(err)
		}
		defer claimed.Release()
		if seen[dir] {
			t.Errorf("%s twice", dir)
		}
		seen[dir] = true
	}
}
