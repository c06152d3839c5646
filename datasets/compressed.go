package datasets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gorgpt/gorgpt/internal/filekind"
	"github.com/gorgpt/gorgpt/store"
)

// compression returns the extension that marks a file as compressed, if it has one, and the
// file's name without it.
func compression(path string) (ending, rest string) {
	name := store.Base(path) // without the settings of a URL
	ending = strings.ToLower(filepath.Ext(name))
	if ending == ".gz" || ending == ".zst" {
		return ending, name[:len(name)-len(ending)]
	}
	return "", name
}

// decompress opens a file and decompresses it as its name says. A file that is not
// compressed is returned as a store.File.
func decompress(path string, bad *faults) (io.ReadCloser, error) {
	f, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	ending, _ := compression(path)
	if ending != "" {
		if err := filekind.CheckPointer(f); err != nil {
			f.Close()
			return nil, err
		}
	}
	switch ending {
	case ".gz":
		m := &members{in: bufio.NewReaderSize(f, pieceSize), padded: func(n int64) { bad.padding(path, n) }}
		if m.z, err = gzip.NewReader(m.in); err != nil {
			f.Close()
			return nil, err
		}
		m.z.Multistream(false)
		return inflater{m, f.Close}, nil // z.Close only repeats the error of a Read
	case ".zst":
		// One goroutine and a bounded window, so that a stream's memory is bounded.
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			f.Close()
			return nil, err
		}
		return inflater{z, func() error { z.Close(); return f.Close() }}, nil
	}
	return f, nil
}

// members reads the members of a gzip file, one after another. NULs may follow the last one,
// as tapes and block-wise downloads leave them; like gzip, it ignores them.
type members struct {
	in     *bufio.Reader
	z      *gzip.Reader
	padded func(n int64)
}

// Read implements io.Reader.
func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.z.Read(p)
		if n > 0 || err != io.EOF {
			if err == io.EOF {
				err = nil // the next Read meets it again
			}
			return n, err
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// next advances to the next member.
func (m *members) next() error {
	for n := int64(0); ; n++ {
		b, err := m.in.ReadByte()
		switch {
		case err == io.EOF:
			if n > 0 {
				m.padded(n)
			}
			return io.EOF
		case err != nil:
			return err
		case b != 0 && n > 0:
			return gzip.ErrHeader
		case b != 0:
			if err := m.in.UnreadByte(); err != nil {
				return err
			}
			if err := m.z.Reset(m.in); err != nil {
				return err
			}
			m.z.Multistream(false)
			return nil
		}
	}
}

// inflater is a decompressing reader and the function that closes it.
type inflater struct {
	io.Reader
	close func() error
}

func (i inflater) Close() error { return i.close() }

// compressedText returns the document of a compressed text. Its length is known only from
// reading it, which also shows whether the file is complete. If bad data is skipped, the
// document is as much of the file as can be read.
func compressedText(name, path string, bad *faults) (Document, error) {
	in, err := decompress(path, bad)
	if err != nil {
		return Document{}, fmt.Errorf("%s: %w", path, err)
	}
	defer in.Close()
	size, err := io.Copy(io.Discard, in)
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the file ends within its compressed data: it was cut short")
		}
		if err := bad.found(path, size, fmt.Errorf("%s: offset %d: %w", path, size, err)); err != nil {
			return Document{}, err
		}
	}
	return Document{
		Name: name,
		Size: size,
		Open: func() (Content, error) { return &inflated{path: path}, nil },
		path: path,
	}, nil
}

// inflatedTail is how far inflated can go back without starting again.
const inflatedTail = 2 * pieceSize

// inflated reads a compressed text at any offset. This is fast if the offset is after the
// last one or shortly before it.
type inflated struct {
	path string
	in   io.ReadCloser
	base int64 // offset of tail
	tail []byte
}

// ReadAt implements io.ReaderAt.
func (c *inflated) ReadAt(p []byte, offset int64) (int, error) {
	if c.in == nil || offset < c.base {
		if err := c.Close(); err != nil {
			return 0, err
		}
		in, err := decompress(c.path, nil)
		if err != nil {
			return 0, err
		}
		c.in, c.base, c.tail = in, 0, make([]byte, 0, 2*inflatedTail)
	}
	n := 0
	for {
		if at := offset + int64(n) - c.base; at < int64(len(c.tail)) {
			n += copy(p[n:], c.tail[at:])
		}
		if n == len(p) {
			return n, nil
		}
		if len(c.tail) == cap(c.tail) {
			keep := len(c.tail) - inflatedTail
			c.base += int64(keep)
			c.tail = c.tail[:copy(c.tail, c.tail[keep:])]
		}
		got, err := c.in.Read(c.tail[len(c.tail):cap(c.tail)])
		c.tail = c.tail[:len(c.tail)+got]
		if err != nil && got == 0 {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (c *inflated) Close() error {
	if c.in == nil {
		return nil
	}
	err := c.in.Close()
	c.in = nil
	return err
}
