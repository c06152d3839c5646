package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDrawn: from Parquet and JSON lines files that pyarrow and pandas have written with random options, the same texts
// are read as by pandas. testdata/draw.py draws the files; GORGPT_DRAWN may name a folder with another draw. Package
// tasks compares the tables.
func TestDrawn(t *testing.T) {
	dir := os.Getenv("GORGPT_DRAWN")
	if dir == "" {
		dir = filepath.Join("testdata", "drawn")
	}
	data, err := os.ReadFile(filepath.Join(dir, "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []struct {
		File, Field string
		Texts       []string // the first 16 digits of SHA-256
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != 40 {
		t.Errorf("%d files, want 40", len(want))
	}
	for _, w := range want {
		if ext := filepath.Ext(w.File); ext == ".csv" || ext == ".tsv" {
			continue
		}
		s, err := Open(filepath.Join(dir, w.File), Field(w.Field))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		var got []string
		for i := range s.docs {
			p, err := s.docs[i].read()
			if err != nil {
				t.Fatal(err)
			}
			for offset := int64(0); ; {
				next, err := p.piece(offset)
				if err != nil {
					if err.Error() != "EOF" {
						t.Error(err)
					}
					break
				}
				sum := sha256.Sum256(next.text)
				got = append(got, hex.EncodeToString(sum[:8]))
				offset = next.next
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(got, w.Texts) {
			t.Errorf("%s, %s: %d texts, pandas has %d:\n%s\n%s", w.File, w.Field, len(got), len(w.Texts), strings.Join(got, " "), strings.Join(w.Texts, " "))
		}
	}
}
