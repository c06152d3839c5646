package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run writes the checkpoints of a run at steps 20 and 40, the first of which is the best.
func run(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkpoints")
	for i, trainer := range []string{`{"step":20,"best":{"step":20}}`, `{"step":40,"best":{"step":20}}`} {
		c := Contents{
			Config: map[string]int{"n": i}, Params: nano(t, uint64(i)), Trainer: jsonText(trainer),
			Optimizer: []Tensor{{Name: "m", Shape: []int{2}, Data: []float32{1, 2}}},
		}
		if err := Save(filepath.Join(dir, StepName(20*(i+1))), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(Point(dir, Best, "step-000020"), Point(dir, Latest, "step-000040")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// jsonText is text that is already JSON.
type jsonText string

func (j jsonText) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// full replaces a pointer by a copy of the directory, as cp -rL does.
func full(t *testing.T, dir, pointer string) {
	t.Helper()
	path := filepath.Join(dir, pointer)
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.CopyFS(path, os.DirFS(target))); err != nil {
		t.Fatal(err)
	}
}

// TestRepair: the checkpoints of a run are repaired after various ways of copying them. Before that, Open,
// which only reads, already finds the checkpoints that the pointers name afterwards.
func TestRepair(t *testing.T) {
	for name, c := range map[string]struct {
		spoil        func(t *testing.T, dir string)
		latest, best string // "" if missing
		said         []string
	}{
		"whole": {func(*testing.T, string) {}, "40", "20", nil},
		"cp -rL": {func(t *testing.T, dir string) { full(t, dir, Latest); full(t, dir, Best) }, "40", "20", []string{
			"latest: a directory, probably from a copy that lost the links; now a pointer to step-000040 again",
			"best: a directory, probably from a copy that lost the links; now a pointer to step-000020 again"}},
		"cp -rL, without the steps": {func(t *testing.T, dir string) {
			full(t, dir, Latest)
			full(t, dir, Best)
			os.RemoveAll(filepath.Join(dir, "step-000020"))
			os.RemoveAll(filepath.Join(dir, "step-000040"))
		}, "40", "20", []string{
			"latest: a directory, probably from a copy that lost the links; now a pointer to step-000040 again",
			"best: a directory, probably from a copy that lost the links; now a pointer to step-000020 again"}},
		"links are lost": {func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, Latest))
			os.Remove(filepath.Join(dir, Best))
		}, "40", "20", []string{
			"latest: missing or incomplete; the newest complete checkpoint, step-000040, is used instead",
			"best: lost; it points to step-000020 again"}},
		"links as zip has them": {func(t *testing.T, dir string) {
			for pointer, target := range map[string]string{Latest: "step-000040", Best: "step-000020"} {
				os.Remove(filepath.Join(dir, pointer))
				os.WriteFile(filepath.Join(dir, pointer), []byte(target), 0o666)
			}
		}, "40", "20", nil},
		"the latest was not copied": {func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "step-000040")) }, "20", "20", []string{
			"latest: missing or incomplete; the newest complete checkpoint, step-000020, is used instead"}},
		"the latest was copied in part": {func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, "step-000040", weightsName), 1000) }, "20", "20", []string{
			"the newest complete checkpoint, step-000020, is used instead"}},
		"the best was not copied": {func(t *testing.T, dir string) {
			os.RemoveAll(filepath.Join(dir, "step-000020"))
			os.Remove(filepath.Join(dir, Best))
		}, "40", "", []string{"best: lost, and so is the checkpoint it pointed to, step-000020"}},
		"nothing": {func(t *testing.T, dir string) { os.RemoveAll(dir) }, "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := run(t)
			c.spoil(t, dir)
			open := func(pointer string) string {
				d, err := Open(filepath.Join(dir, pointer))
				var p position
				if err == nil {
					err = d.Trainer(&p)
				}
				if err != nil {
					return ""
				}
				return strings.TrimPrefix(StepName(p.Step), "step-0000")
			}
			if latest, best := open(Latest), open(Best); !strings.Contains(name, "latest was") && (latest != c.latest || best != c.best) {
				t.Errorf("before: latest %q, best %q; want %q and %q", latest, best, c.latest, c.best)
			}
			said, err := Repair(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(said) != len(c.said) {
				t.Fatalf("%q is said, want %q", said, c.said)
			}
			for i := range said {
				if !strings.Contains(said[i], c.said[i]) {
					t.Errorf("%q is said, want %q", said[i], c.said[i])
				}
			}
			if latest, best := open(Latest), open(Best); latest != c.latest || best != c.best {
				t.Errorf("latest %q, best %q; want %q and %q", latest, best, c.latest, c.best)
			}
			if again, err := Repair(dir); err != nil || len(again) > 0 && !strings.Contains(again[0], "and so is the checkpoint it pointed to") {
				t.Errorf("again: %q, %v", again, err)
			}
		})
	}
}

// TestRepairKeepsWhatDiffers: two checkpoints of the same step that differ are both kept.
func TestRepairKeepsWhatDiffers(t *testing.T) {
	dir := run(t)
	full(t, dir, Latest)
	if err := os.WriteFile(filepath.Join(dir, Latest, configName), []byte(`{"n":7}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Repair(dir); err == nil || !strings.Contains(err.Error(), "belong to the same step but differ; remove one") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, Latest, configName)); err != nil {
		t.Error(err)
	}
}
