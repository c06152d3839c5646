package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// maxPointer bounds the size of a pointer that is a text file.
const maxPointer = 4096

// Point makes the name pointer in parent stand for the checkpoint target in parent, as in
// Point("checkpoints", "latest", "step-002000"). It is a relative symbolic link or, if the system does not
// allow links, a text file that [Open] follows. A former pointer of that name is replaced in one step.
func Point(parent, pointer, target string) error {
	for _, name := range []string{pointer, target} {
		if !isName(name) {
			return fmt.Errorf("%s: %q cannot be the name of a checkpoint or pointer in it", parent, name)
		}
	}
	// Lstat, since a pointer to a pointer would move with it, or form a cycle.
	if info, err := os.Lstat(filepath.Join(parent, target)); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s: not a directory, want a checkpoint for %s to point to", filepath.Join(parent, target), pointer)
	}
	path := filepath.Join(parent, pointer)
	if _, err := os.Lstat(path); err == nil {
		if _, ok := readPointer(path); !ok {
			return fmt.Errorf("%s: not a pointer, so it is not replaced", path)
		}
	}
	tidying.Lock()
	defer tidying.Unlock()
	temp := filepath.Join(parent, tempName(pointer))
	if err := symlink(target, temp); err != nil {
		if err := writePointer(temp, target); err != nil {
			os.Remove(temp)
			return err
		}
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return wholefile.SyncDir(parent)
}

// symlink makes a symbolic link. Tests replace it to imitate other systems. Windows requires a privilege and
// does not replace a link to a directory in one step, so pointers are text files there.
var symlink = func(target, path string) error {
	if runtime.GOOS == "windows" {
		return errors.ErrUnsupported
	}
	return os.Symlink(target, path)
}

// writePointer makes a pointer in the form of a text file.
func writePointer(path, target string) error {
	return wholefile.Write(path, []byte(target+"\n"))
}

// follow returns the path that dir stands for. This is dir itself, which may be a file, unless dir is a
// pointer. Then it is the target directory, so that everything read comes from the same checkpoint even if
// the pointer moves. A pointer that was lost is resolved to its probable target; see [Repair].
func follow(dir string) (string, error) {
	dir = filepath.Clean(dir)
	given := dir
	target, pointed := readPointer(dir)
	if pointed {
		dir = filepath.Join(filepath.Dir(dir), target)
	}
	// Between the two renames of placeInSteps, the directory has its other name. By the time it is looked for
	// there, it may be back, hence the second try.
	var first error
	for range 2 {
		for _, path := range []string{dir, oldName(dir)} {
			info, err := os.Stat(path)
			switch {
			case err == nil && (info.IsDir() || path == given):
				return path, nil
			case err == nil:
				return "", fmt.Errorf("%s: a file, want the directory of a checkpoint", path)
			case first == nil:
				first = err
			}
		}
	}
	if dir = stoodFor(given); dir != given {
		return follow(dir)
	}
	if pointed { // otherwise it is a text file of one word, which may mean something else
		return "", fmt.Errorf("%s: points at %s: %w", given, target, first)
	}
	return "", first
}

// readPointer returns the target of a pointer made by Point, and whether path is one.
func readPointer(path string) (target string, ok bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", false
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err = os.Readlink(path)
	case info.Mode().IsRegular() && info.Size() <= maxPointer:
		var text []byte
		text, err = os.ReadFile(path)
		target = strings.TrimSuffix(string(text), "\n")
	}
	return target, err == nil && isName(target)
}
