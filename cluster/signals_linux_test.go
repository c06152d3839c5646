//go:build (amd64 || arm64) && !nompi

package cluster

import (
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// TestHandlers: signal handlers that a library installs in place of Go's are removed, and nothing else changes.
func TestHandlers(t *testing.T) {
	const onStack = 0x08000000 // SA_ONSTACK
	before := currentHandlers()
	other := before[syscall.SIGUSR2]
	if other.flags&onStack == 0 {
		t.Fatalf("Go's handler of SIGUSR2 is %+v, want one with SA_ONSTACK", other)
	}
	other.flags &^= onStack
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGUSR2), uintptr(unsafe.Pointer(&other)), 0, 8, 0, 0)
	if *currentHandlers() == *before {
		t.Fatal("the handler was not replaced")
	}
	if got := before.restore(); !slices.Equal(got, []int{int(syscall.SIGUSR2)}) || *currentHandlers() != *before {
		t.Errorf("put back: %v", got)
	}
	if got := before.restore(); got != nil {
		t.Errorf("put back once more: %v", got)
	}
}
