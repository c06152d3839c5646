package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// WriteFile makes a file in one step, as [Write] makes a directory: a crash at any
// moment leaves either nothing of the name or all of it. A file that exists is an
// error.
func WriteFile(path string, write func(w io.Writer) error) error {
	path = filepath.Clean(path)
	parent, base := filepath.Dir(path), filepath.Base(path)
	if !isName(base) {
		return fmt.Errorf("%s: want a path that ends in a name for the file", path)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fmt.Errorf("%s: exists already", path))
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	// In a directory of its own, which has a lock: a file of that name would be taken
	// for a leftover by whoever writes beside it.
	dir, unlock, err := makeTemp(parent, base)
	if err != nil {
		return err
	}
	defer func() {
		os.RemoveAll(dir) // if this fails, the next Write tries again
		unlock()
	}()
	temp := filepath.Join(dir, base)
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	err = write(bareWriter{f})
	err = cmp.Or(err, weights.Bare(f.Sync()), weights.Bare(f.Close()))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return wholefile.SyncDir(parent)
}
