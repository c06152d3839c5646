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

// WriteFile creates a file in one step, as [Write] creates a directory: after a crash at any moment, there is
// either no file of the name or the complete one. It is an error if the file exists.
func WriteFile(path string, write func(w io.Writer) error) error {
	path = filepath.Clean(path)
	parent, base := filepath.Dir(path), filepath.Base(path)
	if !isName(base) {
		return fmt.Errorf("%s: want a path that ends in a name for the file", path)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, fmt.Errorf("%s: already exists", path))
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	// In a separate, locked directory: a temporary file would be removed as a leftover by the next Write to
	// parent.
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
