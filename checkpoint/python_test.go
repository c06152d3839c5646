package checkpoint

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
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

// TestPythonReadsTensors has the reference library read what this package
// wrote.
func TestPythonReadsTensors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	var b bytes.Buffer
	if err := WriteTensors(&b, map[string]string{"format": "pt"}, samples()); err != nil {
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
	got := map[string]Tensor{}
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
		got[line.Name] = Tensor{line.Name, line.Shape, x}
	}
	if len(got) != len(samples()) {
		t.Errorf("%d tensors, want %d", len(got), len(samples()))
	}
	for _, want := range samples() {
		g := got[want.Name]
		if !slices.Equal(g.Shape, want.Shape) || !sameBits(g.Data, want.Data) {
			t.Errorf("%s: Python reads other values or the shape %v", want.Name, g.Shape)
		}
	}
}

// TestTransformersOpens has transformers open a checkpoint of a model without
// biases.
func TestTransformersOpens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	ps, zeros := nano(t, 1), nanoBiases()
	if err := Save(dir, Contents{Config: []byte(nanoConfig), Params: ps, Zeros: zeros}); err != nil {
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
		if !sameBits(got.Weights[p.Name()], p.Data()) {
			t.Errorf("%s: transformers has other values", p.Name())
		}
	}
	for name, shape := range zeros {
		if x := got.Weights[name]; !sameBits(x, make([]float32, shape[0])) {
			t.Errorf("%s is %v, want zeros", name, x)
		}
	}
}
