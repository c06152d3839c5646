package cloud

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	_ "gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/pack"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func init() {
	store.Register("inmemory", func(context.Context, string) (store.Bucket, error) { return bucket{memblob.OpenBucket(nil)}, nil })
	store.Register("folder", func(ctx context.Context, url string) (store.Bucket, error) {
		// Write no .attrs file beside each object, keep temporary files on the same disk, and create the folder.
		return Open(ctx, "file://"+folder+"?metadata=skip&no_tmp_dir=true&create_dir=true")
	})
}

// folder holds the objects of the scheme folder.
var folder = filepath.Join(os.TempDir(), "gorgpt-cloud-test")

// fakeS3 starts a server of S3's protocol, and returns the settings of URLs for it.
func fakeS3(t *testing.T) (settings string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	return "?region=us-east-1&use_path_style=true&endpoint=" + server.URL
}

// roots returns URLs in buckets of every driver that can be tested here.
func roots(t *testing.T) []string {
	t.Helper()
	t.Cleanup(func() { os.RemoveAll(folder) })
	return []string{"inmemory://bucket/" + t.Name(), "folder://bucket/" + t.Name(), "s3://bucket/" + t.Name() + fakeS3(t)}
}

// TestBuckets: objects are written, listed, read in ranges and removed; objects that do not exist or were not
// committed are not found.
func TestBuckets(t *testing.T) {
	for _, root := range roots(t) {
		long := strings.Repeat("0123456789", 30_000)
		for name, text := range map[string]string{"a": "", "b/c d": "text", "b/e": long} {
			if err := store.Write(store.Join(root, name), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		w, err := store.Create(store.Join(root, "b/half"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(long)); err != nil {
			t.Fatal(err)
		}
		w.Discard()
		if names := list(t, root); !slices.Equal(names, []string{"a", "b/c d", "b/e"}) {
			t.Errorf("%s: %q", root, names)
		}
		f, err := store.Open(store.Join(root, "b/e"))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{0, 70_001, 299_995, 3} {
			p := make([]byte, 10)
			n, err := f.ReadAt(p, at)
			if want := long[at:min(at+10, 300_000)]; string(p[:n]) != want || err != nil && err != io.EOF {
				t.Errorf("%s: at %d: %q, %v", root, at, p[:n], err)
			}
		}
		if info, err := store.Stat(store.Join(root, "b")); err != nil || !info.IsDir() {
			t.Errorf("%s: %v, %v", root, info, err)
		}
		for _, name := range []string{"b/half", "c"} {
			if _, err := store.Open(store.Join(root, name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %s: %v", root, name, err)
			}
		}
		if err := store.RemoveAll(store.Join(root, "b")); err != nil {
			t.Error(err)
		}
		if names := list(t, root); !slices.Equal(names, []string{"a"}) {
			t.Errorf("%s: %q are left", root, names)
		}
	}
}

func list(t *testing.T, root string) (names []string) {
	t.Helper()
	for name, err := range store.Files(root) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// TestPack: array jobs that pack a corpus from a store into the store give the same bytes as a single process that works
// on folders.
func TestPack(t *testing.T) {
	dir := t.TempDir()
	texts := map[string]string{"a.txt": strings.Repeat("some text of many words ", 4000), "b.jsonl": strings.Repeat("{\"text\": \"a line\"}\n", 3000), "c.txt": "short"}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o := pack.Options{ShardTokens: 10_000, ItemBytes: 15_000}
	one := t.TempDir()
	if _, err := pack.Pack(t.Context(), one, opened(t, dir), nil, tokenizer.Bytes(), o); err != nil {
		t.Fatal(err)
	}
	want := contents(t, one)
	for _, root := range roots(t) {
		for name, text := range texts {
			if err := store.Write(store.Join(root, "texts", name), []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		out := store.Join(root, "packed")
		for i := range 3 {
			if _, err := pack.PackShard(t.Context(), out, opened(t, store.Join(root, "texts")), nil, tokenizer.Bytes(), i, 3, o); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := pack.Join(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		if err := pack.Verify(out); err != nil {
			t.Error(err)
		}
		if got := contents(t, out); !maps.Equal(got, want) {
			t.Errorf("%s: %q: not the bytes of one process, in %q", out, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

func opened(t *testing.T, spec string) *datasets.Source {
	t.Helper()
	src, err := datasets.Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// contents returns the files below a name, except the index, which names the corpus.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range list(t, dir) {
		b, err := store.ReadFile(store.Join(dir, name), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if name != pack.IndexFile {
			all[name] = string(b)
		}
	}
	return all
}

// TestUnreachable: a bucket that does not exist and a server that is not running are errors with the URL.
func TestUnreachable(t *testing.T) {
	settings := fakeS3(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	began := time.Now()
	for _, url := range []string{"s3://none/x" + settings, "s3://bucket/x?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1"} {
		_, err := datasets.Open(url)
		if err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: %v", url, err)
		}
		t.Log(err)
		if err := store.Write(url, []byte("x")); err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%v until that was known", took)
	}
}
