// Package mapped turns faults in memory-mapped files into errors. If another program truncates a mapped file,
// reading beyond its new end is a fault, which would otherwise end the process.
package mapped

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"unsafe"
)

// region is the memory of a mapped file.
type region struct {
	first, size uintptr
	name        string
}

var (
	mu      sync.Mutex
	regions []region
)

// Add registers a mapped file, with the name to be used in errors.
func Add(data []byte, name string) {
	mu.Lock()
	defer mu.Unlock()
	regions = append(regions, region{address(data), uintptr(len(data)), name})
}

// Remove unregisters a mapped file. It must be called before the file is unmapped.
func Remove(data []byte) {
	mu.Lock()
	defer mu.Unlock()
	regions = slices.DeleteFunc(regions, func(r region) bool { return r.first == address(data) })
}

func address(data []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(data))) }

// Panic turns faults on this goroutine into panics, which can be recovered, until the goroutine ends. Fault
// explains such a panic.
func Panic() { debug.SetPanicOnFault(true) }

// Fault returns an error for a recovered panic that is a fault in a mapped file, and nil for others.
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
			return fmt.Errorf("%s: byte %d cannot be read: the file was cut short while it was in use", r.name, at)
		}
	}
	return nil
}

// Guard calls f, which may read mapped files on this goroutine, and returns its error or the error of a fault.
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
