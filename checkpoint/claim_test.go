package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestClaim: only one process at a time can claim a directory, and others are told which one has it.
func TestClaim(t *testing.T) {
	dir := t.TempDir()
	claimed, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := Claim(dir)
		if err == nil && runtime.GOOS != "linux" {
			t.Skip("no locks here")
		}
		if err == nil {
			t.Fatal("claimed by two")
		}
		if want := fmt.Sprintf("%s: in use by process %d", dir, os.Getpid()); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	claimed.Release()
	if note, err := os.ReadFile(filepath.Join(dir, ClaimName)); err != nil || len(note) > 0 {
		t.Errorf("%q, %v: want nobody noted", note, err)
	}
	if claimed, err = Claim(dir); err != nil {
		t.Fatal(err)
	}
	claimed.Release()
	if _, err := Claim(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there is claimed")
	}
	if err := lockFile(claimed.f); err == nil || errors.Is(err, errLocked) { // the file is closed
		t.Errorf("a file without locks: %v", err)
	}
}

// TestClaimedDirectoryIsGone: Check reports a claimed directory that was removed, renamed, or replaced by another.
func TestClaimedDirectoryIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	for name, take := range map[string]func(string) error{
		"removed": os.RemoveAll,
		"renamed": func(dir string) error { return os.Rename(dir, dir+"-2") },
		"replaced": func(dir string) error {
			if err := os.Rename(dir, dir+"-3"); err != nil {
				return err
			}
			return os.CopyFS(dir, os.DirFS(dir+"-3"))
		},
	} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		claimed, err := Claim(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := claimed.Check(); err != nil {
			t.Error(err)
		}
		if err := take(dir); err != nil {
			t.Fatal(err)
		}
		if want := dir + ": removed, renamed or replaced by another process"; claimed.Check() == nil || claimed.Check().Error() != want {
			t.Errorf("%s: %v, want %s", name, claimed.Check(), want)
		}
		claimed.Release()
		os.RemoveAll(dir)
	}
}
