package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
)

// flip changes one bit of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 4
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestFlippedBytes flips a bit at 40 places in the numbers, of weights in each type, in one file and in
// several, and of moments. Everything that reads them must report the file and the tensor.
func TestFlippedBytes(t *testing.T) {
	for _, c := range []struct {
		dtype weights.DType
		shard int64
	}{{weights.F32, 0}, {weights.F16, 0}, {weights.BF16, 300}, {weights.F32, 300}} {
		dir := filepath.Join(t.TempDir(), "step")
		moments := []Tensor{tensorOf("m.wte.weight", []int{3}, []float32{1, 2, 3}), tensorOf("v.wte.weight", []int{3}, []float32{4, 5, 6})}
		if err := Save(dir, Contents{Config: []byte("{}"), Params: nano(t, 1), DType: c.dtype, ShardBytes: c.shard, Optimizer: moments}); err != nil {
			t.Fatal(err)
		}
		if n, err := Verify(dir); err != nil || n != 17 {
			t.Fatalf("%s: %d tensors checked, %v, want 17", c.dtype, n, err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
		if err != nil || len(files) < 2 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			start := headerEnd(t, file)
			for i := range int64(20) {
				at := start + (info.Size()-start)*i/20
				flip(t, file, at)
				for what, read := range map[string]func() error{
					"verify": func() error { _, err := Verify(dir); return err },
					"read":   func() error { return readAll(dir, (*Dir).Params, t) },
					"map":    func() error { return readAll(dir, (*Dir).MapParams, t) },
				} {
					err := read()
					if err == nil || !strings.HasPrefix(err.Error(), file+": ") || !strings.HasSuffix(err.Error(), ": the file is damaged, or it was changed by a program that kept the metadata: remove crc32c there") {
						t.Errorf("%s of %s, byte %d of %s flipped: error %v", what, c.dtype, at, filepath.Base(file), err)
					} else {
						sourcetest.OneLine(t, err)
					}
				}
				flip(t, file, at)
			}
		}
	}
}

// readAll reads a checkpoint's weights and moments.
func readAll(dir string, read func(*Dir, *graph.Params, ...string) error, t *testing.T) error {
	d, err := Open(dir)
	if err != nil {
		return err
	}
	if err := read(d, nano(t, 2)); err != nil {
		return err
	}
	f, err := d.Optimizer()
	if err != nil {
		return err
	}
	defer f.Close()
	for _, info := range f.Tensors() {
		if err := f.Read(info.Name, make([]float32, info.Size())); err != nil {
			return err
		}
	}
	return nil
}

// headerEnd returns the offset at which a file's numbers begin.
func headerEnd(t *testing.T, path string) int64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return 8 + int64(text[0]) + int64(text[1])<<8
}

// TestVerify: a file without checksums is reported as having none; a name missing from the checksums, and
// invalid checksums, count as damage too.
func TestVerify(t *testing.T) {
	if n, err := Verify("testdata/models/gpt2/hf"); err != nil || n != 0 {
		t.Errorf("a file of transformers: %d checked, %v", n, err)
	}
	dir := filepath.Join(t.TempDir(), "step")
	if err := Save(dir, Contents{Config: []byte("{}"), Params: nano(t, 1)}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, weightsName)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`{\"h.0`, `{\"h.9`, ": h.0.attn.c_attn.weight: the file has checksums, but none for this tensor: the file is damaged"},
		{`{\"h.0`, `!\"h.0`, ""},
	} {
		broken := strings.Replace(string(text), c.old, c.new, 1)
		if err := os.WriteFile(file, []byte(broken), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Verify(dir)
		switch {
		case err == nil:
			t.Errorf("%s: no error", c.new)
		case c.want != "":
			sourcetest.Error(t, err, file+c.want)
		default:
			sourcetest.OneLine(t, err)
			if !strings.Contains(err.Error(), ": metadata: crc32c is ") {
				t.Error(err)
			}
		}
	}
	if _, err := Verify(filepath.Join(dir, "none")); err == nil {
		t.Error("a checkpoint that is not there verifies")
	}
}
