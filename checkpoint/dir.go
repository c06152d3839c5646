package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// Prefixes of names that no checkpoint has. The directories are beside the checkpoint, since a rename does
// not cross file systems.
const (
	tempPrefix = ".gorgpt-tmp-" // being written, or left by a crash
	oldPrefix  = ".gorgpt-old-" // the former directory, on systems that cannot swap two
)

// configName is the file that makes a directory a checkpoint.
const configName = "config.json"

// tidying keeps a goroutine from removing as a leftover what another is about to rename.
var tidying sync.Mutex

// Write creates the directory dir in one step. The function fill writes the files into another directory
// beside it, which is then flushed to disk and renamed. If fill fails, or the process dies at any moment, dir
// stays as it was. What a dead process left is removed by the next Write to the same parent directory.
//
// If dir exists, it is replaced as a whole, so it must be empty or a checkpoint. Anything else is an error,
// including a pointer made by [Point].
func Write(dir string, fill func(temp string) error) error {
	dir = filepath.Clean(dir)
	parent, base := filepath.Dir(dir), filepath.Base(dir)
	if !isName(base) {
		return fmt.Errorf("%s: want a path that ends in a name for the checkpoint", dir)
	}
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	if err := tidy(parent); err != nil {
		return err
	}
	if err := replaceable(dir); err != nil {
		return err
	}
	temp, unlock, err := makeTemp(parent, base)
	if err != nil {
		return err
	}
	// After a successful exchange this removes the former directory.
	defer func() {
		os.RemoveAll(temp) // if this fails, the next Write tries again
		unlock()
	}()
	if err := fill(temp); err != nil {
		return err
	}
	if err := syncTree(temp); err != nil {
		return err
	}
	if err := place(temp, dir); err != nil {
		return err
	}
	return wholefile.SyncDir(parent)
}

// replaceable returns an error unless dir is missing, empty, or a checkpoint.
func replaceable(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: a symbolic link, want a directory or nothing there", dir)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: a file, want a directory or nothing there", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, configName)); err != nil {
		return fmt.Errorf("%s: holds files but no %s: not a checkpoint, so it is not replaced", dir, configName)
	}
	return nil
}

// makeTemp makes a locked directory with a unique name in parent.
func makeTemp(parent, base string) (dir string, unlock func(), err error) {
	tidying.Lock()
	defer tidying.Unlock()
	for range 100 {
		dir = filepath.Join(parent, tempName(base))
		if err = os.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		unlock, held := lockDir(dir)
		if !held {
			continue // another process tidied it away between the two steps
		}
		return dir, unlock, nil
	}
	return "", nil, fmt.Errorf("%s: no free name for a temporary directory", parent)
}

// isName reports whether a checkpoint may have this name in its directory.
func isName(s string) bool {
	return s == filepath.Base(s) && !strings.ContainsAny(s, "\x00\r\n") && s != "." && s != ".." && s != string(filepath.Separator) &&
		!strings.HasPrefix(s, tempPrefix) && !strings.HasPrefix(s, oldPrefix)
}

// tempName makes a name for a file that will become base.
func tempName(base string) string {
	return fmt.Sprintf("%s%s-%08x", tempPrefix, base, rand.Uint32())
}

// tidy removes what crashes left in parent, and completes replacements that a crash interrupted.
func tidy(parent string) error {
	tidying.Lock()
	defer tidying.Unlock()
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if strings.HasPrefix(e.Name(), tempPrefix) {
			removeTemp(path, e.IsDir())
		} else if base, ok := strings.CutPrefix(e.Name(), oldPrefix); ok {
			if err := recoverOld(path, filepath.Join(parent, base)); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeTemp removes what a dead process left. It may fail, for example on a file of another user: a leftover
// only costs space.
func removeTemp(path string, isDir bool) {
	if !isDir {
		os.Remove(path)
		return
	}
	if unlock, held := lockDir(path); held { // else a living process is writing it
		os.RemoveAll(path)
		unlock()
	}
}

// recoverOld removes the former directory if its successor exists as dir, and otherwise restores it.
func recoverOld(old, dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(old, dir)
	}
	return os.RemoveAll(old)
}

// place renames temp to dir. If dir existed, temp is afterwards the former directory, or gone.
func place(temp, dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(temp, dir)
	}
	if err := swap(temp, dir); err != nil {
		return placeInSteps(temp, dir) // a real failure recurs there
	}
	return nil
}

// swap is exchange, except in a test of systems without it.
var swap = exchange

// placeInSteps replaces dir if the system cannot swap two directories. In the moment between the renames,
// Open and the next Write find the former directory under its other name.
func placeInSteps(temp, dir string) error {
	old := oldName(dir)
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		if back := os.Rename(old, dir); back != nil {
			return fmt.Errorf("%w; the previous checkpoint is at %s: %w", err, old, back)
		}
		return err
	}
	if err := wholefile.SyncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

// oldName is the path to which placeInSteps moves the former dir.
func oldName(dir string) string {
	return filepath.Join(filepath.Dir(dir), oldPrefix+filepath.Base(dir))
}

// syncTree flushes all files and directories in dir to disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return wholefile.SyncDir(path)
		case e.Type().IsRegular():
			return syncFile(path)
		}
		return nil
	})
}

// syncFile flushes a file to disk.
func syncFile(path string) error {
	flag := os.O_RDONLY
	if runtime.GOOS == "windows" {
		flag = os.O_RDWR // Windows flushes only files that are open for writing
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return cmp.Or(f.Sync(), f.Close())
}
