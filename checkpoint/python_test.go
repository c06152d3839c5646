package checkpoint

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
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

// TestTransformersOpens has transformers open a checkpoint of a model without
// biases.
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
