package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
)

// TestRemove: runs of either kind are removed; a directory that is not a run, or a run that is in use, is not.
func TestRemove(t *testing.T) {
	for _, name := range []string{recipeName, tunedName} {
		dir := Dir(filepath.Join(t.TempDir(), "run"))
		if err := dir.Remove(); err != nil {
			t.Errorf("nothing there: %v", err)
		}
		if err := os.MkdirAll(dir.Checkpoints(), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := dir.Remove(); err == nil || err.Error() != string(dir)+" exists and is not empty; choose another --out" {
			t.Errorf("no run: %v", err)
		}
		if err := os.WriteFile(filepath.Join(string(dir), name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		claimed, err := checkpoint.Claim(string(dir))
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.Remove(); err == nil || !strings.HasPrefix(err.Error(), string(dir)+": in use by process ") {
			t.Errorf("in use: %v", err)
		}
		if !exists(dir.Checkpoints()) {
			t.Error("it is gone")
		}
		claimed.Release()
		if err := dir.Remove(); err != nil || exists(string(dir)) {
			t.Errorf("%v, or it is still there", err)
		}
	}
}
