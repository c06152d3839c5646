package cluster

import "unsafe"

// backend makes the calls of MPI. All are made by one thread.
type backend interface {
	rank() int
	size() int
	about() string
	send(x []byte, to int) error
	receive(x []byte, from int) error
	// exchange sends to a rank what it receives, and receives what it sends.
	exchange(send, receive []byte, with int) error
	give(x []byte, from int) error // to all
	reduce(x []float32) error      // the sum over all ranks, in an order of the library's
	finalize() error
}

// number is what can be added up.
type number interface{ ~float32 | ~float64 | ~int64 }

// bytesOf are the bytes of numbers, in the order of the machine: ranks have one instruction set.
func bytesOf[E number](x []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(*new(E))))
}
