package datasets

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/store"
)

// longestLine bounds a line of JSON, and longestText the text of any record, so that
// a damaged file cannot ask for all memory.
var (
	longestLine = 64 << 20
	longestText = 64 << 20
)

// jsonLines reads a file of JSON objects, one a line, compressed or not. Offsets
// are in bytes of decompressed data. Empty lines and empty texts are skipped.
type jsonLines struct {
	doc  *Document
	in   io.ReadCloser // decompressed
	file store.File    // in itself, if it is not compressed
	br   *bufio.Reader
	at   int64
	long []byte
}

func openLines(d *Document) (pieces, error) { return &jsonLines{doc: d}, nil }

// piece implements pieces.
func (l *jsonLines) piece(offset int64) (piece, error) {
	if err := l.seek(offset); err != nil {
		return piece{}, l.broken(l.at, err)
	}
	for {
		start := l.at
		if l.doc.until > 0 && start >= l.doc.until {
			return piece{}, io.EOF
		}
		text, err := l.record()
		bad, one := errors.AsType[*badRecord](err)
		switch {
		case err == io.EOF:
			return piece{}, io.EOF
		case one:
			err = l.doc.faults.found(l.doc.path, start, l.located(start, bad.err))
		case err != nil:
			err = l.broken(start, err)
		}
		if err != nil {
			return piece{}, err
		}
		if len(text) > 0 && l.doc.share.has(text) {
			return piece{text: text, at: start, next: l.at, end: true}, nil
		}
	}
}

// record reads the text of the next line, nil if it is blank.
func (l *jsonLines) record() ([]byte, error) {
	first := l.at == 0
	line, err := l.line()
	if err != nil {
		return nil, err
	}
	if first {
		line = plaintext.Trim(line)
	}
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil, nil
	}
	text, err := textOf(line, l.doc.format.field)
	if err != nil {
		return nil, &badRecord{err}
	}
	return text, nil
}

// badRecord is the error of one record, after which other records can be read.
type badRecord struct{ err error }

func (b *badRecord) Error() string { return b.err.Error() }
func (b *badRecord) Unwrap() error { return b.err }

// broken returns the error of a file that cannot be read any further, or io.EOF if bad
// data is skipped.
func (l *jsonLines) broken(offset int64, err error) error {
	if err := l.doc.faults.found(l.doc.path, offset, l.located(offset, err)); err != nil {
		return err
	}
	return io.EOF
}

// seek makes the line at offset the next one.
func (l *jsonLines) seek(offset int64) error {
	switch {
	case l.br != nil && l.at == offset:
		return nil
	case l.file != nil:
		if _, err := l.file.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		l.br.Reset(l.file)
		l.at = offset
		return nil
	case l.br == nil || offset < l.at:
		if err := l.reopen(); err != nil {
			return err
		}
		if l.file != nil {
			return l.seek(offset)
		}
	}
	n, err := io.CopyN(io.Discard, l.br, offset-l.at)
	l.at += n
	return err
}

// reopen starts the file again.
func (l *jsonLines) reopen() error {
	if err := l.Close(); err != nil {
		return err
	}
	in, err := decompress(l.doc.path, l.doc.faults)
	if err != nil {
		return err
	}
	l.in, l.at = in, 0
	l.file, _ = in.(store.File)
	if l.br == nil {
		l.br = bufio.NewReaderSize(in, pieceSize)
	} else {
		l.br.Reset(in)
	}
	return nil
}

// line reads the next line, valid until the next call. A line that is too long is skipped and
// reported as a *badRecord.
func (l *jsonLines) line() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.br.ReadSlice('\n')
		l.at += int64(len(part))
		switch {
		case err == nil && len(l.long) == 0:
			return part, nil
		case err == bufio.ErrBufferFull && len(l.long)+len(part) > longestLine:
			return nil, l.pass()
		case err == nil, err == bufio.ErrBufferFull, err == io.EOF && len(l.long)+len(part) > 0:
			l.long = append(l.long, part...)
			if err != bufio.ErrBufferFull {
				return l.long, nil
			}
		default:
			return nil, err
		}
	}
}

// pass skips the rest of a line that is too long.
func (l *jsonLines) pass() error {
	for {
		part, err := l.br.ReadSlice('\n')
		l.at += int64(len(part))
		if err == nil || err == io.EOF {
			return &badRecord{fmt.Errorf("the line is longer than %s", byteSize(int64(longestLine)))}
		}
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

// located prefixes an error with the file and the line.
func (l *jsonLines) located(offset int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends within its compressed data: it was cut short")
	}
	return fmt.Errorf("%s: %w", l.where(offset), err)
}

// where implements pieces. It counts the lines up to an offset, which only errors need.
func (l *jsonLines) where(offset int64) string {
	n := 1
	if in, err := decompress(l.doc.path, l.doc.faults); err == nil {
		defer in.Close()
		var buf [32 << 10]byte
		for left := offset; left > 0; {
			got, err := in.Read(buf[:min(int64(len(buf)), left)])
			n += bytes.Count(buf[:got], []byte("\n"))
			left -= int64(got)
			if err != nil {
				break
			}
		}
	}
	return fmt.Sprintf("%s:%d", l.doc.path, n)
}

// Close implements pieces.
func (l *jsonLines) Close() error {
	if l.in == nil {
		return nil
	}
	err := l.in.Close()
	l.in, l.file = nil, nil
	return err
}

// textOf returns the string in a field of a JSON object.
func textOf(line []byte, field string) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := plaintext.Check(line); err != nil {
		return nil, err
	}
	if err := plainjson.Unmarshal(line, &object); err != nil {
		return nil, &notRecord{err}
	}
	raw, ok := object[field]
	if !ok {
		names := slices.Sorted(maps.Keys(object))
		return nil, fmt.Errorf("no field %q; the object has %s", field, strings.Join(names[:min(len(names), 10)], ", "))
	}
	var text string
	if err := plainjson.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("field %q: %w", field, err)
	}
	return []byte(text), nil
}

// notRecord is the error of a line that is not a JSON object.
type notRecord struct{ err error }

func (n *notRecord) Error() string { return "not a JSON object: " + n.err.Error() }
func (n *notRecord) Unwrap() error { return n.err }
