//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package weights

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// mapFile maps a file as private memory: it may be written to, which changes no
// file and takes memory of its own for the pages that are. The mapping is never
// undone, because slices of it may be anywhere; unused, it costs no memory, only
// addresses. It returns nil if the system refuses.
func mapFile(f *os.File, size int64) []byte {
	if size == 0 || size != int64(int(size)) {
		return nil
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	mapped.Add(data, f.Name())
	return data
}
