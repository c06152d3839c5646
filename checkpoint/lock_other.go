//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package checkpoint

import "sync"

// inUse holds the temporary directories of this process. Those of other processes count as leftovers.
var inUse sync.Map

// lockDir marks a directory as in use; held is false if it is already marked.
func lockDir(dir string) (unlock func(), held bool) {
	if _, taken := inUse.LoadOrStore(dir, true); taken {
		return nil, false
	}
	return func() { inUse.Delete(dir) }, true
}
