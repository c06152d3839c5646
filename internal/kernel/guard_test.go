//go:build unix

package kernel

import (
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n float32s that end just before inaccessible memory, or begin just after it.
func guarded(t *testing.T, n int, atEnd bool) []float32 {
	page := syscall.Getpagesize()
	size := (4*n + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skipf("no memory to guard: %v", err)
	}
	t.Cleanup(func() { syscall.Munmap(memory) })
	for _, edge := range [][]byte{memory[:page], memory[page+size:]} {
		if err := syscall.Mprotect(edge, syscall.PROT_NONE); err != nil {
			t.Skipf("no memory to guard: %v", err)
		}
	}
	inner := memory[page : page+size]
	if atEnd {
		inner = inner[size-4*n:]
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&inner[0])), n)
}

// TestKernelsStayInside runs the kernels on slices of all lengths, with inaccessible memory just before or after
// them. A kernel that touches it ends the test with a fault.
func TestKernelsStayInside(t *testing.T) {
	const most = 80
	for _, atEnd := range []bool{true, false} {
		out, a, b := guarded(t, most, atEnd), guarded(t, most, atEnd), guarded(t, most, atEnd)
		copy(a, normals(1, most))
		copy(b, normals(2, most))
		matrix := guarded(t, 5*most, atEnd)
		rows := normals(3, 5)
		for n := range most + 1 {
			part := func(x []float32, n int) []float32 {
				if atEnd {
					return x[len(x)-n:]
				}
				return x[:n]
			}
			out, a, b := part(out, n), part(a, n), part(b, n)
			for _, s := range supported {
				for _, c := range elementCases {
					c.run(&s.vec, 0, out, a, b)
				}
				for _, c := range rowCases {
					c.run(&s.vec, a, b)
				}
				if n > 0 {
					s.vec.maximum(a)
				}
				if n%2 == 0 {
					half := part(b, n/2)
					s.vec.turnHalves(out, a, half, half, 1, 1, n)
					s.vec.turnNeighbors(out, a, b, b, 1, 1, n)
				}
				s.vec.sumRows(out, part(matrix, 5*n), 5, n)
				s.vec.normGradParams(out, b, part(matrix, 5*n), part(matrix, 5*n), rows, rows, n)
			}
		}
	}
}
