package kernel

import "math"

// MXFP4 (OCP Microscaling Formats, version 1.0, §5.3 and §6.3) stores numbers in 4 bits, two to a byte. Blocks of
// 32 share an 8-bit scale: code c of a block with scale s is e2m1(c)·2^(s−127).

// MXFP4Block is the number of numbers that share a scale, and MXFP4Bytes the number of bytes that their codes
// take.
const (
	MXFP4Block = 32
	MXFP4Bytes = MXFP4Block / 2
)

// MXFP4NaN is the scale of a block whose numbers are all NaN.
const MXFP4NaN = 255

// e2m1 holds the numbers by code: bit 3 is the sign, bits 2 and 1 are the exponent, bit 0 is the fraction.
var e2m1 = [16]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6, float32(math.Copysign(0, -1)), -0.5, -1, -1.5, -2, -3, -4, -6}

// powers holds the scales by code. The first is subnormal.
var powers = func() (p [256]float32) {
	for s := range MXFP4NaN {
		p[s] = float32(math.Ldexp(1, s-127))
	}
	p[MXFP4NaN] = float32(math.NaN())
	return p
}()

// DecodeMXFP4 fills dst with the numbers of whole blocks, as many as fit. The lower four bits of a byte come
// first. Decoding is exact, except that numbers above the largest float32 become infinite. All numbers of a block
// with the scale MXFP4NaN are NaN.
func DecodeMXFP4(dst []float32, blocks, scales []byte) {
	n := len(dst) / MXFP4Block
	b := Packed{Format: MXFP4, Rows: n, Cols: MXFP4Block, Codes: blocks[:n*MXFP4Bytes], Scales: scales[:n]}
	b.decode(dst[:n*MXFP4Block])
}

// decodeMXFP4 is DecodeMXFP4 in plain Go.
func decodeMXFP4(dst []float32, blocks, scales []byte) {
	for _, s := range scales[:len(dst)/MXFP4Block] {
		scale := powers[s]
		var scaled [16]float32
		for c := range 8 {
			v := e2m1[c] * scale
			scaled[c], scaled[c+8] = v, -v
		}
		out, in := dst[:MXFP4Block], blocks[:MXFP4Bytes]
		for i, b := range in {
			out[2*i], out[2*i+1] = scaled[b&15], scaled[b>>4]
		}
		dst, blocks = dst[MXFP4Block:], blocks[MXFP4Bytes:]
	}
}

// EncodeMXFP4 is the inverse of DecodeMXFP4. Each block gets the scale that brings its largest number into the
// range from 4 to just below 8, and the nearest codes, with ties to even; what is then above 6 becomes 6. Decoded
// numbers are encoded without change. A block of zeros gets the scale 0, and a block with an infinity or a NaN
// gets MXFP4NaN.
func EncodeMXFP4(blocks, scales []byte, x []float32) {
	for g := range len(x) / MXFP4Block {
		in, out := x[g*MXFP4Block:][:MXFP4Block], blocks[g*MXFP4Bytes:][:MXFP4Bytes]
		clear(out)
		largest := float32(0)
		for _, v := range in {
			if a := float32(math.Abs(float64(v))); a > largest || a != a {
				largest = a
			}
		}
		if largest-largest != 0 {
			scales[g] = MXFP4NaN
			continue
		}
		scale := 0
		if largest > 0 {
			_, exponent := math.Frexp(float64(largest)) // largest is at least 2^(exponent-1)
			scale = max(exponent-1-2+127, 0)
		}
		scales[g] = byte(scale)
		for i, v := range in {
			out[i/2] |= nearestE2M1(math.Ldexp(float64(v), 127-scale)) << (4 * (i % 2))
		}
	}
}

// nearestE2M1 returns the code of the nearest number.
func nearestE2M1(v float64) byte {
	sign := byte(0)
	if math.Signbit(v) {
		sign, v = 8, -v
	}
	// end is the midpoint above the number with this code; at the midpoint itself, the even code wins.
	for code, end := range [...]float64{0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5} {
		if v < end || v == end && code%2 == 0 {
			return sign | byte(code)
		}
	}
	return sign | 7
}

// FiniteMXFP4 returns the index of the first number that is NaN or infinite, or -1 if there is none.
func FiniteMXFP4(blocks, scales []byte) int {
	const safe = 252 // 6·2^125 is representable in float32
	for g, s := range scales {
		if s <= safe {
			continue
		}
		var x [MXFP4Block]float32
		DecodeMXFP4(x[:], blocks[g*MXFP4Bytes:], scales[g:])
		for i, v := range x {
			if v-v != 0 {
				return g*MXFP4Block + i
			}
		}
	}
	return -1
}
