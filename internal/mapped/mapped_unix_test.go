//go:build unix

package mapped_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/mapped"
)

var sink byte

// TestGuard reads a file that was truncated to its first page, on this goroutine and on those of the kernels.
func TestGuard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	page := os.Getpagesize()
	size := 64 * page
	if err := os.WriteFile(path, make([]byte, size), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(data)
	mapped.Add(data, "the file")
	defer mapped.Remove(data)
	if err := os.Truncate(path, int64(page)); err != nil {
		t.Fatal(err)
	}
	const want = "the file: byte "
	for name, read := range map[string]func() error{
		"an element": func() error { sink = data[page+1]; return nil },
		"a copy":     func() error { copy(make([]byte, page), data[page:]); return nil },
		"several cores": func() error {
			kernel.For(size, 1, func(lo, hi int) { copy(make([]byte, hi-lo), data[lo:hi]) })
			return nil
		},
	} {
		err := mapped.Guard(read)
		if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s: error %v, want %s…", name, err, want)
		}
	}
	other := errors.New("another")
	if err := mapped.Guard(func() error { return other }); err != other {
		t.Errorf("error %v, want %v", err, other)
	}
	func() {
		defer func() {
			if r := recover(); r != "a panic" {
				t.Errorf("recovered %v, want a panic", r)
			}
		}()
		mapped.Guard(func() error { panic("a panic") })
	}()
}
