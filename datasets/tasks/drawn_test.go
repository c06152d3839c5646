package tasks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// TestDrawn: from tables that pandas and pyarrow have written, the same texts are read as by pandas, without the white
// space around them. See ../testdata/draw.py.
func TestDrawn(t *testing.T) {
	dir := os.Getenv("GORGPT_DRAWN")
	if dir == "" {
		dir = filepath.Join("..", "testdata", "drawn")
	}
	data, err := os.ReadFile(filepath.Join(dir, "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []struct {
		File, Field string
		Texts       []string
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, w := range want {
		if ext := filepath.Ext(w.File); ext != ".csv" && ext != ".tsv" {
			continue
		}
		tables++
		_, set, err := tasks.Columns{Text: w.Field, Label: "label"}.Read(filepath.Join(dir, w.File), tasks.Classification, []string{"0", "1"})
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, e := range set.Examples {
			sum := sha256.Sum256([]byte(e.Text))
			got = append(got, hex.EncodeToString(sum[:8]))
		}
		if !slices.Equal(got, w.Texts) {
			t.Errorf("%s, %s: %d texts, pandas has %d", w.File, w.Field, len(got), len(w.Texts))
			for i := range min(len(got), len(w.Texts)) {
				if got[i] != w.Texts[i] {
					t.Errorf("  %d (line %d): %q", i, set.Examples[i].Line, set.Examples[i].Text)
				}
			}
		}
	}
	if tables != 8 {
		t.Errorf("%d tables, want 8", tables)
	}
}
