package checkpoint

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Tensor is a named tensor in memory, row-major.
type Tensor struct {
	Name  string
	Shape []int // empty for a scalar
	Data  []float32
}

// WriteTensors writes tensors as F32 in the safetensors format, in the order
// given. The metadata is free text for the header; nil leaves it out. It is an
// error if two tensors have one name or if a tensor's data does not fill its
// shape; then nothing is written.
func WriteTensors(w io.Writer, metadata map[string]string, tensors []Tensor) error {
	header, err := makeHeader(metadata, tensors)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<16) // gathers small tensors; large ones pass through
	if err := binary.Write(b, binary.LittleEndian, uint64(len(header))); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if _, err := b.Write(header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	for _, t := range tensors {
		if err := writeData(b, t.Data); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return b.Flush()
}

// makeHeader makes the JSON header, padded so that the data that follows it
// lies at a multiple of 8.
func makeHeader(metadata map[string]string, tensors []Tensor) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // as the reference library writes names
	put := func(key string, value any) error {
		sep := byte(',')
		if b.Len() == 0 {
			sep = '{'
		}
		b.WriteByte(sep)
		if err := enc.Encode(key); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // Encode ends in a newline
		b.WriteByte(':')
		if err := enc.Encode(value); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1)
		return nil
	}
	if metadata != nil {
		if err := put(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{metadataKey: true}
	offset := uint64(0)
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("%s: two tensors of one name", t.Name)
		}
		seen[t.Name] = true
		if n, ok := sizeOf(t.Shape); !ok || n != len(t.Data) {
			return nil, fmt.Errorf("%s: %d numbers do not fill shape %s", t.Name, len(t.Data), shapeText(t.Shape))
		}
		end := offset + 4*uint64(len(t.Data))
		e := headerEntry{Type: F32, Shape: t.Shape, Offsets: []uint64{offset, end}}
		if e.Shape == nil {
			e.Shape = []int{} // a scalar, in JSON [] and not null
		}
		offset = end
		if err := put(t.Name, e); err != nil {
			return nil, err
		}
	}
	if b.Len() == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, errors.New("too many tensors: the header would exceed 100 MB")
	}
	return b.Bytes(), nil
}

// writeData writes x as little-endian F32.
func writeData(w io.Writer, x []float32) error {
	if littleEndian {
		_, err := w.Write(asBytes(x))
		return err
	}
	buf := make([]byte, min(4*len(x), 1<<16))
	for len(x) > 0 {
		n := min(len(x), len(buf)/4)
		encode(buf, x[:n])
		if _, err := w.Write(buf[:4*n]); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}
