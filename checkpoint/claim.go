package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ClaimName is the lock file with which a process claims a directory. It remains, empty, after
// [Claimed.Release].
const ClaimName = ".gorgpt-lock"

// Claimed is a directory that this process has claimed for its exclusive use.
type Claimed struct {
	dir string
	f   *os.File
}

// Claim claims a directory, such as a run's, for this process until Release is called or the process ends in
// any way. If another process has claimed it, the error says which. If the file system has no locks, Claim
// succeeds without locking.
func Claim(dir string) (*Claimed, error) {
	f, err := os.OpenFile(filepath.Join(dir, ClaimName), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	c := &Claimed{dir, f}
	switch err := lockFile(f); {
	case errors.Is(err, errLocked):
		owner := ownerOf(f)
		f.Close()
		return nil, fmt.Errorf("%s: in use by %s; wait for it to end, or stop it", dir, owner)
	case err == nil:
		note := fmt.Sprintf("process %d\n", os.Getpid())
		if host, err := os.Hostname(); err == nil {
			note = fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
		}
		// The note is for people: the lock holds even if it cannot be written.
		if f.Truncate(0) == nil {
			f.WriteAt([]byte(note), 0)
		}
	}
	return c, nil
}

// Check returns an error if the directory no longer exists, or if another now has its name. In both cases,
// writes to open files are lost, and new files would begin a new directory.
func (c *Claimed) Check() error {
	mine, err := c.f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(filepath.Join(c.dir, ClaimName))
	if err == nil && os.SameFile(mine, there) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%s: removed, renamed or replaced by another process", c.dir)
}

// Release releases the directory.
func (c *Claimed) Release() {
	c.f.Truncate(0)
	c.f.Close()
}

// ownerOf returns the note of the process that has the lock.
func ownerOf(f *os.File) string {
	note, err := io.ReadAll(io.NewSectionReader(f, 0, 256))
	if text := strings.TrimSpace(string(note)); err == nil && text != "" {
		return text
	}
	return "another process"
}

// errLocked is the error of lockFile if another process has the lock.
var errLocked = errors.New("locked")
