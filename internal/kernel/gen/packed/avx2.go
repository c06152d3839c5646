package main

import (
	"fmt"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

// A code of few bits becomes a float32 when it is placed in the fraction of a power of two, which a fused
// multiply-add then subtracts again. With scales of 11 bits, nothing is lost, so the numbers have the same bits
// as decoded ones. Zeros may have the other sign, which makes no difference to the sums.

// put2 says how the scalar products of a format turn codes into numbers.
type put2 struct {
	masks []uint32  // the bits of a byte, moved to bit 8, that belong to a code; nil means all
	flip  uint32    // which of these are inverted
	minus []float32 // the excess of a number, including its power of two
	power []float32
}

func (f format) put2() (p put2) {
	switch f.name {
	case "Q8_0": // signed bytes
		return put2{flip: 0x8000, power: []float32{1 << 15}, minus: []float32{1<<15 + 1<<7}}
	case "Q4_0":
		return put2{masks: []uint32{0x0f00, 0xf000}, power: []float32{1 << 15, 1 << 11}, minus: []float32{1<<15 + 8, 1<<11 + 8}}
	case "Q4_1":
		return put2{masks: []uint32{0x0f00, 0xf000}, power: []float32{1 << 15, 1 << 11}, minus: []float32{1 << 15, 1 << 11}}
	}
	return p
}

// Constants that are kept in registers, to save loads: for the first and for the second 8 of 16 bytes, where they
// go in the numbers; for each half of a byte, which bits are used; and the powers.
var places, masks, powers = ymm[14:16], ymm[12:14], ymm[10:12]

// constantsOfDots loads the constants of the scalar products.
func (f format) constantsOfDots() {
	p := f.put2()
	switch {
	case f.evenOdd:
		var twice [4]uint32
		for i, v := range f.numbers() {
			twice[i/4] |= uint32(uint8(int8(2*v))) << (8 * (i % 4))
		}
		VMOVUPS(words("twice"+f.name, twice[:]), numbersOfPairs.AsX())
		VMOVUPS(repeated("lowBits", 0x0f0f0f0f), lowBits)
		return
	case p.power == nil:
		return
	}
	for half, v := range places {
		var control []uint32
		for i := range uint32(8) {
			control = append(control, 0x80800080|(i+8*uint32(half))<<8)
		}
		VMOVUPS(words(fmt.Sprint("places", half), control), v)
	}
	for kind, power := range p.power {
		VMOVUPS(repeated(fmt.Sprintf("power%gFlip%d", power, p.flip), math.Float32bits(power)|p.flip), powers[kind])
	}
	for kind, mask := range p.masks {
		VMOVUPS(repeated(fmt.Sprintf("mask%x", mask), mask), masks[kind])
	}
}

func repeated(name string, x uint32) Mem { return words(name, slices.Repeat([]uint32{x}, 8)) }

// numbers2 passes the 32 numbers of a group to use, 8 at a time, for scalar products.
func (f format) numbers2(codes, scale, offset Mem, use func(part int, v reg.VecPhysical)) {
	p := f.put2()
	switch {
	case f.evenOdd:
		f.pairs2(codes, scale, use)
		return
	case p.power == nil:
		f.decode2(codes, scale, offset, use)
		return
	}
	v, factor, minus, shift, halves := reg.Y4, reg.Y5, reg.Y6, reg.Y7, ymm[8:10]
	VBROADCASTSS(scale, factor)
	if f.offset {
		VBROADCASTSS(offset, shift)
	}
	for part := range 4 {
		kind := 0
		if p.masks != nil {
			kind = part / 2
		}
		if part == 2*kind {
			VMULPS(floats(fmt.Sprint("minus", p.minus[kind]), slices.Repeat([]float32{-p.minus[kind]}, 8)), factor, minus)
		}
		switch {
		case p.masks == nil:
			if part%2 == 0 {
				from := codes
				from.Disp += 8 * part
				VBROADCASTI128(from, halves[0])
			}
			VPSHUFB(places[part%2], halves[0], v)
			VPXOR(powers[0], v, v)
		case part == 0:
			VBROADCASTI128(codes, halves[1])
			VPSHUFB(places[0], halves[1], halves[0])
			VPSHUFB(places[1], halves[1], halves[1])
			fallthrough
		default:
			VPAND(masks[kind], halves[part%2], v)
			VPOR(powers[kind], v, v)
		}
		VFMADD213PS(minus, factor, v)
		if f.offset {
			VADDPS(shift, v, v)
		}
		use(part, v)
	}
}

// numbersOfPairs holds the 16 numbers of MXFP4, doubled, as bytes.
var numbersOfPairs = reg.Y11

// pairs2 is numbers2 for MXFP4, whose scales can be too large for subtracting a power of two.
func (f format) pairs2(codes, scale Mem, use func(part int, v reg.VecPhysical)) {
	v, factor, low, high, first := reg.Y4, reg.Y5, reg.X7, reg.X8, reg.X9
	VBROADCASTSS(scale, factor)
	VMOVUPS(codes, low)
	VPSRLW(Imm(4), low, high)
	VPAND(lowBits.AsX(), low, low)
	VPAND(lowBits.AsX(), high, high)
	VPSHUFB(low, numbersOfPairs.AsX(), low)
	VPSHUFB(high, numbersOfPairs.AsX(), high)
	VPUNPCKLBW(high, low, first)
	VPUNPCKHBW(high, low, high)
	for i, x := range []reg.VecPhysical{first, high} {
		for part := range 2 {
			if part > 0 {
				VPSRLDQ(Imm(8), x, x)
			}
			VPMOVSXBD(x, v)
			VCVTDQ2PS(v, v)
			VMULPS(factor, v, v)
			use(2*i+part, v)
		}
	}
}

// Constants that are kept in registers: the upper and the lower bytes of the 16 numbers in bfloat16, which
// represents them exactly; the order of the blocks of four codes before they are turned into numbers; zero; the
// shift that moves the codes of the second half to where those of the first are; and the mask of a code's bits.
var upper, lower, spread, nothing, halfByte, lowBits = reg.Y15, reg.Y14, reg.Y13, reg.Y12, reg.Y11, reg.Y10

// constantsOfTables loads these constants.
func (f format) constantsOfTables() {
	if !f.table {
		return
	}
	var high, low [8]uint32 // both halves of the register hold the same 16 bytes
	for i, v := range f.numbers() {
		if f.evenOdd {
			v *= 2 // since scales are halved
		}
		bits := math.Float32bits(v)
		for half := range 2 {
			high[4*half+i/4] |= bits >> 24 << (8 * (i % 4))
			low[4*half+i/4] |= bits >> 16 & 0xff << (8 * (i % 4))
		}
	}
	VMOVUPS(words("upper"+f.name, high[:]), upper)
	VMOVUPS(words("lower"+f.name, low[:]), lower)
	VMOVUPS(words("spread", []uint32{0, 2, 4, 6, 1, 3, 5, 7}), spread)
	VXORPS(nothing, nothing, nothing)
	VMOVUPS(words("halfByte", []uint32{0, 0, 0, 0, 4, 4, 4, 4}), halfByte)
	VMOVUPS(repeated("lowBits", 0x0f0f0f0f), lowBits)
}

// codes2 puts the 32 codes of a group into a register, in order, one per byte.
func (f format) codes2(codes Mem, v reg.VecPhysical) {
	VBROADCASTI128(codes, v)
	VPSRLVD(halfByte, v, v)
	VPAND(lowBits, v, v)
	if f.evenOdd { // even codes are in the first half, odd codes in the second
		odd, last := reg.Y8, reg.Y9
		VEXTRACTI128(Imm(1), v, odd.AsX())
		VPUNPCKHBW(odd.AsX(), v.AsX(), last.AsX())
		VPUNPCKLBW(odd.AsX(), v.AsX(), v.AsX())
		VINSERTI128(Imm(1), last.AsX(), v, v)
	}
}

// decode2 passes the 32 numbers of a group to use, 8 at a time. The scales of MXFP4 are halved.
func (f format) decode2(codes, scale, offset Mem, use func(part int, v reg.VecPhysical)) {
	at := func(m Mem, by int) Mem {
		m.Disp += by
		return m
	}
	v, factor, shift := reg.Y4, reg.Y5, reg.Y6
	if f.name == "BF16" {
		for i := range 4 {
			VPMOVZXWD(at(codes, 16*i), v)
			VPSLLD(Imm(16), v, v)
			use(i, v)
		}
		return
	}
	VBROADCASTSS(scale, factor)
	if f.offset {
		VBROADCASTSS(offset, shift)
	}
	number := func(i int) {
		VMULPS(factor, v, v)
		if f.offset {
			VADDPS(shift, v, v)
		}
		use(i, v)
	}
	if !f.table {
		for i := range 4 {
			VPMOVSXBD(at(codes, 8*i), v)
			VCVTDQ2PS(v, v)
			number(i)
		}
		return
	}
	code, first, second := reg.Y7, reg.Y8, reg.Y9
	f.codes2(codes, code)
	VPERMD(code, spread, code)
	VPSHUFB(code, upper, first)
	VPSHUFB(code, lower, second)
	VPUNPCKLBW(first, second, code)
	VPUNPCKHBW(first, second, second)
	for i, two := range []reg.VecPhysical{code, second} {
		VPUNPCKLWD(two, nothing, v)
		number(2 * i)
		VPUNPCKHWD(two, nothing, v)
		number(2*i + 1)
	}
}

// dotsAVX2 writes the scalar products of one vector with the tiles.
func dotsAVX2(f format) {
	w := begin(fmt.Sprintf("dots%sAVX2", f.name), describe(1, f), f, 1)
	f.constantsOfDots()
	w.loop(func() {
		for r := range tile {
			VXORPS(ymm[r], ymm[r], ymm[r])
		}
	}, func() {
		w.ask()
		for r := range tile {
			var scale, offset Mem
			if f.scaled {
				scale = w.scales.row(r)
			}
			if f.offset {
				offset = w.offsets.row(r)
			}
			f.numbers2(w.codes.row(r), scale, offset, func(part int, v reg.VecPhysical) {
				VFMADD231PS(Mem{Base: w.x.first, Disp: 32 * part}, v, ymm[r])
			})
		}
	}, func(y, _ reg.GPVirtual) { storeTotals(ymm[:8], Mem{Base: y}) })
}

// decodeAVX2 writes the decoding of whole groups.
func decodeAVX2(f format) {
	d := beginDecode("decode"+f.name+"AVX2", f)
	f.constantsOfTables()
	d.loop(func(dst Mem) {
		f.decode2(d.codes, d.scales, d.offsets, func(part int, v reg.VecPhysical) {
			to := dst
			to.Disp += 32 * part
			VMOVUPS(v, to)
		})
	})
}

// halvesAVX2 writes the conversion of halves, 8 at a time.
func halvesAVX2() {
	convert("halvesAVX2", "halves", 8, 16, func(src, dst Mem) {
		VCVTPH2PS(src, reg.Y0)
		VMOVUPS(reg.Y0, dst)
	})
}

// exponentsAVX2 writes the conversion of exponents, halved: 0 stands for the subnormal 2⁻¹²⁸, 1 for 2⁻¹²⁷, and
// 255 for NaN.
func exponentsAVX2() {
	convert("exponentsAVX2", "exponents, halved,", 8, 8, func(src, dst Mem) {
		one := words("ones", slices.Repeat([]uint32{1}, 8))
		VPMOVZXBD(src, reg.Y0)
		VPCMPEQD(words("none", slices.Repeat([]uint32{255}, 8)), reg.Y0, reg.Y3)
		VPAND(words("aboveInfinity", slices.Repeat([]uint32{1<<22 | 1<<23}, 8)), reg.Y3, reg.Y3)
		VMOVUPS(one, reg.Y2)
		VPSUBD(reg.Y2, reg.Y0, reg.Y1)
		VPSLLD(Imm(23), reg.Y1, reg.Y1) // negative for 0
		VPMINSD(reg.Y2, reg.Y0, reg.Y0)
		VPADDD(reg.Y2, reg.Y0, reg.Y0)
		VPSLLD(Imm(21), reg.Y0, reg.Y0) // 2⁻¹²⁸ for 0, 2⁻¹²⁷ for others
		VPMAXSD(reg.Y0, reg.Y1, reg.Y1)
		VPOR(reg.Y3, reg.Y1, reg.Y1)
		VMOVUPS(reg.Y1, dst)
	})
}
