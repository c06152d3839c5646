// Package mapped makes errors of what happens where mapped files are read: a file that another
// program cuts short has no memory any more where its end was, and to read there is a fault, which
// would end the process.
package mapped

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"unsafe"
)

// region is the memory of a file.
type region struct {
	first, size uintptr
	name        string
}

var (
	mu      sync.Mutex
	regions []region
)

// Add tells of a mapped file, by the name that errors shall call it.
func Add(data []byte, name string) {
	mu.Lock()
	defer mu.Unlock()
	regions = append(regions, region{address(data), uintptr(len(data)), name})
}

// Remove tells that it is mapped no more. Call it before that is so.
func Remove(data []byte) {
	mu.Lock()
	defer mu.Unlock()
	regions = slices.DeleteFunc(regions, func(r region) bool { return r.first == address(data) })
}

func address(data []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(data))) }

// Panic has faults on this goroutine be panics, which can be recovered, until it ends. The return
// value of Fault tells what they were.
func Panic() { debug.SetPanicOnFault(true) }

// Fault is the error of a recovered panic that is a fault in a mapped file, and nil of others.
func Fault(recovered any) error {
	fault, ok := recovered.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return nil
	}
	mu.Lock()
	defer mu.Unlock()
	for _, r := range regions {
		if at := fault.Addr() - r.first; fault.Addr() >= r.first && at < r.size {
			return fmt.Errorf("%s: byte %d cannot be read: the file was cut short while it is in use", r.name, at)
		}
	}
	return nil
}

// Guard calls f, which may read mapped files on this goroutine.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if err = Fault(r); err == nil {
				panic(r)
			}
		}
	}()
	return f()
}
