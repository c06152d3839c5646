//go:build unix

package datasets

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapped is a file mapped into memory.
type mapped struct{ data []byte }

// mapFile maps a file. What cannot be mapped, such as an empty file, is read.
//
// A file that is cut short while it is mapped ends the process where the missing part
// is read, so nothing must write a shard in place.
func mapFile(path string) (mapping, error) {
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
	return &mapped{data}, nil
}

func (m *mapped) bytes(offset, n int64) ([]byte, error) { return m.data[offset : offset+n], nil }

func (m *mapped) size() int64 { return int64(len(m.data)) }

// release drops the pages from this process; the system's cache keeps them.
func (m *mapped) release(from, to int64) error {
	page := int64(os.Getpagesize())
	return unix.Madvise(m.data[from/page*page:to], unix.MADV_DONTNEED)
}

func (m *mapped) Close() error { return unix.Munmap(m.data) }
