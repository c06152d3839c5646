package kernel

import "math"

// MXFP4 (OCP Microscaling Formats, version 1.0, §5.3 and §6.3) has numbers of 4 bits, two a byte, of
// which 32 share a scale of 8 bits: code c of a block with scale s is e2m1(c)·2^(s−127).

// MXFP4Block is how many numbers share a scale, MXFP4Bytes the bytes that they take.
const (
	MXFP4Block = 32
	MXFP4Bytes = MXFP4Block / 2
)

// MXFP4NaN is the scale of a block that holds no numbers.
const MXFP4NaN = 255

// e2m1 are the numbers by their codes: bit 3 is the sign, bits 2 and 1 the exponent, bit 0 the fraction.
var e2m1 = [16]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6, float32(math.Copysign(0, -1)), -0.5, -1, -1.5, -2, -3, -4, -6}

// powers are the scales by their codes. The first is subnormal.
var powers = func() (p [256]float32) {
	for s := range MXFP4NaN {
		p[s] = float32(math.Ldexp(1, s-127))
	}
	p[MXFP4NaN] = float32(math.NaN())
	return p
}()

// DecodeMXFP4 fills dst with the numbers of whole blocks, which are as many as dst takes. The lower
// four bits of a byte come first. It is exact, but that what is above float32's largest number is infinite; of a
// block with the scale MXFP4NaN all are NaN.
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

// EncodeMXFP4 is the reverse of DecodeMXFP4: each block gets the scale by which its largest number lies from 4
// up to 8, and the nearest codes, of two as near the even one; what is above 6 becomes 6. What was decoded comes back
// the same. Of a block of zeros the scale is 0, of one with an infinity or a NaN MXFP4NaN.
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
			_, exponent := math.Frexp(float64(largest)) // largest is from 2^(exponent-1) up
			scale = max(exponent-1-2+127, 0)
		}
		scales[g] = byte(scale)
		for i, v := range in {
			out[i/2] |= nearestE2M1(math.Ldexp(float64(v), 127-scale)) << (4 * (i % 2))
		}
	}
}

// nearestE2M1 is the code of the nearest number.
func nearestE2M1(v float64) byte {
	sign := byte(0)
	if math.Signbit(v) {
		sign, v = 8, -v
	}
	// The first number from which on the next code is nearer; at it, that if it is even.
	for code, end := range [...]float64{0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5} {
		if v < end || v == end && code%2 == 0 {
			return sign | byte(code)
		}
	}
	return sign | 7
}

// FiniteMXFP4 returns the first number of blocks that is none or infinite, or -1.
func FiniteMXFP4(blocks, scales []byte) int {
	const safe = 252 // 6·2^125 is a float32
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
