//go:build amd64 && !noasm

package kernel

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// askForAMX asks Linux for the registers of AMX (Documentation/arch/x86/xstate.rst). CPUID says what the
// processor has; this says whether a program may use it. Before version 5.16, under some hypervisors, and in some
// sandboxes it may not, and the first instruction would then end the process.
func askForAMX() error {
	const (
		supported, permitted, request = 0x1021, 0x1022, 0x1023 // ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM
		data                          = 18                     // XFEATURE_XTILE_DATA
		both                          = 1<<data | 1<<(data-1)  // and the configuration state
	)
	var has uint64
	state := func(which uintptr) error {
		if _, _, e := unix.RawSyscall(unix.SYS_ARCH_PRCTL, which, uintptr(unsafe.Pointer(&has)), 0); e != 0 {
			return fmt.Errorf("the system does not let programs use AMX: %w", e)
		}
		if has&both != both {
			return fmt.Errorf("the system does not let programs use AMX: their state is %#x", has)
		}
		return nil
	}
	if err := state(supported); err != nil {
		return err
	}
	if _, _, e := unix.RawSyscall(unix.SYS_ARCH_PRCTL, request, data, 0); e != 0 {
		return fmt.Errorf("the system does not let this program use AMX: %w", e)
	}
	return state(permitted)
}
