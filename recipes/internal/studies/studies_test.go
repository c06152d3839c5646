package studies_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// TestOthers: a folder that is not a run, and a run in which another process is training, are left alone.
func TestOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "1e12-55k")
	mine := filepath.Join(dir, "thesis.txt")
	write(t, mine, "a year's work")
	r := run.Defaults()
	if err := studies.TrainOne(t.Context(), studies.Run{Dir: run.Dir(dir), Recipe: r}); err == nil || err.Error() != dir+" exists and is not empty; choose another --out" {
		t.Errorf("error %v", err)
	}
	write(t, filepath.Join(dir, "recipe.toml"), string(r.Text()))
	claimed, err := checkpoint.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer claimed.Release()
	if err := studies.TrainOne(t.Context(), studies.Run{Dir: run.Dir(dir), Recipe: r}); err == nil || !strings.HasPrefix(err.Error(), dir+": in use by process ") {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(mine); err != nil || len(text) == 0 {
		t.Errorf("%q, %v", text, err)
	}
}

// TestTable: a mean is followed by the sample standard deviation, without a sign; a single value is not.
func TestTable(t *testing.T) {
	var b bytes.Buffer
	studies.Table(&b, []string{"a", "b"}, [][]string{{studies.Spread("%+.1f", []float64{1, 3}), studies.Spread("%.2f", []float64{1})}})
	if want := "| a | b |\n| --- | --- |\n| +2.0 ± 1.4 | 1.00 |\n"; b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}
