package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// Pack rounds a matrix with rows of cols numbers to a format, as ggml's own Python package does: the scale of a
// group is chosen so that its largest number can be represented, and each number becomes the nearest code.
// Numbers that are not finite or too large for any scale are errors, as are rows that are not whole groups.
func Pack(f Format, rows, cols int, x []float32) (*Packed, error) {
	b, err := NewPacked(f, rows, cols)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var failed error
	first := rows * cols
	For(rows, 1+decodeGrain/cols, func(lo, hi int) {
		part := b.Part(lo, hi-lo)
		if at, err := part.encode(x[lo*cols : hi*cols]); err != nil {
			mu.Lock()
			defer mu.Unlock()
			if at += lo * cols; at < first { // an earlier element than another goroutine's
				first, failed = at, fmt.Errorf("element %d: %w", at, err)
			}
		}
	})
	return b, failed
}

// encode sets the matrix to the nearest codes of x, or returns the index of an element for which that fails.
func (b *Packed) encode(x []float32) (at int, err error) {
	switch b.Format {
	case BF16:
		for i, v := range x {
			h := ToBrain(v)
			if h&0x7f80 == 0x7f80 {
				return i, unfit(v, b.Format)
			}
			binary.LittleEndian.PutUint16(b.Codes[2*i:], h)
		}
		return 0, nil
	case MXFP4:
		EncodeMXFP4(b.Codes, b.Scales, x)
		for g, s := range b.Scales {
			if s == MXFP4NaN {
				return g * Group, unfit(largest(x[g*Group:][:Group]), b.Format)
			}
		}
		return 0, nil
	}
	for g := range len(x) / Group {
		if !b.encodeGroup(g, x[g*Group:][:Group]) {
			return g * Group, unfit(largest(x[g*Group:][:Group]), b.Format)
		}
	}
	return 0, nil
}

func unfit(v float32, f Format) error {
	return fmt.Errorf("%v cannot be encoded in %v", v, f)
}

// encodeGroup encodes a group. It reports whether the group's scale is a finite half.
func (b *Packed) encodeGroup(g int, x []float32) bool {
	switch b.Format {
	case Q8_0:
		d := float32(math.Abs(float64(largest(x)))) / 127
		inverse := reciprocal(d)
		for i, v := range x {
			b.Codes[g*Group+i] = byte(int8(math.Round(float64(v * inverse))))
		}
		return putHalf(b.Scales[2*g:], d)
	case Q4_0:
		d := largest(x) / -8 // so that this number becomes -8: there is one more code below 0 than above
		inverse := float64(reciprocal(d))
		b.putNibbles(g, x, func(v float32) float64 { return float64(v)*inverse + 8.5 })
		return putHalf(b.Scales[2*g:], d)
	}
	least, most := x[0], x[0]
	for _, v := range x {
		least, most = min(least, v), max(most, v) // a NaN stays NaN
	}
	d := (most - least) / 15
	inverse := reciprocal(d)
	b.putNibbles(g, x, func(v float32) float64 { return float64(float32((v-least)*inverse) + 0.5) })
	return putHalf(b.Scales[2*g:], d) && putHalf(b.Offsets[2*g:], least)
}

// putNibbles sets the codes of a group to the integer parts of the values of code, limited to 0 to 15.
func (b *Packed) putNibbles(g int, x []float32, code func(v float32) float64) {
	out := b.Codes[g*Group/2:][:Group/2]
	whole := func(v float32) byte { return byte(min(max(code(v), 0), 15)) }
	for i := range out {
		out[i] = whole(x[i]) | whole(x[i+Group/2])<<4
	}
}

// largest returns the number with the largest magnitude, the first one if there are several, or a NaN if there is
// one.
func largest(x []float32) (most float32) {
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > float32(math.Abs(float64(most))) || a != a {
			most = v
			if a != a {
				return v
			}
		}
	}
	return most
}

// reciprocal returns 1/d, or 0 if d is 0 as a half; all numbers of the group become 0 then.
func reciprocal(d float32) float32 {
	if ToHalf(d)&0x7fff == 0 {
		return 0
	}
	return 1 / d
}

// putHalf stores a half and reports whether it is finite.
func putHalf(dst []byte, v float32) bool {
	h := ToHalf(v)
	binary.LittleEndian.PutUint16(dst, h)
	return h&0x7c00 != 0x7c00
}
