package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

// Registers of constants: the lower half of each byte, and 8 in each byte or the 16 numbers of MXFP4, twice as large.
var lowBits, eights = reg.X15, reg.X14

func (f format) constants2() {
	if !f.table {
		return
	}
	VMOVUPS(words("lowBits", slices.Repeat([]uint32{0x0f0f0f0f}, 4)), lowBits)
	switch {
	case f.evenOdd:
		var twice [4]uint32
		for i := range 16 {
			twice[i/4] |= uint32(uint8(int8(2*e2m1(i)))) << (8 * (i % 4))
		}
		VMOVUPS(words("twiceE2M1", twice[:]), eights)
	case f.signed:
		VMOVUPS(words("eights", slices.Repeat([]uint32{0x08080808}, 4)), eights)
	}
}

// decode2 hands the 32 numbers of a group to use, 8 at a time. Of MXFP4 scales are halved.
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
		VCVTDQ2PS(v, v)
		VMULPS(factor, v, v)
		if f.offset {
			VADDPS(shift, v, v)
		}
		use(i, v)
	}
	if !f.table {
		for i := range 4 {
			VPMOVSXBD(at(codes, 8*i), v)
			number(i)
		}
		return
	}
	low, high := reg.X7, reg.X8
	VMOVUPS(codes, low)
	VPSRLW(Imm(4), low, high)
	VPAND(lowBits, low, low)
	VPAND(lowBits, high, high)
	switch {
	case f.evenOdd:
		VPSHUFB(low, eights, low)
		VPSHUFB(high, eights, high)
		VPUNPCKLBW(high, low, reg.X9)
		VPUNPCKHBW(high, low, high)
		low = reg.X9
	case f.signed:
		VPSUBB(eights, low, low)
		VPSUBB(eights, high, high)
	}
	for i, x := range []reg.VecPhysical{low, high} {
		VPMOVSXBD(x, v)
		number(2 * i)
		VPSRLDQ(Imm(8), x, x)
		VPMOVSXBD(x, v)
		number(2*i + 1)
	}
}

// dotsAVX2 writes the scalar products of one vector with tiles.
func dotsAVX2(f format) {
	w := begin(fmt.Sprintf("dots%sAVX2", f.name), describe(1, f), f, 1)
	f.constants2()
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
			f.decode2(w.codes.row(r), scale, offset, func(part int, v reg.VecPhysical) {
				VFMADD231PS(Mem{Base: w.x.first, Disp: 32 * part}, v, ymm[r])
			})
		}
	}, func(y, _ reg.GPVirtual) { storeTotals(ymm[:8], Mem{Base: y}) })
}

// decodeAVX2 writes the decoding of whole groups.
func decodeAVX2(f format) {
	d := beginDecode("decode"+f.name+"AVX2", f)
	f.constants2()
	d.loop(func(dst Mem) {
		f.decode2(d.codes, d.scales, d.offsets, func(part int, v reg.VecPhysical) {
			to := dst
			to.Disp += 32 * part
			VMOVUPS(v, to)
		})
	})
}

// halvesAVX2 writes the conversion of halves, 8 at a time: fraction and exponent, moved to where a float32 has them, are too small by 2¹¹², but for those that
// are no numbers.
func halvesAVX2() {
	convert("halvesAVX2", "halves", 8, 16, func(src, dst Mem) {
		VPMOVZXWD(src, reg.Y0)
		VPSLLD(Imm(16), reg.Y0, reg.Y1)
		VPSLLD(Imm(17), reg.Y0, reg.Y0)
		VPSRLD(Imm(4), reg.Y0, reg.Y0)
		VPCMPGTD(words("largest", slices.Repeat([]uint32{0x7bff<<13 | 0x1fff}, 8)), reg.Y0, reg.Y2)
		VPAND(words("infinity", slices.Repeat([]uint32{0xff << 23}, 8)), reg.Y2, reg.Y2)
		VMULPS(floats("exponents112", slices.Repeat([]float32{0x1p112}, 8)), reg.Y0, reg.Y0)
		VPAND(words("signs", slices.Repeat([]uint32{1 << 31}, 8)), reg.Y1, reg.Y1)
		VPOR(reg.Y1, reg.Y0, reg.Y0)
		VPOR(reg.Y2, reg.Y0, reg.Y0)
		VMOVUPS(reg.Y0, dst)
	})
}

// exponentsAVX2 writes that of exponents, halved: 0 stands for the subnormal 2⁻¹²⁸, 1 for 2⁻¹²⁷, and 255 for no number.
func exponentsAVX2() {
	convert("exponentsAVX2", "exponents, halved,", 8, 8, func(src, dst Mem) {
		one := words("ones", slices.Repeat([]uint32{1}, 8))
		VPMOVZXBD(src, reg.Y0)
		VPCMPEQD(words("none", slices.Repeat([]uint32{255}, 8)), reg.Y0, reg.Y3)
		VPAND(words("aboveInfinity", slices.Repeat([]uint32{1<<22 | 1<<23}, 8)), reg.Y3, reg.Y3)
		VMOVUPS(one, reg.Y2)
		VPSUBD(reg.Y2, reg.Y0, reg.Y1)
		VPSLLD(Imm(23), reg.Y1, reg.Y1) // negative of 0
		VPMINSD(reg.Y2, reg.Y0, reg.Y0)
		VPADDD(reg.Y2, reg.Y0, reg.Y0)
		VPSLLD(Imm(21), reg.Y0, reg.Y0) // 2⁻¹²⁸ of 0, 2⁻¹²⁷ of others
		VPMAXSD(reg.Y0, reg.Y1, reg.Y1)
		VPOR(reg.Y3, reg.Y1, reg.Y1)
		VMOVUPS(reg.Y1, dst)
	})
}
