package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/nanogpt"
)

// TestDescriptors opens valid and invalid files many times and closes those that could be opened; afterwards
// no more files may be open than before.
func TestDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("open files are counted on Linux alone")
	}
	count := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("config.json", []byte("{}"))
	broken := []string{
		file("a.safetensors", []byte("\x09\x00\x00\x00\x00\x00\x00\x00{\"a\": 1} ")),
		file("b.bin", []byte("PK\x03\x04 and no more")),
		file("ckpt.pt", []byte("PK\x03\x04 and no more")),
		file("llmc.bin", []byte("\x26\x40\x35\x01 and no more")),
		file("shards/model.safetensors.index.json", []byte(`{"weight_map": {"a": "../a.safetensors"}}`)),
		file("nothing", nil),
		filepath.Join(dir, "shards"), filepath.Join(dir, "none"), dir,
	}
	file("shards/config.json", []byte("{}"))
	good := []string{
		"testdata/models/gpt2/hf", "testdata/models/gpt2/sharded", "testdata/models/gpt2/zip", "testdata/models/gpt2/legacy", "testdata/models/gpt2/tf",
		"testdata/models/gpt2/llmc.bin", "testdata/models/gpt1/npy", "testdata/nanogpt/plain",
	}
	before := count()
	for range 20 {
		for _, path := range broken {
			if _, err := Recognize(path); err == nil {
				t.Fatalf("%s is a model", path)
			}
			if _, err := Verify(path); err == nil {
				t.Fatalf("%s is a checkpoint", path)
			}
			nanogpt.Is(path)
		}
		for _, path := range good {
			o, err := Recognize(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Weights.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load("testdata/models/gpt2/hf"); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify("testdata/models/gpt2/sharded"); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
}

// TestMakeTempErrors: if nothing can be created beside the checkpoint, that is the error, and nothing is left
// behind.
func TestMakeTempErrors(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := makeTemp(filepath.Join(dir, "none"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
	long := string(make([]byte, 300))
	if _, _, err := makeTemp(dir, "x"+long); err == nil {
		t.Error("a name that no file system takes is taken")
	}
	if err := Write(filepath.Join(dir, "a", "b"), func(string) error { return errFull }); err != errFull {
		t.Errorf("error %v, want %v", err, errFull)
	}
	temp, unlock, err := makeTemp(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(temp); err != nil || !info.IsDir() {
		t.Errorf("%s: %v, want a directory", temp, err)
	}
	other, unlockOther, err := makeTemp(dir, "x")
	if err != nil || other == temp {
		t.Errorf("twice %s, %v", other, err)
	}
	unlock()
	unlockOther()
	if err := tidy(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 { // only "a" is left
		t.Errorf("left are %v, %v", left, err)
	}
}
