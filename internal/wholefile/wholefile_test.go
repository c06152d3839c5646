package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestWrite: a file is replaced as a whole; an unfinished write leaves the old file and nothing else.
func TestWrite(t *testing.T) {
	t.Chdir(t.TempDir())
	check := func(want string) {
		t.Helper()
		got, err := os.ReadFile("file")
		if err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		if entries, _ := filepath.Glob("file*"); len(entries) != 1 {
			t.Errorf("left behind: %v", entries)
		}
	}
	if err := Write("file", []byte("one")); err != nil {
		t.Fatal(err)
	}
	check("one")
	f, err := Create("file")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("two, which never ends"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile("file"); string(got) != "one" {
		t.Errorf("%q while another is written", got)
	}
	f.Discard()
	check("one")
	if err := os.WriteFile("file.tmp", []byte("of a crash, and longer than what follows"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write("file", []byte("three")); err != nil {
		t.Fatal(err)
	}
	check("three")
	if f, err = Create("file"); err != nil {
		t.Fatal(err)
	}
	f.WriteString("four")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard() // no longer has an effect
	check("four")
}

// TestMode: a replaced file keeps its permissions.
func TestMode(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write("file", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat("file"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want the mode 0600", info, err)
	}
}

// TestWriteThrough: links stay links, and files that are not regular are written in place.
func TestWriteThrough(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("dir", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("dir/file", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dir/file", "link"); err != nil {
		t.Skip(err)
	}
	if err := Write("link", []byte("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat("link")
	if got, _ := os.ReadFile("dir/file"); err != nil || info.Mode()&fs.ModeSymlink == 0 || string(got) != "x" {
		t.Errorf("%v, %v, %q; want the link, and its file written", info, err, got)
	}
	if err := Write(os.DevNull, []byte("x")); err != nil {
		t.Error(err)
	}
	f, err := Create(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v; want a file that is closed", err)
	}
}

// TestWriteErrors: errors name the file, not the name under which it is written.
func TestWriteErrors(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none", "file"), t.TempDir()} {
		err := Write(path, nil)
		var pathErr *fs.PathError
		if !errors.As(err, &pathErr) || pathErr.Path != path {
			t.Errorf("%v; want an error of %s", err, path)
		}
	}
	if err := Write("/dev/full", []byte("x")); err == nil {
		if _, no := os.Stat("/dev/full"); no == nil {
			t.Error("a full disk is no error")
		}
	}
}
