package safetensors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Write writes tensors in the safetensors format, in the order given: their bytes if they have Bytes,
// otherwise their numbers as type t. metadata is arbitrary text for the header; nil leaves it out. It is an
// error if two tensors have the same name, or if a tensor's data does not fill its shape; then nothing is
// written.
func Write(w io.Writer, metadata map[string]string, t weights.DType, tensors []weights.Tensor) error {
	header, err := makeHeader(metadata, t, tensors)
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
	for _, x := range tensors {
		if err := weights.WriteTensor(b, x, t); err != nil {
			return fmt.Errorf("%s: %w", x.Name, err)
		}
	}
	return b.Flush()
}

// headerObject is a JSON object under construction, whose keys keep their order.
type headerObject struct{ bytes.Buffer }

// put adds a member.
func (b *headerObject) put(key string, value any) error {
	sep := byte(',')
	if b.Len() == 0 {
		sep = '{'
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false) // as the reference library writes names
	for _, part := range []any{key, value} {
		b.WriteByte(sep)
		if err := enc.Encode(part); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // Encode ends in a newline
		sep = ':'
	}
	return nil
}

// makeHeader makes the JSON header, padded so that the data after it begins at a multiple of 8.
func makeHeader(metadata map[string]string, dtype weights.DType, tensors []weights.Tensor) ([]byte, error) {
	var b headerObject
	if dtype.Width() == 0 || dtype == weights.F64 {
		return nil, fmt.Errorf("cannot write %s, only F32, F16 and BF16", dtype)
	}
	if metadata != nil {
		if err := b.put(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{metadataKey: true}
	offset := uint64(0)
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("%s: two tensors have this name", t.Name)
		}
		seen[t.Name] = true
		if n, ok := weights.SizeOf(t.Shape); !ok || t.Load == nil && n != len(t.Data)+len(t.Bytes) {
			return nil, fmt.Errorf("%s: %d numbers do not fill shape %s", t.Name, len(t.Data)+len(t.Bytes), weights.ShapeText(t.Shape))
		}
		end := offset + uint64(t.Stored(dtype))
		e := headerEntry{Type: t.As(dtype), Shape: t.Shape, Offsets: []uint64{offset, end}}
		if e.Shape == nil {
			e.Shape = []int{} // for a scalar: [], not null, in JSON
		}
		offset = end
		if err := b.put(t.Name, e); err != nil {
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
