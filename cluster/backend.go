package cluster

import (
	"errors"
	"unsafe"
)

// backend makes the calls of MPI. All are made by one thread.
type backend interface {
	rank() int
	size() int
	about() string
	// sending begins to send to a rank, and receiving to receive from one; what they return waits for the end, in
	// the order of the beginnings between two ranks.
	sending(x []byte, to int) (end func() error)
	receiving(x []byte, from int) (end func() error)
	give(x []byte, from int) error // to all
	reduce(x []float32) error      // the sum over all ranks, in an order of the library's
	finalize() error
}

// exchange sends to a rank, and receives as much.
func exchange(b backend, send, receive []byte, with int) error {
	received, sent := b.receiving(receive, with), b.sending(send, with)
	return errors.Join(received(), sent())
}

// number is what can be added up.
type number interface{ ~float32 | ~float64 | ~int64 }

// bytesOf are the bytes of numbers, in the order of the machine: ranks have one instruction set.
func bytesOf[E number](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(*new(E))))
}
