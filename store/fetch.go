package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Fetching, if it is not nil, is called with what [Fetch] is about to copy.
var Fetching func(name string, bytes int64)

// Fetch copies an object, or all objects below a name, from a store to this machine and returns the path of the copy.
// It is for data that must be in a file. A path is returned as it is. Copies are kept in the user's cache, and reused
// as long as the sizes and times of the objects are the same.
func Fetch(name string) (path string, err error) {
	if name, err = Local(name); err != nil || !IsURL(name) {
		return name, err
	}
	info, err := Stat(name)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return FetchFiles(name, func(Object) bool { return true }, nil)
	}
	dir, err := FetchFiles(Dir(name), func(o Object) bool { return o.Key == Base(name) }, nil)
	return filepath.Join(dir, Base(name)), err
}

// FetchFiles is Fetch for the files below a URL for which wanted returns true; their keys are paths relative to the URL.
// Before a copy is used, check, if not nil, may refuse it.
func FetchFiles(url string, wanted func(Object) bool, check func(dir string) error) (dir string, err error) {
	id := sha256.New()
	fmt.Fprintln(id, url)
	var all []Object
	total := int64(0)
	for o, err := range Objects(url) {
		switch {
		case err != nil:
			return "", err
		case !wanted(o):
			continue
		case !filepath.IsLocal(filepath.FromSlash(o.Key)):
			return "", fmt.Errorf("%s: %q cannot be used as a file name here", url, o.Key)
		}
		fmt.Fprintf(id, "%q %d %d\n", o.Key, o.Size, o.Modified.UnixNano())
		all, total = append(all, o), total+o.Size
	}
	if len(all) == 0 {
		return "", failed("open", url, fs.ErrNotExist)
	}
	root, err := cache()
	if err != nil {
		return "", err
	}
	place := filepath.Join(root, hex.EncodeToString(id.Sum(nil))[:16])
	dir = filepath.Join(place, Base(url))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if Fetching != nil {
		Fetching(url, total)
	}
	temp, err := os.MkdirTemp(root, "tmp-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	for _, o := range all {
		if err := Copy(Join(url, o.Key), filepath.Join(temp, Base(url), filepath.FromSlash(o.Key))); err != nil {
			return "", err
		}
	}
	if check != nil {
		if err := check(filepath.Join(temp, Base(url))); err != nil {
			return "", fmt.Errorf("%s: %w", url, err)
		}
	}
	if err := os.Rename(temp, place); err != nil && !isDir(dir) { // another process was faster
		return "", err
	}
	return dir, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// cache returns the folder of copies.
func cache() (string, error) {
	root, err := os.UserCacheDir()
	if err != nil {
		root = os.TempDir()
	}
	root = filepath.Join(root, "gorgpt", "fetched")
	return root, os.MkdirAll(root, 0o777)
}

// Copy copies a file. It creates the directory if the copy is at a path.
func Copy(from, to string) error {
	in, err := Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := MakeDir(Dir(to)); err != nil {
		return err
	}
	out, err := Create(to)
	if err != nil {
		return err
	}
	defer out.Discard()
	n, err := io.Copy(out, in)
	if info, no := in.Stat(); err == nil && no == nil && n != info.Size() {
		err = fmt.Errorf("%s: %d bytes were read, want %d", from, n, info.Size())
	}
	if err != nil {
		return err
	}
	return out.Commit()
}
