package safetensors

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// creator returns a function that creates files in a directory.
func creator(dir string) func(string, func(io.Writer) error) error {
	return func(name string, write func(io.Writer) error) error {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := write(f); err != nil {
			return err
		}
		return f.Close()
	}
}

// TestShards splits tensors of 32, 12, 4, 0 and 160,004 bytes into one to five files.
func TestShards(t *testing.T) {
	for limit, want := range map[int64]int{1 << 20: 1, 160_004: 2, 48: 2, 44: 3, 1: 5} {
		dir := t.TempDir()
		if err := WriteShards(creator(dir), nil, weights.F32, samples(), limit); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("model-*-of-%05d.safetensors", want)))
		if err != nil || len(files) != want {
			t.Errorf("limit %d: %d files, %v; want %d", limit, len(files), err, want)
		}
		src, err := OpenIndex(filepath.Join(dir, IndexName))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]float32{}
		for _, x := range sourcetest.ReadAll(t, src, 1<<20) {
			got[x.Name] = x.Data
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
		for _, x := range samples() {
			if !sourcetest.SameBits(got[x.Name], x.Data) {
				t.Errorf("limit %d: %s differs", limit, x.Name)
			}
		}
	}
}

// TestTotalSize: an index records the total size of all numbers in bytes, as transformers' does, and
// the file of each tensor.
func TestTotalSize(t *testing.T) {
	for kind, width := range map[weights.DType]int64{weights.F32: 4, weights.BF16: 2} {
		dir := t.TempDir()
		tensors := []weights.Tensor{
			{Name: "a", Shape: []int{3}, Data: []float32{1, 2, 3}}, {Name: "b", Shape: []int{2, 2}, Data: make([]float32, 4)}, {Name: "c", Data: []float32{7}},
		}
		if err := WriteShards(creator(dir), nil, kind, tensors, 4*width); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, IndexName))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{
  "metadata": {
    "total_size": %d
  },
  "weight_map": {
    "a": "model-00001-of-00003.safetensors",
    "b": "model-00002-of-00003.safetensors",
    "c": "model-00003-of-00003.safetensors"
  }
}
`, 8*width)
		if string(text) != want {
			t.Errorf("%s: %s\nwant %s", kind, text, want)
		}
	}
}

// TestShardsTransformers reads a model that transformers split into three files.
func TestShardsTransformers(t *testing.T) {
	src, err := OpenIndex("../testdata/models/gpt2/sharded/" + IndexName)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if got := len(src.Tensors()); got != 28 {
		t.Errorf("%d tensors, want 28", got)
	}
}

func TestShardErrors(t *testing.T) {
	twice := slices.Concat(samples(), samples())
	err := WriteShards(func(string, func(io.Writer) error) error { t.Error("a file is made"); return nil }, nil, weights.F32, twice, 1)
	sourcetest.Error(t, err, "z: two tensors have this name")
	disk := func(name string, _ func(io.Writer) error) error { return fmt.Errorf("%s: %w", name, errFull) }
	sourcetest.Error(t, WriteShards(disk, nil, weights.F32, samples(), 1), "model-00001-of-00005.safetensors: no space left on device")
}

// TestNarrow writes half-precision numbers, and numbers that they cannot represent.
func TestNarrow(t *testing.T) {
	dir := t.TempDir()
	for kind, want := range map[weights.DType]int64{weights.F16: 2, weights.BF16: 2, weights.F32: 4} {
		path := filepath.Join(dir, string(kind))
		numbers := []float32{1, -0.5, 3}
		err := creator(dir)(string(kind), func(w io.Writer) error {
			return Write(w, nil, kind, []weights.Tensor{{Name: "a", Shape: []int{3}, Data: numbers}})
		})
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := f.file.Size() - f.data; got != 3*want {
			t.Errorf("%s: %d bytes of data, want %d", kind, got, 3*want)
		}
		if got := sourcetest.ReadAll(t, f, 1<<10); f.Tensors()[0].Type != kind || !slices.Equal(got[0].Data, numbers) {
			t.Errorf("%s: %v of %s", kind, got, f.Tensors()[0].Type)
		}
	}
	large := []weights.Tensor{{Name: "a", Shape: []int{1}, Data: []float32{1e6}}}
	sourcetest.Error(t, Write(io.Discard, nil, weights.F16, large), "a: 1e+06 is too large for F16, whose largest is 65504")
	sourcetest.Error(t, Write(io.Discard, nil, "I8", large), "cannot write I8, only F32, F16 and BF16")
}
