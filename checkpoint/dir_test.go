package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
)

// put writes files with the given text into a directory.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// fillWith returns a fill function for Write that writes two files, one of them with the given text.
func fillWith(t *testing.T, text string) func(string) error {
	return func(temp string) error {
		put(t, temp, map[string]string{configName: "{}", "a": text})
		return nil
	}
}

// wantFile compares a file to a text.
func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

// wantNames compares the names in a directory, including hidden ones.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

// withoutSwap runs a test twice, the second time as on a system that cannot swap directories.
func withoutSwap(t *testing.T, f func(t *testing.T)) {
	t.Run("swap", f)
	t.Run("steps", func(t *testing.T) {
		was := swap
		swap = func(a, b string) error { return errors.ErrUnsupported }
		defer func() { swap = was }()
		f(t)
	})
}

func TestWrite(t *testing.T) {
	withoutSwap(t, func(t *testing.T) {
		parent := filepath.Join(t.TempDir(), "made", "too")
		dir := filepath.Join(parent, "step-1")
		for _, text := range []string{"first", "second"} {
			if err := Write(dir, fillWith(t, text)); err != nil {
				t.Fatal(err)
			}
			wantFile(t, filepath.Join(dir, "a"), text)
			wantNames(t, dir, "a", configName)
			wantNames(t, parent, "step-1")
		}
		// The directory is replaced as a whole: files that only the previous one had are gone.
		if err := Write(dir, func(temp string) error {
			put(t, temp, map[string]string{configName: "{}"})
			return os.Mkdir(filepath.Join(temp, "sub"), 0o777)
		}); err != nil {
			t.Fatal(err)
		}
		wantNames(t, dir, configName, "sub")
	})
}

func TestWriteReplacesEmpty(t *testing.T) {
	withoutSwap(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := Write(dir, fillWith(t, "x")); err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(dir, "a"), "x")
	})
}

func TestWriteFails(t *testing.T) {
	withoutSwap(t, func(t *testing.T) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "step-1")
		full := errors.New("no space left on device")
		fail := func(temp string) error {
			put(t, temp, map[string]string{"a": "half"})
			return full
		}
		if err := Write(dir, fail); err != full {
			t.Errorf("error %v, want %v", err, full)
		}
		wantNames(t, parent)
		if err := Write(dir, fillWith(t, "good")); err != nil {
			t.Fatal(err)
		}
		if err := Write(dir, fail); err != full {
			t.Errorf("error %v, want %v", err, full)
		}
		wantFile(t, filepath.Join(dir, "a"), "good")
		wantNames(t, parent, "step-1")

		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Write(dir, func(string) error { panic("in fill") })
		}()
		wantFile(t, filepath.Join(dir, "a"), "good")
		wantNames(t, parent, "step-1")
	})
}

func TestWriteRefuses(t *testing.T) {
	parent := t.TempDir()
	put(t, parent, map[string]string{"file": ""})
	other := filepath.Join(parent, "other")
	if err := os.Mkdir(other, 0o777); err != nil {
		t.Fatal(err)
	}
	put(t, other, map[string]string{"thesis.tex": "years of work"})
	if err := os.Symlink("other", filepath.Join(parent, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	never := func(string) error { t.Error("fill was called"); return nil }
	tests := []struct{ dir, want string }{
		{filepath.Join(parent, "file"), parent + "/file: a file, want a directory or nothing there"},
		{other, parent + "/other: holds files but no config.json: not a checkpoint, so it is not replaced"},
		{filepath.Join(parent, "link"), parent + "/link: a symbolic link, want a directory or nothing there"},
		{".", ".: want a path that ends in a name for the checkpoint"},
		{"/", "/: want a path that ends in a name for the checkpoint"},
		{"..", "..: want a path that ends in a name for the checkpoint"},
		{parent + "/.gorgpt-tmp-x", parent + "/.gorgpt-tmp-x: want a path that ends in a name for the checkpoint"},
		{filepath.Join(parent, "file", "sub"), "mkdir " + parent + "/file: not a directory"},
	}
	for _, test := range tests {
		sourcetest.Error(t, Write(test.dir, never), test.want)
	}
	wantFile(t, filepath.Join(other, "thesis.tex"), "years of work")
	wantNames(t, parent, "file", "link", "other")
}

func TestWriteUnwritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(parent, 0o777)
	err := Write(filepath.Join(parent, "step-1"), fillWith(t, "x"))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), parent) {
		t.Errorf("error %v, want one of permission in %s", err, parent)
	}
}

// TestWriteTidies: Write removes what crashes at each stage leave behind.
func TestWriteTidies(t *testing.T) {
	parent := t.TempDir()
	dirs := []string{
		".gorgpt-tmp-step-1-0123abcd",  // died while filling
		".gorgpt-old-step-2", "step-2", // died before the previous one was removed
		".gorgpt-old-step-3", // died between the two renames
	}
	for _, name := range dirs {
		if err := os.Mkdir(filepath.Join(parent, name), 0o777); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(parent, name), map[string]string{configName: "{}", "a": name})
	}
	put(t, parent, map[string]string{".gorgpt-tmp-latest-0123abcd": "step-1\n", ".hidden": "mine"})

	// The interrupted replacement can be read even before anything is tidied.
	c, err := Open(filepath.Join(parent, "step-3"))
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(c.Path(), "a"), ".gorgpt-old-step-3")
	_, err = Open(filepath.Join(parent, ".gorgpt-tmp-step-1-0123abcd"))
	sourcetest.Error(t, err, parent+"/.gorgpt-tmp-step-1-0123abcd: an unfinished checkpoint")

	if err := Write(filepath.Join(parent, "step-4"), fillWith(t, "x")); err != nil {
		t.Fatal(err)
	}
	wantNames(t, parent, ".hidden", "step-2", "step-3", "step-4")
	wantFile(t, filepath.Join(parent, "step-2", "a"), "step-2")
	wantFile(t, filepath.Join(parent, "step-3", "a"), ".gorgpt-old-step-3")
}

// TestWriteTogether runs several writers in the same directory: none may mistake another's temporary
// directory for a leftover and remove it.
func TestWriteTogether(t *testing.T) {
	parent := t.TempDir()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			name := fmt.Sprint("step-", i)
			for range 5 {
				if err := Write(filepath.Join(parent, name), fillWith(t, name)); err != nil {
					t.Error(err)
				}
				if err := Point(parent, "latest", name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	wantNames(t, parent, "latest", "step-0", "step-1", "step-2", "step-3", "step-4", "step-5", "step-6", "step-7")
	for i := range 8 {
		name := fmt.Sprint("step-", i)
		wantFile(t, filepath.Join(parent, name, "a"), name)
	}
}

// TestWriteNeverNeither watches a checkpoint continuously while it is replaced: it must never be missing.
func TestWriteNeverNeither(t *testing.T) {
	withoutSwap(t, func(t *testing.T) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "step-1")
		if err := Write(dir, fillWith(t, "0")); err != nil {
			t.Fatal(err)
		}
		if err := Point(parent, "latest", "step-1"); err != nil {
			t.Fatal(err)
		}
		look := func() error {
			_, err := follow(filepath.Join(parent, "latest"))
			return err
		}
		other := t.TempDir()
		if swap(other, t.TempDir()) == nil { // then the bare name must always exist too
			look = func() error {
				_, err := os.Stat(filepath.Join(parent, "latest", configName))
				return err
			}
		}
		done := make(chan bool)
		var wait sync.WaitGroup
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := look(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
		for i := range 50 {
			if err := Write(dir, fillWith(t, fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
		close(done)
		wait.Wait()
	})
}
