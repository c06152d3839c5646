package kernel

import (
	"encoding/binary"
	"fmt"
)

// Format is how the numbers of a [Packed] matrix are stored. All but BF16 have groups of [Group] numbers of a row, which share a
// scale; what they stand for is what ggml makes of its blocks of the same names, to the bit.
type Format uint8

const (
	// BF16 is the upper half of a float32.
	BF16 Format = iota + 1
	// Q8_0 is a byte with a sign, times the group's scale.
	Q8_0
	// Q4_0 is 4 bits, of which 8 stands for 0, times the scale.
	Q4_0
	// Q4_1 is 4 bits times the scale, plus the group's offset.
	Q4_1
	// MXFP4 is one of 16 numbers of 4 bits times a power of two: see [DecodeMXFP4].
	MXFP4

	formats
)

// Group is how many numbers share a scale.
const Group = 32

// formatNames are those of ggml.
var formatNames = [formats]string{BF16: "BF16", Q8_0: "Q8_0", Q4_0: "Q4_0", Q4_1: "Q4_1", MXFP4: "MXFP4"}

func (f Format) String() string {
	if f == 0 || f >= formats {
		return fmt.Sprintf("Format(%d)", uint8(f))
	}
	return formatNames[f]
}

// Groups tells whether numbers of the format share scales.
func (f Format) Groups() bool { return f != BF16 }

// bytes are those of the codes of a group, of its scale and of its offset; of BF16, of as many numbers.
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

// Packed is a matrix of Rows rows of Cols numbers in few bits. Codes, scales and offsets lie apart, each row by row, so that all are read
// at the pace of memory.
type Packed struct {
	Format     Format
	Rows, Cols int
	// Codes are those of a row one after the other. Of Q4_0 and Q4_1 a byte has number i of a group in its lower half and i+16 in
	// its upper one, as in ggml's blocks; of MXFP4 numbers 2i and 2i+1, as in the files of gpt-oss.
	Codes []byte
	// Scales and Offsets are halves, little-endian; of MXFP4 a scale is an exponent of one byte.
	Scales, Offsets []byte
}

// NewPacked returns a matrix of zeros. Its memory lies in huge pages where the system has them. Rows that are no whole groups are an error.
func NewPacked(f Format, rows, cols int) (*Packed, error) {
	b := &Packed{Format: f, Rows: rows, Cols: cols}
	if err := b.checkShape(); err != nil {
		return nil, err
	}
	codes, scale, offset := b.sizes()
	b.Codes, b.Scales, b.Offsets = hugeBuffer(codes), hugeBuffer(scale), hugeBuffer(offset)
	return b, nil
}

// checkShape refuses rows that the format does not have.
func (b *Packed) checkShape() error {
	switch {
	case b.Format == 0 || b.Format >= formats:
		return fmt.Errorf("%v is no format of packed numbers", b.Format)
	case b.Rows < 0 || b.Cols < 1:
		return fmt.Errorf("a matrix of %d rows of %d numbers", b.Rows, b.Cols)
	case b.Format.Groups() && b.Cols%Group != 0:
		return fmt.Errorf("rows of %d numbers are no whole groups of %d, as %v has them", b.Cols, Group, b.Format)
	}
	return nil
}

// sizes are the bytes of codes, scales and offsets.
func (b *Packed) sizes() (codes, scales, offsets int) {
	if b.Format == BF16 {
		return 2 * b.Rows * b.Cols, 0, 0
	}
	c, s, o := b.Format.bytes()
	n := b.Rows * (b.Cols / Group)
	return n * c, n * s, n * o
}

// Check refuses a matrix whose parts are not as large as its shape says.
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

// Bytes is how many the matrix takes.
func (b *Packed) Bytes() int { return len(b.Codes) + len(b.Scales) + len(b.Offsets) }

// Part is some rows of the matrix, whose memory it shares.
func (b *Packed) Part(from, rows int) Packed {
	part := *b
	part.Rows = rows
	codes, scales, offsets := (&Packed{Format: b.Format, Rows: 1, Cols: b.Cols}).sizes()
	part.Codes = b.Codes[from*codes:][:rows*codes]
	part.Scales = b.Scales[from*scales:][:rows*scales]
	part.Offsets = b.Offsets[from*offsets:][:rows*offsets]
	return part
}

// NotFinite returns the index of the first number that is none or infinite, or -1. Scales tell it; only of BF16 are all numbers looked at.
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

// infinite tells whether a half is an infinity or no number.
func infinite(half []byte) bool { return binary.LittleEndian.Uint16(half)&0x7c00 == 0x7c00 }

// hugeBuffer is n zeros, aligned as numbers are.
func hugeBuffer(n int) []byte {
	if n == 0 {
		return nil
	}
	return bytesOf(Floats((n + 3) / 4))[:n:n]
}
