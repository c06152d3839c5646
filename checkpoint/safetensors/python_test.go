package safetensors

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
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

// TestPythonReadsTensors: the reference library reads the tensors that this package wrote.
func TestPythonReadsTensors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	var b bytes.Buffer
	if err := Write(&b, map[string]string{"format": "pt"}, weights.F32, samples()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(python(t, "dump.py", path)))
	var first struct{ Metadata map[string]string }
	if err := dec.Decode(&first); err != nil || first.Metadata["format"] != "pt" {
		t.Errorf("metadata %v, %v; want format pt", first.Metadata, err)
	}
	got := map[string]weights.Tensor{}
	for dec.More() {
		var line struct {
			Name  string
			Shape []int
			Bits  []uint32
		}
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		x := make([]float32, len(line.Bits))
		for i, bits := range line.Bits {
			x[i] = math.Float32frombits(bits)
		}
		got[line.Name] = weights.Tensor{Name: line.Name, Shape: line.Shape, Data: x}
	}
	if len(got) != len(samples()) {
		t.Errorf("%d tensors, want %d", len(got), len(samples()))
	}
	for _, want := range samples() {
		g := got[want.Name]
		if !slices.Equal(g.Shape, want.Shape) || !sourcetest.SameBits(g.Data, want.Data) {
			t.Errorf("%s: Python reads other values or the shape %v", want.Name, g.Shape)
		}
	}
}
