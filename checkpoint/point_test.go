package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
)

// withoutLinks runs a test twice, the second time as on a system without symbolic links.
func withoutLinks(t *testing.T, f func(t *testing.T)) {
	t.Run("links", f)
	t.Run("text", func(t *testing.T) {
		was := symlink
		symlink = func(target, path string) error { return errors.ErrUnsupported }
		defer func() { symlink = was }()
		f(t)
	})
}

func TestPoint(t *testing.T) {
	withoutLinks(t, func(t *testing.T) {
		parent := t.TempDir()
		for _, name := range []string{"step-1", "step-2"} {
			if err := Write(filepath.Join(parent, name), fillWith(t, name)); err != nil {
				t.Fatal(err)
			}
			if err := Point(parent, "latest", name); err != nil {
				t.Fatal(err)
			}
			c, err := Open(filepath.Join(parent, "latest"))
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(parent, name); c.Path() != want {
				t.Errorf("latest is %s, want %s", c.Path(), want)
			}
		}
		if err := Point(parent, "best", "step-1"); err != nil {
			t.Fatal(err)
		}
		wantNames(t, parent, "best", "latest", "step-1", "step-2")

		// The whole directory moves; its pointers are relative, and so remain valid.
		moved := filepath.Join(t.TempDir(), "moved")
		if err := os.Rename(parent, moved); err != nil {
			t.Fatal(err)
		}
		c, err := Open(filepath.Join(moved, "best"))
		if err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(c.Path(), "a"), "step-1")
	})
}

// TestPointIsALink: a pointer is a symbolic link, so that other programs, such as transformers, can open it as a path.
func TestPointIsALink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("pointers are text files on Windows")
	}
	parent := t.TempDir()
	if err := Write(filepath.Join(parent, "step-1"), fillWith(t, "x")); err != nil {
		t.Fatal(err)
	}
	if err := Point(parent, "latest", "step-1"); err != nil {
		t.Fatal(err)
	}
	target, err := os.Readlink(filepath.Join(parent, "latest"))
	if err != nil || target != "step-1" {
		t.Errorf("link to %q, %v; want step-1", target, err)
	}
	wantFile(t, filepath.Join(parent, "latest", "a"), "x")
}

func TestPointErrors(t *testing.T) {
	parent := t.TempDir()
	if err := Write(filepath.Join(parent, "step-1"), fillWith(t, "x")); err != nil {
		t.Fatal(err)
	}
	put(t, parent, map[string]string{"file": ""})
	if err := Point(parent, "link", "step-1"); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ pointer, target, want string }{
		{"latest", "step-2", "lstat " + parent + "/step-2: no such file or directory"},
		{"latest", "file", parent + "/file: not a directory, want a checkpoint for latest to point to"},
		{"step-1", "step-1", parent + "/step-1: not a pointer, so it is not replaced"},
		{"file", "step-1", parent + "/file: not a pointer, so it is not replaced"},
		{"best", "link", parent + "/link: not a directory, want a checkpoint for best to point to"},
		{"link", "link", parent + "/link: not a directory, want a checkpoint for link to point to"},
		{"latest", "../x", parent + `: "../x" cannot be the name of a checkpoint or pointer in it`},
		{"", "step-1", parent + `: "" cannot be the name of a checkpoint or pointer in it`},
		{"..", "step-1", parent + `: ".." cannot be the name of a checkpoint or pointer in it`},
	}
	for _, test := range tests {
		sourcetest.Error(t, Point(parent, test.pointer, test.target), test.want)
	}
	wantNames(t, parent, "file", "link", "step-1")
}

func TestOpenErrors(t *testing.T) {
	parent := t.TempDir()
	put(t, parent, map[string]string{
		"text": "a text of\nseveral lines\n", "self": "self\n", "gone": "step-9\n", "up": "..\n",
	})
	if err := os.Mkdir(filepath.Join(parent, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, want string }{
		{"none", "stat " + parent + "/none: no such file or directory"},
		{"gone", parent + "/gone: points at step-9: stat " + parent + "/step-9: no such file or directory"},
		{"text", parent + "/text: a file, want the directory of a checkpoint, or a weights file in a supported format"},
		{"self", parent + "/self: a file, want the directory of a checkpoint, or a weights file in a supported format"},
		{"up", parent + "/up: a file, want the directory of a checkpoint, or a weights file in a supported format"},
		{"empty", parent + "/empty: no config.json in it: not a checkpoint"},
	}
	for _, test := range tests {
		_, err := Open(filepath.Join(parent, test.name))
		sourcetest.Error(t, err, test.want)
	}
}
