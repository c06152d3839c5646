package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// askForHugePages asks the system to put x, and what shares its first and last page, in huge pages. It does not
// matter if the system cannot.
func askForHugePages(x []float32) {
	const page = 2 << 20
	start := uintptr(unsafe.Pointer(&x[0]))
	before := start % page
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, start-before, (before+uintptr(4*len(x))+page-1)/page*page, unix.MADV_HUGEPAGE)
}
