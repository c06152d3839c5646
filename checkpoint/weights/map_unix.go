//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package weights

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// mapFile maps a file as private memory: it may be written to, which does not change the file, and pages that
// are written to then take memory. The mapping is never removed, because slices of it may be anywhere;
// unused, it takes only address space. mapFile returns nil if the system refuses.
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
