//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package checkpoint

import (
	"errors"
	"os"
	"syscall"
)

// lockDir marks a directory as in use by a living process. The mark ends with the process. held is false if
// another process has marked it, or if the directory is gone.
func lockDir(dir string) (unlock func(), held bool) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, false
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	// Any other error means that the file system has no locks: temporary directories then count as leftovers.
	if errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, false
	}
	mine, err1 := f.Stat()
	there, err2 := os.Stat(dir)
	if err1 != nil || err2 != nil || !os.SameFile(mine, there) {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}
