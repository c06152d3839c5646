package checkpoint

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// tolRandom bounds the difference of float32 logits from transformers' float64 logits, relative to the
// largest; 2e-6 was measured.
const tolRandom = 1e-5

// TestRandomModels opens 30 models that transformers 5.24 wrote. testdata/random/make.py (seed 20261128) drew
// them at random over all keys of GPT2Config and OpenAIGPTConfig and over the forms of files. Each must give
// transformers' logits, or be rejected with the name of the key that is not supported.
func TestRandomModels(t *testing.T) {
	for _, m := range randomModels(t) {
		t.Run(m.Name+" "+m.Form, func(t *testing.T) {
			l, err := Load(filepath.Join(randomDir, m.Name))
			if m.Refused != "" {
				if err == nil || !strings.Contains(err.Error(), m.Refused) {
					t.Fatalf("error %v, want one that names %s", err, m.Refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if e := m.error(t, l.Model, l.Params); !(e <= tolRandom) {
				t.Errorf("logits are off by %.1e", e)
			}
			// The model is saved again, and must open with the same numbers.
			config, err := models.JSON(l.Model)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "again")
			if err := Save(dir, Contents{Config: config, Params: l.Params}); err != nil {
				t.Fatal(err)
			}
			again, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if again.Model != l.Model {
				t.Errorf("read back as %+v, want %+v", again.Model, l.Model)
			}
			sameParams(t, again.Params, l.Params)
		})
	}
}

const randomDir = "testdata/random"

// randomModel is an entry of expected.json.
type randomModel struct {
	Name, Form string
	Refused    string // the key that must be rejected, or ""
	Tokens     []int
	Logits     [][]float64
}

func randomModels(t *testing.T) []randomModel {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(randomDir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []randomModel
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 30 {
		t.Fatalf("%d models, want 30", len(all))
	}
	return all
}

// error returns how far the logits of m are from the expected ones, relative to the largest.
func (r randomModel) error(t *testing.T, m models.Model, params *graph.Params) float64 {
	t.Helper()
	s := graph.New(params)
	logits := models.Logits(m, s, s.Ints("tokens", 1, len(r.Tokens)))
	p, err := s.Compile(logits)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInts("tokens", r.Tokens); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	got := p.Value(logits)
	worst, scale := 0.0, 0.0
	for i, row := range r.Logits {
		for j, want := range row {
			worst = math.Max(worst, math.Abs(float64(got[i*len(row)+j])-want))
			scale = math.Max(scale, math.Abs(want))
		}
	}
	return worst / scale
}
