//go:build unix

package datasets

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/store"
)

// memoryMap is a file mapped into memory.
type memoryMap struct{ data []byte }

// mapFile maps a file. A file that cannot be mapped, such as an empty one or an object of a store, is read instead.
//
// The file may be truncated while it is mapped, so its bytes must be read in mapped.Guard.
func mapFile(path string) (mapping, error) {
	if store.IsURL(path) {
		return openPlain(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return openPlain(path)
	}
	mapped.Add(data, path)
	return &memoryMap{data}, nil
}

func (m *memoryMap) bytes(offset, n int64) ([]byte, error) { return m.data[offset : offset+n], nil }

func (m *memoryMap) size() int64 { return int64(len(m.data)) }

// release drops the pages from this process; they stay in the system's page cache.
func (m *memoryMap) release(from, to int64) error {
	page := int64(os.Getpagesize())
	return unix.Madvise(m.data[from/page*page:to], unix.MADV_DONTNEED)
}

func (m *memoryMap) Close() error {
	mapped.Remove(m.data)
	return unix.Munmap(m.data)
}
