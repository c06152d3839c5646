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

// ClaimName is the file by which a process has a directory to itself. It stays, empty, when
// that ends.
const ClaimName = ".gorgpt-lock"

// Claimed is a directory that this process has to itself.
type Claimed struct {
	dir string
	f   *os.File
}

// Claim takes a directory, such as a run's, for this process until Release is called or the
// process ends, however it does. If another has it, the error says which. Where the file
// system has no locks, it is not taken, and nothing is said.
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
		return nil, fmt.Errorf("%s: in use by %s; wait for its end, or stop it", dir, owner)
	case err == nil:
		note := fmt.Sprintf("process %d\n", os.Getpid())
		if host, err := os.Hostname(); err == nil {
			note = fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
		}
		// For people: what cannot be noted holds all the same.
		if f.Truncate(0) == nil {
			f.WriteAt([]byte(note), 0)
		}
	}
	return c, nil
}

// Check is an error if the directory is not there any more, or another has its name: what is
// written into files that are open is lost then, and new ones would begin a directory anew.
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

// Release gives the directory back.
func (c *Claimed) Release() {
	c.f.Truncate(0)
	c.f.Close()
}

// ownerOf is who noted that it has the lock.
func ownerOf(f *os.File) string {
	note, err := io.ReadAll(io.NewSectionReader(f, 0, 256))
	if text := strings.TrimSpace(string(note)); err == nil && text != "" {
		return text
	}
	return "another process"
}

// errLocked is the error of lockFile if another has the lock.
var errLocked = errors.New("locked")
