package datasets

import (
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree has every kind of entry that a folder may have.
var tree = map[string]string{
	"b.txt":         "bee",
	"a/z.md":        "zed",
	"a/y.txt":       "why",
	"a/a/deep.txt":  "deep",
	"nul.bin":       "\x7fELF\x00\x01",
	"late.txt":      strings.Repeat("x", 8<<10) + "\x00", // the NUL is beyond the bytes that are examined
	"empty.txt":     "",
	".hidden.txt":   "hidden",
	".git/config":   "hidden",
	"a/.git/config": "hidden",
}

func TestOpenFile(t *testing.T) {
	dir := write(t, map[string]string{"x.txt": "text", "nul.dat": "a\x00b"})
	for name, want := range map[string]string{"x.txt": "text", "nul.dat": "a\x00b"} { // a named file is always opened
		path := filepath.Join(dir, name)
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(t, s); len(got) != 1 || got[path] != want {
			t.Errorf("texts %q", got)
		}
		if s.Name() != path || names(s) != name || s.Size() != int64(len(want)) {
			t.Errorf("source %s has %s", s, names(s))
		}
	}
}

func TestOpenFolder(t *testing.T) {
	dir := write(t, tree)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	for path, target := range map[string]string{
		"a/link.txt": "../b.txt", // followed
		"a/up":       "..",       // not followed, as it would never end
		"a/nowhere":  "nothing",
	} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			t.Fatal(err)
		}
	}
	for _, spec := range []string{dir, dir + "/", link} {
		s, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := names(s), "a/a/deep.txt a/link.txt a/y.txt a/z.md b.txt late.txt"; got != want {
			t.Errorf("%s: documents %s\nwant %s", spec, got, want)
		}
		if got := texts(t, s)[filepath.Join(spec, "a", "y.txt")]; got != "why" {
			t.Errorf("%s: a/y.txt is %q", spec, got)
		}
	}
}

