package kernel

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// TestGemmCollected multiplies while the garbage collector runs continually: a pointer past the end of an
// operand, even one that is only prefetched, ends the process with "found bad pointer in Go heap".
func TestGemmCollected(t *testing.T) {
	var done atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !done.Load() {
			runtime.GC()
		}
	}()
	withISA(t, "small", func(t *testing.T) {
		for i := range 60 {
			m, n, k := 64+i%128, 128+32*(i%3), 96+32*(i%5)
			a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
			for _, trans := range []bool{false, true} {
				ldb := n
				if trans {
					ldb = k
				}
				Gemm(false, trans, m, n, k, 1, a, k, b, ldb, 0, c, n)
			}
		}
	})
	done.Store(true)
	<-ended
}
