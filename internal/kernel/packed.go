package kernel

import (
	"encoding/binary"
	"fmt"
)

// Format is the storage format of the numbers of a [Packed] matrix. All formats except BF16 divide rows into
// groups of [Group] numbers that share a scale. The decoded numbers are bit for bit those that ggml decodes from
// its blocks of the same name.
type Format uint8

const (
	// BF16 is the upper half of a float32.
	BF16 Format = iota + 1
	// Q8_0 is a signed byte, times the group's scale.
	Q8_0
	// Q4_0 is 4 bits, minus 8, times the group's scale.
	Q4_0
	// Q4_1 is 4 bits times the group's scale, plus the group's offset.
	Q4_1
	// MXFP4 is one of 16 numbers with 4-bit codes, times a power of two: see [DecodeMXFP4].
	MXFP4

	formats
)

// Group is the number of numbers that share a scale.
const Group = 32

// formatNames holds ggml's names of the formats.
var formatNames = [formats]string{BF16: "BF16", Q8_0: "Q8_0", Q4_0: "Q4_0", Q4_1: "Q4_1", MXFP4: "MXFP4"}

func (f Format) String() string {
	if f == 0 || f >= formats {
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
	return formatNames[f]
}

// Groups reports whether the numbers of the format share scales.
func (f Format) Groups() bool { return f != BF16 }

// bytes returns the sizes in bytes of the codes, the scale and the offset of a group, or of Group numbers in
// BF16.
func (f Format) bytes() (codes, scale, offset int) {
	switch f {
	case BF16:
		return 2 * Group, 0, 0
	case Q8_0:
		return Group, 2, 0
	case Q4_0:
		return Group / 2, 2, 0
	case Q4_1:
		return Group / 2, 2, 2
	case MXFP4:
		return Group / 2, 1, 0
	}
	return 0, 0, 0
}

// Packed is a matrix of Rows rows of Cols numbers with few bits each. Codes, scales and offsets are stored
// separately, each row by row, so that all of them are read at memory speed.
type Packed struct {
	Format     Format
	Rows, Cols int
	// Codes holds the codes of one row after another. In Q4_0 and Q4_1, a byte has number i of a group in its
	// lower half and number i+16 in its upper half, as in ggml's blocks; in MXFP4, numbers 2i and 2i+1, as in the
	// files of gpt-oss.
	Codes []byte
	// Scales and Offsets are little-endian halves, except that a scale of MXFP4 is an exponent in one byte.
	Scales, Offsets []byte
}

// NewPacked returns a matrix of zeros. Its memory is in huge pages where the system has them. It returns an error
// if rows are not whole groups.
func NewPacked(f Format, rows, cols int) (*Packed, error) {
	b := &Packed{Format: f, Rows: rows, Cols: cols}
	if err := b.checkShape(); err != nil {
		return nil, err
	}
	codes, scale, offset := b.sizes()
	b.Codes, b.Scales, b.Offsets = hugeBuffer(codes), hugeBuffer(scale), hugeBuffer(offset)
	return b, nil
}

// checkShape returns an error if the format does not have rows like these.
func (b *Packed) checkShape() error {
	switch {
	case b.Format == 0 || b.Format >= formats:
		return fmt.Errorf("%v is not a format of packed numbers", b.Format)
	case b.Rows < 0 || b.Cols < 1:
		return fmt.Errorf("a matrix of %d rows of %d numbers; want 0 or more rows of 1 or more numbers", b.Rows, b.Cols)
	case b.Format.Groups() && b.Cols%Group != 0:
		return fmt.Errorf("rows of %d numbers are not whole groups of %d, as %v requires", b.Cols, Group, b.Format)
	}
	return nil
}

// sizes returns the sizes in bytes of codes, scales and offsets.
func (b *Packed) sizes() (codes, scales, offsets int) {
	if b.Format == BF16 {
		return 2 * b.Rows * b.Cols, 0, 0
	}
	c, s, o := b.Format.bytes()
	n := b.Rows * (b.Cols / Group)
	return n * c, n * s, n * o
}

// Check returns an error if the parts of the matrix do not have the sizes that follow from its shape.
func (b *Packed) Check() error {
	if err := b.checkShape(); err != nil {
		return err
	}
	codes, scales, offsets := b.sizes()
	if len(b.Codes) != codes || len(b.Scales) != scales || len(b.Offsets) != offsets {
		return fmt.Errorf("%d bytes of codes, %d of scales and %d of offsets; want %d, %d and %d for %d rows of %d numbers in %v",
			len(b.Codes), len(b.Scales), len(b.Offsets), codes, scales, offsets, b.Rows, b.Cols, b.Format)
	}
	return nil
}

// Bytes returns the size of the matrix in memory.
func (b *Packed) Bytes() int { return len(b.Codes) + len(b.Scales) + len(b.Offsets) }

// Part returns some rows of the matrix, which share its memory.
func (b *Packed) Part(from, rows int) Packed {
	part := *b
	part.Rows = rows
	codes, scales, offsets := (&Packed{Format: b.Format, Rows: 1, Cols: b.Cols}).sizes()
	part.Codes = b.Codes[from*codes:][:rows*codes]
	part.Scales = b.Scales[from*scales:][:rows*scales]
	part.Offsets = b.Offsets[from*offsets:][:rows*offsets]
	return part
}

// NotFinite returns the index of the first number that is NaN or infinite, or -1 if there is none. It looks only
// at scales and offsets, except in BF16, where it looks at all numbers.
func (b *Packed) NotFinite() int {
	switch b.Format {
	case BF16:
		for i := range len(b.Codes) / 2 {
			if b.Codes[2*i+1]&0x7f == 0x7f && b.Codes[2*i]&0x80 != 0 {
				return i
			}
		}
		return -1
	case MXFP4:
		return FiniteMXFP4(b.Codes, b.Scales)
	}
	for i := range len(b.Scales) / 2 {
		if infinite(b.Scales[2*i:]) || len(b.Offsets) > 0 && infinite(b.Offsets[2*i:]) {
			return i * Group
		}
	}
	return -1
}

// infinite reports whether a half is infinite or NaN.
func infinite(half []byte) bool { return binary.LittleEndian.Uint16(half)&0x7c00 == 0x7c00 }

// hugeBuffer returns n zero bytes, aligned like numbers.
func hugeBuffer(n int) []byte {
	if n == 0 {
		return nil
	}
	return bytesOf(Floats((n + 3) / 4))[:n:n]
}
