//go:build (amd64 || arm64) && !nompi

package cluster

import (
	"syscall"
	"unsafe"
)

// sigaction is the kernel's struct, on amd64 and arm64.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

const lastSignal = 64

// handlers are the handlers of all signals. MPI libraries replace some of the Go runtime's: MPICH's
// handler for SIGUSR1 runs on a goroutine's stack, which crashes the process; UCX takes over
// SIGSEGV and others, after which a nil dereference no longer panics.
type handlers [lastSignal + 1]sigaction

func currentHandlers() *handlers {
	var h handlers
	for s := 1; s <= lastSignal; s++ {
		syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), 0, uintptr(unsafe.Pointer(&h[s])), unsafe.Sizeof(h[s].mask), 0, 0)
	}
	return &h
}

// restore reinstates the handlers that have been replaced, and returns their signals.
func (h *handlers) restore() (signals []int) {
	now := currentHandlers()
	for s := 1; s <= lastSignal; s++ {
		if now[s] != h[s] {
			syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&h[s])), 0, unsafe.Sizeof(h[s].mask), 0, 0)
			signals = append(signals, s)
		}
	}
	return signals
}
