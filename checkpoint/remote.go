package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/store"
)

// sentName is the manifest of a checkpoint in an object store. It is written last, and lists the sizes and
// digests of the other files.
const sentName = "manifest.json"

// besideBytes limits the size of the files that are fetched along with a file of weights, because they may
// describe it.
const besideBytes = 64 << 20

// fetched returns the local path of a checkpoint. If path is a URL, it makes a copy, following a pointer.
func fetched(path string) (string, error) {
	path, err := store.Local(path)
	if err != nil || !store.IsURL(path) {
		return path, err
	}
	info, err := store.Stat(path)
	if err != nil {
		return "", err
	}
	beside, base := path, ""
	if _, err := store.Stat(store.Join(path, configName)); info.IsDir() && errors.Is(err, fs.ErrNotExist) {
		if best := store.Join(path, "checkpoints", Best); isThere(best) {
			return "", fmt.Errorf("%s: no %s in it: not a checkpoint; did you mean %s?", path, configName, best)
		}
	}
	if !info.IsDir() {
		target, err := pointedAt(path, info)
		if err != nil {
			return "", err
		}
		if target != "" {
			return fetched(target)
		}
		beside, base = store.Dir(path), store.Base(path)
	}
	dir, err := store.FetchFiles(beside, func(o store.Object) bool {
		return !strings.Contains(o.Key, "/") && (base == "" || o.Key == base || o.Size <= besideBytes)
	}, checkSent)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: no %s in it: not a checkpoint", path, configName)
	}
	return filepath.Join(dir, base), err
}

func isThere(url string) bool {
	_, err := store.Stat(url)
	return err == nil
}

// pointedAt returns the checkpoint that an object stands for, or "" if it is not a pointer.
func pointedAt(path string, info fs.FileInfo) (string, error) {
	if info.Size() > maxPointer {
		return "", nil
	}
	text, err := store.ReadFile(path, maxPointer)
	target := strings.TrimSuffix(string(text), "\n")
	if err != nil || !isName(target) {
		return "", err
	}
	target = store.Join(store.Dir(path), target)
	if to, err := store.Stat(target); err != nil || !to.IsDir() {
		return "", nil
	}
	return target, nil
}

// sent is the entry of a file in manifest.json.
type sent struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Send copies the checkpoint in a directory to a URL where there is none yet. Its manifest.json is written
// last, so a checkpoint without one is incomplete.
func Send(dir, url string) error {
	all := make(map[string]sent)
	for o, err := range store.Objects(dir) {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(o.Key))
		s, err := digestOf(path)
		if err == nil {
			err = store.Copy(path, store.Join(url, o.Key))
		}
		if err != nil {
			return err
		}
		all[o.Key] = s
	}
	text, err := json.MarshalIndent(map[string]any{"gorgpt": all}, "", "  ")
	if err != nil {
		return err
	}
	return store.Write(store.Join(url, sentName), append(text, '\n'))
}

// Sent reports whether there is a complete checkpoint at a URL.
func Sent(url string) (bool, error) {
	_, err := store.Stat(store.Join(url, sentName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// FetchTo copies a checkpoint that [Send] sent to a new directory, and compares it with its manifest.
func FetchTo(url, dir string) error {
	return Write(dir, func(temp string) error {
		for o, err := range store.Objects(url) {
			if err == nil && !filepath.IsLocal(filepath.FromSlash(o.Key)) {
				err = fmt.Errorf("%q cannot be used as a file name here", o.Key)
			}
			if err == nil {
				err = store.Copy(store.Join(url, o.Key), filepath.Join(temp, filepath.FromSlash(o.Key)))
			}
			if err != nil {
				return err
			}
		}
		if !isRegular(filepath.Join(temp, sentName)) {
			return fmt.Errorf("%s: no %s in it: the checkpoint was not completely uploaded", url, sentName)
		}
		if err := checkSent(temp); err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		return os.Remove(filepath.Join(temp, sentName))
	})
}

// checkSent compares the files in a directory with Send's manifest, if there is one.
func checkSent(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, sentName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var manifest struct {
		Files map[string]sent `json:"gorgpt"`
	}
	if err == nil {
		err = plainjson.Unmarshal(text, &manifest)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sentName, err)
	}
	for name, want := range manifest.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("%s: %q is not a valid file name", sentName, name)
		}
		got, err := digestOf(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s is missing, although %s lists it", name, sentName)
		case err != nil:
			return err
		case got.Size != want.Size:
			return fmt.Errorf("%s has %d bytes, want %d: it was cut short, or changed", name, got.Size, want.Size)
		case got.SHA256 != want.SHA256:
			return fmt.Errorf("%s: SHA-256 %s, want %s: the file was changed", name, got.SHA256, want.SHA256)
		}
	}
	return nil
}

// digestOf returns the manifest's entry for a file.
func digestOf(path string) (s sent, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	h := sha256.New()
	s.Size, err = io.Copy(h, f)
	s.SHA256 = hex.EncodeToString(h.Sum(nil))
	return s, err
}
