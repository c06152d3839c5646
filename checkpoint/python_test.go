package checkpoint

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/models"
)

// python runs a script of testdata and returns what it prints.
func python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	interpreter := os.Getenv("GORGPT_PYTHON")
	if interpreter == "" {
		t.Skip("GORGPT_PYTHON is not set: no Python with torch, safetensors and transformers to compare with")
	}
	cmd := exec.Command(interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1")
	var diagnostics bytes.Buffer
	cmd.Stderr = &diagnostics
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &diagnostics)
	}
	return out
}

// TestTransformersOpens: transformers opens a saved checkpoint of a model without biases.
func TestTransformersOpens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	ps, zeros := nano(t, 1), nanoTensors().Zeros
	if err := Save(dir, Contents{Config: []byte(nanoConfig), Params: ps}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Class    string
		Problems []string
		Tied     bool
		Weights  map[string][]float32
	}
	if err := json.Unmarshal(python(t, "open.py", dir), &got); err != nil {
		t.Fatal(err)
	}
	if got.Class != "GPT2LMHeadModel" || !got.Tied {
		t.Errorf("%s, tied %v; want GPT2LMHeadModel with its head tied", got.Class, got.Tied)
	}
	if len(got.Problems) > 0 {
		t.Errorf("problems: %q", got.Problems)
	}
	if want := len(ps.All()) + len(zeros); len(got.Weights) != want {
		t.Errorf("%d weights, want %d", len(got.Weights), want)
	}
	for _, p := range ps.All() {
		if !sourcetest.SameBits(got.Weights[p.Name()], p.Data()) {
			t.Errorf("%s: transformers has other values", p.Name())
		}
	}
	for name, shape := range zeros {
		if x := got.Weights[name]; !sourcetest.SameBits(x, make([]float32, shape[0])) {
			t.Errorf("%s is %v, want zeros", name, x)
		}
	}
}

// TestTransformersOpensUntied: transformers opens a saved model with an untied head, finds no weight missing
// or newly initialized, and computes the same logits.
func TestTransformersOpensUntied(t *testing.T) {
	for _, name := range []string{"gpt2-untied", "gpt1-untied"} {
		l, err := Load(filepath.Join("../models/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		config, err := models.JSON(l.Model)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), name)
		if err := Save(dir, Contents{Config: config, Params: l.Params}); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		sameParams(t, again.Params, l.Params)
		var got struct {
			Problems []string
			Tied     bool
			Logits   []float64
		}
		if err := json.Unmarshal(python(t, "open.py", dir, "3", "1", "20", "7"), &got); err != nil {
			t.Fatal(err)
		}
		if got.Tied || len(got.Problems) > 0 {
			t.Errorf("%s: tied %v, problems %q", name, got.Tied, got.Problems)
		}
		r := randomModel{Tokens: []int{3, 1, 20, 7}, Logits: slices.Collect(slices.Chunk(got.Logits, 21))}
		if e := r.error(t, l.Model, l.Params); !(e <= tolRandom) {
			t.Errorf("%s: logits are off by %.1e", name, e)
		}
	}
}
