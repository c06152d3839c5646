package weights

import (
	"fmt"
	"hash/crc32"
)

// Castagnoli is the table for CRC-32C, which processors compute as fast as they read memory.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Verifier is a [Source] that may have checksums of its tensors. Read checks what it reads; Verify is for
// other uses.
type Verifier interface {
	// Verify compares the bytes of a tensor of any type with its checksum, and reports whether there is one.
	// If mapped is not nil, it is what Map returned, and the tensor is not read again.
	Verify(name string, mapped []float32) (bool, error)
}

// Sum returns the CRC-32C of size bytes at an offset.
func (f *File) Sum(at, size int64) (uint32, error) {
	buf := make([]byte, min(size, piece))
	sum := uint32(0)
	for size > 0 {
		b := buf[:min(size, piece)]
		if _, err := f.ReadAt(b, at); err != nil {
			return 0, fmt.Errorf("%s: offset %d: %w", f.name, at, err)
		}
		sum = crc32.Update(sum, Castagnoli, b)
		at += int64(len(b))
		size -= int64(len(b))
	}
	return sum, nil
}
