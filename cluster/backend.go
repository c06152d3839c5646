package cluster

import (
	"errors"
	"unsafe"
)

// backend makes MPI calls. All of them are made by one thread.
type backend interface {
	rank() int
	size() int
	about() string
	// sending starts to send to a rank, and receiving to receive from one. The functions that they
	// return wait for the end; between two ranks, in the order of the starts.
	sending(x []byte, to int) (end func() error)
	receiving(x []byte, from int) (end func() error)
	give(x []byte, from int) error // broadcasts rank from's x to all
	reduce(x []float32) error      // sums over all ranks, in the library's order
	finalize() error
}

// exchange sends to a rank, and receives as many bytes from it.
func exchange(b backend, send, receive []byte, with int) error {
	received, sent := b.receiving(receive, with), b.sending(send, with)
	return errors.Join(received(), sent())
}

// number is a type whose values can be added up.
type number interface{ ~float32 | ~float64 | ~int64 }

// bytesOf returns the bytes of numbers, in the machine's byte order: all ranks have the same
// instruction set.
func bytesOf[E number](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(*new(E))))
}
