package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// TestNames: the names of objects are joined and split like paths, and settings stay at the end.
func TestNames(t *testing.T) {
	for _, c := range []struct{ name, joined, dir, base string }{
		{"s3://b", "s3://b/x/y", "s3://b", "b"},
		{"s3://b/", "s3://b/x/y", "s3://b", "b"},
		{"s3://b/k", "s3://b/k/x/y", "s3://b", "k"},
		{"s3://b/k/l/", "s3://b/k/l/x/y", "s3://b/k", "l"},
		{"s3://b/k?region=eu-west-1", "s3://b/k/x/y?region=eu-west-1", "s3://b?region=eu-west-1", "k"},
		{"s3://b/k*/a?.txt", "s3://b/k*/a?.txt/x/y", "s3://b/k*", "a?.txt"},
		{"S3://b/%20 x", "s3://b/%20 x/x/y", "s3://b", "%20 x"},
		{"s3://b/k?endpoint=http://h:1/&region=x", "s3://b/k/x/y?endpoint=http://h:1/&region=x", "s3://b?endpoint=http://h:1/&region=x", "k"},
	} {
		if got := Join(c.name, "x", "y"); got != c.joined || Dir(c.name) != c.dir || Base(c.name) != c.base || !IsURL(c.name) {
			t.Errorf("%s: %s, %s, %s; want %s, %s, %s", c.name, got, Dir(c.name), Base(c.name), c.joined, c.dir, c.base)
		}
	}
	for _, name := range []string{"a/b", `C:\a`, "c://a", "file:///a", "FILE:///a", "a/s3://b", ""} {
		if IsURL(name) {
			t.Errorf("%q is taken for an object", name)
		}
	}
	for name, want := range map[string]string{"file:///a/b c": "/a/b c", "file://localhost/a": "/a", "a/b": "a/b", "s3://b/k": "s3://b/k"} {
		if got, err := Local(name); err != nil || got != filepath.FromSlash(want) {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"file://a/b":                "file://a/b: want an absolute path, as in file:///data/texts, or the path alone",
		"file:///a?create_dir=true": "file:///a?create_dir=true: a file: URL takes no settings; leave out ?create_dir=true",
	} {
		if _, err := Local(name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if _, err := Open(name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestFiles: writing, listing, reading and removing give the same results in a folder and in a bucket.
func TestFiles(t *testing.T) {
	for _, root := range []string{t.TempDir(), "file://" + filepath.ToSlash(t.TempDir()), "mem://files", "mem://files/below?x=y"} {
		list := func() (names []string) {
			for o, err := range Objects(root) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, fmt.Sprint(o.Key, " ", o.Size))
			}
			return names
		}
		if names := list(); names != nil {
			t.Errorf("%s: %v", root, names)
		}
		if err := MakeDir(Join(root, "c")); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"b": "two", "c/a": "three", "c/b": "four!", "a": ""} {
			if err := Write(Join(root, name), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if names := list(); !slices.Equal(names, []string{"a 0", "b 3", "c/a 5", "c/b 5"}) {
			t.Errorf("%s: %v", root, names)
		}
		if text, err := ReadFile(Join(root, "c", "b"), 5); err != nil || string(text) != "four!" {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := ReadFile(Join(root, "c", "b"), 4); err == nil || !strings.HasSuffix(err.Error(), ": more than 4 bytes") {
			t.Errorf("too long: %v", err)
		}
		for name, dir := range map[string]bool{"": true, "c": true, "c/b": false} {
			if info, err := Stat(Join(root, name)); err != nil || info.IsDir() != dir || info.Mode().IsRegular() == dir {
				t.Errorf("%s/%s: %v, %v", root, name, info, err)
			}
		}
		for _, name := range []string{"d", "c/c"} {
			_, err := Stat(Join(root, name))
			_, err2 := Open(Join(root, name))
			if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err2, fs.ErrNotExist) || !strings.Contains(err2.Error(), name) {
				t.Errorf("%s/%s: %v, %v", root, name, err, err2)
			}
		}
		if err := errors.Join(RemoveAll(Join(root, "c")), RemoveAll(Join(root, "b")), RemoveAll(Join(root, "never"))); err != nil {
			t.Error(err)
		}
		if names := list(); !slices.Equal(names, []string{"a 0"}) {
			t.Errorf("%s: %v are left", root, names)
		}
		if err := RemoveAll(root); (err != nil) != (root == "mem://files") { // a whole bucket cannot be removed
			t.Errorf("%s: %v", root, err)
		}
	}
}

// TestDiscard: a write that is not committed leaves nothing behind, and the previous object remains.
func TestDiscard(t *testing.T) {
	for _, root := range []string{t.TempDir(), "mem://discard"} {
		name := Join(root, "x")
		for _, before := range []string{"", "before"} {
			if before != "" {
				if err := Write(name, []byte(before)); err != nil {
					t.Fatal(err)
				}
			}
			w, err := Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("half of it")); err != nil {
				t.Fatal(err)
			}
			w.Discard()
			text, err := ReadFile(name, 100)
			if before == "" && !errors.Is(err, fs.ErrNotExist) || string(text) != before {
				t.Errorf("%s: %q, %v; want %q", root, text, err, before)
			}
		}
	}
}

// TestReads: reads of an object give its bytes, at any offset and in pieces of any size.
func TestReads(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcde\n"), 20_000) // longer than the first ranges
	name := "mem://reads/x"
	if err := Write(name, data); err != nil {
		t.Fatal(err)
	}
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := iotest.TestReader(f, data); err != nil {
		t.Error(err)
	}
	for _, at := range []int64{0, 1, 65_535, 65_536, 300_000, 5, int64(len(data)) - 3} {
		p := make([]byte, 10)
		n, err := f.ReadAt(p, at)
		want := data[at:min(at+10, int64(len(data)))]
		if !bytes.Equal(p[:n], want) || (err != nil) != (n < 10) {
			t.Errorf("at %d: %q, %v", at, p[:n], err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("before the start")
	}
}

// short is a bucket whose objects are shorter than Stat says, and whose writes fail after some bytes.
type short struct{ Bucket }

func (s short) Stat(ctx context.Context, key string) (Object, error) {
	o, err := s.Bucket.Stat(ctx, key)
	o.Size += 7
	return o, err
}

func (s short) Write(ctx context.Context, key string) (io.WriteCloser, error) {
	w, err := s.Bucket.Write(ctx, key)
	return &failingWriter{w}, err
}

type failingWriter struct{ io.WriteCloser }

func (w *failingWriter) Write(p []byte) (int, error) {
	w.WriteCloser.Write(p[:min(2, len(p))])
	return min(2, len(p)), errors.New("the network is gone")
}

// TestBroken: an object that ends too early is an error, and so is one that cannot be written, of which nothing remains.
func TestBroken(t *testing.T) {
	Register("short", func(ctx context.Context, url string) (Bucket, error) {
		b, err := openMemory(ctx, url)
		m := b.(*memory)
		m.objects["x"] = stored{data: []byte("all")}
		return short{b}, err
	})
	Register("gone", func(context.Context, string) (Bucket, error) { return nil, errors.New("no such host") })
	_, err := ReadFile("short://b/x", 100)
	if want := "read short://b/x: it ends at byte 3 of 10: the object is cut short, or was changed after it was opened"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for range 2 {
		if err := Write("short://b/y", []byte("text")); err == nil || err.Error() != "write short://b/y: the network is gone" {
			t.Error(err)
		}
	}
	w, err := Create("short://b/y")
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("text"))
	if err := w.Commit(); err == nil {
		t.Error("committed after an error")
	}
	for o, err := range Objects("short://b") {
		if o.Key != "x" || err != nil {
			t.Errorf("left: %v, %v", o, err)
		}
	}
	for name, want := range map[string]string{
		"gone://b/k": "gone://b/k: no such host",
		"gone:///k":  "gone:///k: want a bucket after the scheme, as in s3://bucket/key",
		"s3://b/k":   "s3://b/k: no driver for s3 is linked in, only for file, gone, mem, short; to get s3 and gs, build gorgpt with go build -C cloud ./cmd/gorgpt",
	} {
		_, err := Open(name)
		_, err2 := Stat(name)
		var err3 error
		for _, err3 = range Objects(name) {
		}
		err4 := RemoveAll(name)
		for _, err := range []error{err, err2, err3, err4, Write(name, nil)} {
			if err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
	}
}

// TestRegister: after an invalid driver is registered, opening a bucket is an error.
func TestRegister(t *testing.T) {
	defer func() { drivers.err = nil }()
	for _, scheme := range []string{"mem", "file", "S3", "", "a:"} {
		drivers.err = nil
		Register(scheme, openMemory)
		if _, err := Open("mem://x/y"); err == nil || !strings.HasPrefix(err.Error(), "store: ") {
			t.Errorf("%q: %v", scheme, err)
		}
	}
}

// FuzzNames: no name causes a panic, and a name that is joined to a URL is below it.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"s3://b/k?region=x", "mem://", "file:///a", "x://?a=", "s3://b/../..//c/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		Local(name)
		Dir(name)
		Base(name)
		if !IsURL(name) {
			return
		}
		p, err := parse(name)
		if err != nil {
			return
		}
		q, err := parse(Join(name, "x"))
		if err != nil || q.root() != p.root() {
			t.Errorf("%q: %+v, then %+v, %v", name, p, q, err)
		}
	})
}

func ExampleCreate() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, root := range []string{dir, "mem://example/texts"} {
		w, err := Create(Join(root, "a.txt"))
		if err != nil {
			log.Fatal(err)
		}
		defer w.Discard() // a no-op once it is committed
		fmt.Fprint(w, "some text")
		if err := w.Commit(); err != nil {
			log.Fatal(err)
		}
		text, err := ReadFile(Join(root, "a.txt"), 1000)
		fmt.Println(string(text), err)
	}
	// Output:
	// some text <nil>
	// some text <nil>
}