func TestOpenGlob(t *testing.T) {
	dir := write(t, tree)
	for glob, want := range map[string]string{
		"*.txt":         "b.txt late.txt",
		"a/*.txt":       "y.txt",
		"*":             "a/a/deep.txt a/y.txt a/z.md b.txt late.txt",
		"[ab]*":         "a/a/deep.txt a/y.txt a/z.md b.txt",
		".h*":           ".hidden.txt",
		"?/[y-z].*":     "a/y.txt a/z.md",
		"a/a/deep.t?t":  "deep.txt",
		"a/a/deep.txt*": "deep.txt",
	} {
		s, err := Open(filepath.Join(dir, glob))
		if err != nil {
			t.Errorf("%s: %v", glob, err)
			continue
		}
		if got := names(s); got != want {
			t.Errorf("%s: documents %s\nwant %s", glob, got, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := write(t, map[string]string{
		"empty.txt":        "",
		"only/.git":        "hidden",
		"only/empty.txt":   "",
		"only/also.txt":    "",
		"only/nul.bin":     "\x00",
		"cut/train.bin":    "",
		"cut/val.bin":      "\x01\x00\x02\x00",
		"torn/train_0.bin": "\x00\x00\x00\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 1016) + "\xff\xff\x02\x00",
		"torn/val_0.bin":   "\x88\xd8\x34\x01\x01\x00\x00\x00\x02\x00\x00\x00" + strings.Repeat("\x00", 1012) + "\x01\x00\x02\x00",
	})
	if err := os.Mkdir(filepath.Join(dir, "bare"), 0o777); err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]string{
		"nosuch.txt":   "DIR/nosuch.txt: no such file or folder",
		"empty.txt":    "DIR/empty.txt: the file is empty",
		"bare":         "DIR/bare: no text in this folder: it is empty",
		"only":         "DIR/only: no text in this folder, only 1 binary, 2 empty, 1 hidden entries",
		"cut":          "DIR/cut/train.bin: the file is empty, but is among token shards",
		"torn":         "DIR/torn/train_0.bin: the file does not begin like a token shard, but is among token shards; fix it or remove it",
		"cut/*.bin":    "DIR/cut/train.bin: the file is empty, but is among token shards",
		"*.md":         "DIR/*.md: no file matches",
		"only/*":       "DIR/only/*: no text in what it matches, only 1 binary, 2 empty, 1 hidden entries",
		"[":            "DIR/[: not a valid glob",
		"empty.txt/in": "stat DIR/empty.txt/in: not a directory",
	} {
		_, err := Open(filepath.Join(dir, spec))
		if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("%s: error %v\nwant  %s", spec, err, want)
		}
	}
	if _, err := Open(""); err == nil || err.Error() != `no data: want a file, a folder, a glob or "go"` {
		t.Errorf("no spec: %v", err)
	}
	if _, err := os.Stat(os.DevNull); err == nil {
		if _, err := Open(os.DevNull); err == nil || err.Error() != os.DevNull+": not a regular file or a folder: text must be readable more than once" {
			t.Errorf("%s: %v", os.DevNull, err)
		}
	}
}

func TestOpenGo(t *testing.T) {
	s, err := Open("go")
	if err != nil {
		if strings.Contains(err.Error(), "install Go") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Log(s)
	if !strings.HasPrefix(s.Name(), "Go ") || !strings.HasSuffix(s.Name(), "standard library") {
		t.Errorf("name %q", s.Name())
	}
	seen := make(map[string]bool)
	for _, d := range s.Documents() {
		seen[d.Name] = true
		if !strings.HasSuffix(d.Name, ".go") || d.Size >= goTable {
			t.Errorf("%s of %d bytes is among the documents", d.Name, d.Size)
		}
		for _, part := range strings.Split(d.Name, "/") {
			if part == "testdata" || part == "vendor" {
				t.Errorf("%s is among the documents", d.Name)
			}
		}
		if strings.HasPrefix(d.Name, "cmd/") {
			t.Fatalf("%s is among the documents", d.Name)
		}
	}
	for _, name := range []string{"fmt/print.go", "strings/strings_test.go", "net/http/server.go"} {
		if !seen[name] {
			t.Errorf("%s is not among the documents", name)
		}
	}
	again, err := Open("go")
	if err != nil || names(again) != names(s) {
		t.Errorf("opened again it is %v, %v", again, err)
	}
}

func TestOpenGoAbsent(t *testing.T) {
	dir := write(t, map[string]string{
		"bare/VERSION": "go1.26.8", "none/src/x.txt": "x",
		"fake/VERSION": "go1.99.1\ntime 2030", "fake/src/fmt/print.go": "package fmt", "fake/src/cmd/x.go": "package main",
	})
	const remedy = "; install Go from https://go.dev/dl or name a file or folder"
	for root, want := range map[string]string{
		"bare": "go: DIR/bare has no src folder: this Go came without its source" + remedy,
		"none": "go: no .go files in DIR/none/src" + remedy,
	} {
		t.Setenv("GOROOT", filepath.Join(dir, root))
		_, err := Open("go")
		if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("%s: error %v\nwant  %s", root, err, want)
		}
	}
	t.Setenv("GOROOT", filepath.Join(dir, "fake"))
	s, err := Open("go")
	if err != nil || s.String() != "Go 1.99.1 standard library: 1 file, 11 bytes" {
		t.Errorf("fake: %v, %v", s, err)
	}
	t.Run("without the go command", func(t *testing.T) {
		t.Setenv("GOROOT", "")
		t.Setenv("PATH", "")
		defer func(root string) { build.Default.GOROOT = root }(build.Default.GOROOT)
		build.Default.GOROOT = filepath.Join(dir, "fake")
		if again, err := Open("go"); err != nil || again.String() != s.String() {
			t.Errorf("the Go that built this: %v, %v; want %v", again, err, s)
		}
		build.Default.GOROOT = ""
		if _, err := Open("go"); err == nil || err.Error() != "go: no Go toolchain found"+remedy {
			t.Errorf("no Go: %v", err)
		}
	})
	link := filepath.Join(dir, "linked") // as Debian installs it
	if err := os.Mkdir(link, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "fake", "src"), filepath.Join(link, "src")); err != nil {
		t.Skip(err)
	}
	t.Setenv("GOROOT", link)
	if s, err := Open("go"); err != nil || s.String() != "Go standard library: 1 file, 11 bytes" {
		t.Errorf("linked: %v, %v", s, err)
	}
}
