package shard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.bin")
	w, err := Create(path, GPT2, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]int{{1, 256}, nil, {65535}} {
		if err := w.Write(ids); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before Close: %v, want no file", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != 1024+6 {
		t.Fatalf("%d bytes, want 1030", len(b))
	}
	for i, want := range []uint32{20240520, 1, 3, 0} {
		if got := binary.LittleEndian.Uint32(b[4*i:]); got != want {
			t.Errorf("word %d of the header is %d, want %d", i, got, want)
		}
	}
	if got := b[1024:]; !bytes.Equal(got, []byte{1, 0, 0, 1, 255, 255}) {
		t.Errorf("tokens %v", got)
	}
}

// TestWide checks shards of 32-bit ids, with the magic and version that llm.c's dev/data/data_common.py writes for
// Llama 3.
func TestWide(t *testing.T) {
	if For(65536) != GPT2 || For(65537) != Llama {
		t.Errorf("a vocabulary of 65536 has %v, of 65537 %v", For(65536), For(65537))
	}
	path := filepath.Join(t.TempDir(), "a.bin")
	w, err := Create(path, For(201088), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write([]int{200006, 1, math.MaxInt32}), w.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]uint32{0: 20240801, 1: 7, 2: 3, 3: 0, 256: 200006, 257: 1, 258: math.MaxInt32} {
		if got := binary.LittleEndian.Uint32(b[4*i:]); got != want {
			t.Errorf("word %d is %d, want %d", i, got, want)
		}
	}
	if len(b) != 4*259 {
		t.Errorf("%d bytes, want %d", len(b), 4*259)
	}
}

func TestWriterErrors(t *testing.T) {
	for _, id := range []int{-1, 65536} {
		path := filepath.Join(t.TempDir(), "a.bin")
		w, err := Create(path, GPT2, 2)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s: token 1: id %d, want 0 to 65535", path, id)
		if err := w.Write([]int{7, id}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if err := w.Close(); err == nil || err.Error() != want {
			t.Errorf("Close: error %v, want %s", err, want)
		}
		if left, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	}
	for _, ids := range [][]int{{1}, {1, 2, 3}} {
		path := filepath.Join(t.TempDir(), "a.bin")
		w, err := Create(path, GPT2, 2)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s: %d tokens were written, want 2", path, len(ids))
		if err := errors.Join(w.Write(ids), w.Close()); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := Create(filepath.Join(t.TempDir(), "none", "a.bin"), GPT2, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func ExampleCreate() {
	dir, err := os.MkdirTemp("", "shard")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "train_000000.bin")
	w, err := Create(path, GPT2, 4)
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Write([]int{15496, 11, 995, 50256}); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Tokens(), info.Size())
	// Output: 4 1032
}

// TestCreateFails: a file that cannot be written is an error of Create, not of a later Write.
func TestCreateFails(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "nowhere", "x.bin"), GPT2, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	full := filepath.Join(t.TempDir(), "x.bin")
	if err := os.Symlink("/dev/full", full+".tmp"); err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	if w, err := Create(full, GPT2, 1); err == nil {
		t.Errorf("a full disk: no error; Close: %v", w.Close())
	}
	if _, err := os.Lstat(full + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of a failed Create is left: %v", err)
	}
}
