// Package parquetfile opens Parquet files for parquet-go, and keeps from that library what it would misread or
// what could crash it.
package parquetfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/gorgpt/gorgpt/internal/filekind"
)

// Open opens a file of size bytes. The library panics on some damaged files, so callers must recover.
func Open(r io.ReaderAt, size int64) (*parquet.File, error) {
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	f, err := open(r, size)
	if err != nil || !hasLZ4(f) {
		return f, err
	}
	p, size, err := withoutLZ4(r, size, *f.Metadata())
	if err != nil {
		return nil, err
	}
	return open(p, size)
}

// open is parquet.OpenFile without the parts that are not needed to read a file from start to end.
func open(r io.ReaderAt, size int64) (*parquet.File, error) {
	f, err := parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, fmt.Errorf("not a Parquet file: %w", err)
	}
	return f, nil
}

// checkFooter returns an error if the file is not a Parquet file, or if the footer size in its last bytes is too
// large: the library would allocate that much.
func checkFooter(r io.ReaderAt, size int64) error {
	const magic = "PAR1"
	if err := filekind.CheckPointer(r); err != nil {
		return err
	}
	var end [8]byte
	if size < int64(len(magic)+len(end)) {
		return fmt.Errorf("not a Parquet file: %d bytes are too few", size)
	}
	if _, err := r.ReadAt(end[:], size-int64(len(end))); err != nil {
		return err
	}
	if string(end[4:]) != magic { // PARE: encrypted
		return fmt.Errorf("not a Parquet file: it ends in %q, want %q", end[4:], magic)
	}
	if n, room := int64(binary.LittleEndian.Uint32(end[:])), size-int64(len(magic)+len(end)); n > room {
		return fmt.Errorf("not a Parquet file: a footer of %d bytes, but only %d are left for it", n, room)
	}
	return nil
}
