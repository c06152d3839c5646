package llmc

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Write writes a GPT-2 as a model file: version 3 if t is F32, version 5 if it is BF16. The tensors have
// Hugging Face's names and shapes; missing biases are written as zeros. d.Padded is ignored. A tensor that is
// missing, has another shape or has no place in such a file is an error, and then nothing is written.
func Write(w io.Writer, d Dims, t weights.DType, tensors []weights.Tensor) error {
	version := uint32(0)
	for v, dtype := range versions {
		if dtype == t {
			version = v
		}
	}
	if version == 0 {
		return fmt.Errorf("llm.c's files are F32 or BF16, not %s", t)
	}
	named := make(map[string]weights.Tensor, len(tensors))
	for _, x := range tensors {
		named[x.Name] = x
	}
	places := d.pad().places(t)
	known := make(map[string]bool, len(places))
	for _, p := range places {
		x, ok := named[p.Name]
		switch {
		case !ok && !isBias(p.Name):
			return fmt.Errorf("no %s, which llm.c's GPT-2 requires", p.Name)
		case ok && (!slices.Equal(x.Shape, p.Shape) || len(x.Data) != p.Size()):
			return fmt.Errorf("%s is %s, want %s", p.Name, weights.ShapeText(x.Shape), weights.ShapeText(p.Shape))
		}
		known[p.Name] = true
	}
	for _, x := range tensors {
		if !known[x.Name] {
			return fmt.Errorf("%s is not in llm.c's GPT-2", weights.Show(x.Name))
		}
	}
	b := bufio.NewWriterSize(w, 1<<16)
	var header [headerSize / 4]uint32
	copy(header[:], []uint32{magic, version, uint32(d.Context), uint32(d.Vocab), uint32(d.Layers), uint32(d.Heads), uint32(d.Width), uint32(d.pad().Padded)})
	if err := binary.Write(b, binary.LittleEndian, header[:]); err != nil {
		return err
	}
	var scratch []float32
	for _, p := range places {
		data := named[p.Name].Data
		if data == nil {
			data = make([]float32, p.Size())
		}
		if p.transposed {
			scratch = transpose(scratch, data, p.Shape[0], p.Shape[1])
			data = scratch
		}
		for _, part := range [][]float32{data, make([]float32, p.pad)} {
			if err := weights.Write(b, part, t); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
		}
	}
	return b.Flush()
}

// transpose returns the transpose of x, in the memory of dst if that is large enough.
func transpose(dst, x []float32, rows, cols int) []float32 {
	if cap(dst) < len(x) {
		dst = make([]float32, len(x))
	}
	dst = dst[:len(x)]
	for i := range rows {
		for j, v := range x[i*cols : (i+1)*cols] {
			dst[j*rows+i] = v
		}
	}
	return dst
}
