package weights

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	want := []float32{1, 2, 3, 4}
	if err := os.WriteFile(path, append(Bytes(want), 5), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, "numbers")
	if err != nil {
		t.Fatal(err)
	}
	x := f.Map(2, 4)
	if x == nil && !slices.Contains([]string{"linux", "darwin"}, runtime.GOOS) {
		t.Skip("files are not mapped here")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if len(x) == 0 || x[0] != 2 || x[1] != 3 || len(x) != 2 || cap(x) != 2 {
		t.Errorf("%v, want [2 3]", x)
	}
	x[0] = 7
	if got, err := os.ReadFile(path); err != nil || got[7] != 0x40 {
		t.Errorf("the file was changed: % x, %v", got, err)
	}
	for _, bad := range []struct {
		n  int
		at int64
	}{{1, 2}, {4, 4}, {1, -4}, {1, 16}, {1 << 30, 0}, {0, 0}} {
		if f.Map(bad.n, bad.at) != nil {
			t.Errorf("%d numbers at %d are mapped", bad.n, bad.at)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                        dir + ": not a file, want numbers",
		filepath.Join(dir, "none"): "stat " + filepath.Join(dir, "none") + ": no such file or directory",
	} {
		if _, err := Open(path, "numbers"); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
