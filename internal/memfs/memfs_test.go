package memfs_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/gorgpt/gorgpt/internal/memfs"
)

func TestFS(t *testing.T) {
	files := memfs.FS{"a.json": []byte("{}"), "empty": nil}
	for name, want := range files {
		got, err := fs.ReadFile(files, name)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		info, err := fs.Stat(files, name)
		if err != nil || info.Size() != int64(len(want)) || info.Name() != name || !info.Mode().IsRegular() || info.IsDir() || !info.ModTime().IsZero() || info.Sys() != nil {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := files.Open("b"); !errors.Is(err, fs.ErrNotExist) || err.Error() != "open b: file does not exist" {
		t.Errorf("b: %v", err)
	}
}
