package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
)

// TestRemove: a run goes, whichever its kind; what is no run stays, as does one that is in use.
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
