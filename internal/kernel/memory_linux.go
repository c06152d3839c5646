package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// askForHugePages tells the system that x should lie in huge pages. It does not matter if it
// cannot.
func askForHugePages(x []float32) {
	const page = 2 << 20
	b := unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
	skip := int(-uintptr(unsafe.Pointer(&x[0])) % page)
	if whole := (len(b) - skip) / page * page; whole > 0 {
		_ = unix.Madvise(b[skip:skip+whole], unix.MADV_HUGEPAGE)
	}
}
