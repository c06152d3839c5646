package kernel

import "math"

// FromHalf converts an IEEE 754 half: 1 bit for the sign, 5 for the exponent (bias 15), 10 for the fraction.
// Every half is a float32, so the conversion is exact; the bits of a NaN are kept.
func FromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction × 2⁻²⁴
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// ToHalf converts to the nearest half, with ties to even. A number that exceeds 65504 by half a step or more
// becomes infinite.
func ToHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, magnitude := uint16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case magnitude > 0x7f800000: // NaN: quiet, the upper bits kept
		return sign | 0x7e00 | uint16(magnitude>>13)&0x3ff
	case magnitude >= 0x47800000: // 65536 and more
		return sign | 0x7c00
	case magnitude < 0x38800000: // below 2⁻¹⁴: in steps of 2⁻²⁴
		steps := math.RoundToEven(float64(math.Float32frombits(magnitude)) * 0x1p24)
		return sign | uint16(steps) // 1024 steps correctly give the smallest normal number
	}
	// Adding half of the last kept bit, minus one if that bit is even, carries correctly.
	magnitude += 0xfff + magnitude>>13&1
	return sign | uint16((magnitude-0x38000000)>>13)
}

// FromBrain converts a bfloat16, the upper half of a float32.
func FromBrain(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBrain converts to the nearest bfloat16, with ties to even.
func ToBrain(v float32) uint16 {
	bits := math.Float32bits(v)
	if bits&0x7fffffff > 0x7f800000 {
		return uint16(bits>>16) | 0x40 // stays a NaN
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
