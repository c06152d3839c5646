package main

import (
	"fmt"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// Constants that are kept in registers: the 16 numbers, and either the indices that interleave 16 even and 16 odd
// numbers or the amounts by which codes are shifted.
var (
	numbers, firstHalf, secondHalf = reg.Z13, reg.Z14, reg.Z15
	shifts                         = reg.Z14
)

// constants loads them.
func (f format) constants() {
	if !f.table {
		return
	}
	VMOVUPS(floats("numbers"+f.name, f.numbers()), numbers)
	if f.evenOdd {
		var first, second []uint32
		for i := range uint32(16) {
			first = append(first, i/2+i%2*16)
			second = append(second, i/2+i%2*16+8)
		}
		VMOVUPS(words("firstHalf", first), firstHalf)
		VMOVUPS(words("secondHalf", second), secondHalf)
	}
}

// laneOf is the lane of element i of 16 in scalar products of MXFP4, where neighbors share a byte. There, 8 bytes
// of codes are broadcast and each lane is shifted by a multiple of 4, so that the lanes alternate between the
// numbers of two words. That takes a load and one instruction, whereas restoring the order of the numbers would
// take two and a half. So the vectors are rearranged to match the numbers instead.
func laneOf(i int) int { return 2*(i%8) + i/8 }

// permutation returns the indices that move elements to their lanes, or back.
func permutation(back bool) Mem {
	there, here := make([]uint32, 16), make([]uint32, 16)
	for i := range 16 {
		there[laneOf(i)], here[i] = uint32(i), uint32(laneOf(i))
	}
	if back {
		return words("laneOrderBack", here)
	}
	return words("laneOrder", there)
}

// order writes the function that moves the elements of vectors to their lanes, 16 at a time.
func (f format) order() {
	name := "order" + f.name + "AVX512"
	TEXT(name, NOSPLIT, "func(n int, dst, src *float32)")
	Doc(name + " moves the elements of vectors to where the scalar products want them; see packedKernel.")
	Pragma("noescape")
	dst, src, left := load("dst"), load("src"), load("n")
	VMOVUPS(permutation(false), reg.Z1)
	Label("next")
	VPERMPS(Mem{Base: src}, reg.Z1, reg.Z0)
	VMOVUPS(reg.Z0, Mem{Base: dst})
	ADDQ(Imm(64), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(16), left)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// decodeInLanes is decode512 for MXFP4, with the numbers of each half in the lanes given by laneOf.
func (f format) decodeInLanes(codes, scale, _ Mem, v []reg.VecPhysical) {
	VMULPS_BCST(scale, numbers, v[3])
	for i := range 2 {
		VPBROADCASTQ(codes, v[i])
		VPSRLVD(shifts, v[i], v[i])
		VPERMPS(v[3], v[i], v[i]) // uses the low four bits of each lane
		codes.Disp += 8
	}
}

// numbers returns the numbers that the codes stand for.
func (f format) numbers() (all []float32) {
	for i := range 16 {
		v := float32(i)
		switch {
		case f.evenOdd:
			v = e2m1(i)
		case f.signed:
			v -= 8
		}
		all = append(all, v)
	}
	return all
}

// e2m1 decodes a code of MXFP4: bit 3 is the sign, bits 2 and 1 are the exponent, bit 0 is the fraction.
func e2m1(code int) float32 {
	v := [8]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6}[code&7]
	return float32(math.Copysign(float64(v), float64(7-code)))
}

// known holds the constants that have been written.
var known = map[string]Mem{}

func words(name string, values []uint32) Mem {
	if m, ok := known[name]; ok {
		return m
	}
	m := GLOBL(name+"Packed", RODATA|NOPTR)
	for i, v := range values {
		DATA(4*i, U32(v))
	}
	known[name] = m
	return m
}

func floats(name string, values []float32) Mem {
	var bits []uint32
	for _, v := range values {
		bits = append(bits, math.Float32bits(v))
	}
	return words(name, bits)
}

// decode512 puts the 32 numbers of a group into v[0] and v[1], with v[2] and v[3] as scratch.
func (f format) decode512(codes, scale, offset Mem, v []reg.VecPhysical) {
	at := func(m Mem, by int) Mem {
		m.Disp += by
		return m
	}
	switch {
	case f.name == "BF16":
		for i := range 2 {
			VPMOVZXWD(at(codes, 32*i), v[i])
			VPSLLD(Imm(16), v[i], v[i])
		}
		return
	case !f.table:
		for i := range 2 {
			VPMOVSXBD(at(codes, 16*i), v[i])
			VCVTDQ2PS(v[i], v[i])
			VMULPS_BCST(scale, v[i], v[i])
		}
		return
	}
	VMULPS_BCST(scale, numbers, v[3])
	if f.offset {
		VADDPS_BCST(offset, v[3], v[3])
	}
	VPMOVZXBD(codes, v[0])
	VPSRLD(Imm(4), v[0], v[1])
	if !f.evenOdd {
		VPERMPS(v[3], v[0], v[0]) // uses the low four bits of each lane
		VPERMPS(v[3], v[1], v[1])
		return
	}
	VPERMPS(v[3], v[0], v[2])
	VPERMPS(v[3], v[1], v[1])
	VMOVAPS(v[2], v[0])
	VPERMT2PS(v[1], firstHalf, v[0])
	VPERMT2PS(v[1], secondHalf, v[2])
	VMOVAPS(v[2], v[1])
}

// dotsAVX512 writes the scalar products of some vectors with the tiles. Each product has one register of sums, to
// which a group adds two terms, as in a product with float32 numbers.
func dotsAVX512(f format, vectors int) {
	name := fmt.Sprintf("dots%sx%dAVX512", f.name, vectors)
	w := begin(name, describe(vectors, f), f, vectors)
	decode := f.decode512
	if !f.evenOdd {
		f.constants()
	} else {
		VMOVUPS(floats("numbers"+f.name, f.numbers()), numbers)
		var by []uint32
		for lane := range uint32(16) {
			by = append(by, 4*(lane/2))
		}
		VMOVUPS(words("laneShifts", by), shifts)
		decode = f.decodeInLanes
	}
	sum := func(row, vector int) reg.VecPhysical { return zmm[16+tile*vector+row] }
	part := func(vector, half int) reg.VecPhysical { return zmm[2*vector+half] }
	v := zmm[8:12]
	w.loop(func() {
		for i := range vectors {
			for r := range tile {
				VPXORD(sum(r, i), sum(r, i), sum(r, i))
			}
		}
	}, func() {
		w.ask()
		for i := range vectors {
			m := w.x.row(i)
			VMOVUPS(m, part(i, 0))
			m.Disp = 64
			VMOVUPS(m, part(i, 1))
		}
		for r := range tile {
			var scale, offset Mem
			if f.scaled {
				scale = w.scales.row(r)
			}
			if f.offset {
				offset = w.offsets.row(r)
			}
			decode(w.codes.row(r), scale, offset, v)
			for half := range 2 {
				for i := range vectors {
					VFMADD231PS(v[half], part(i, half), sum(r, i))
				}
			}
		}
	}, func(y, ldy reg.GPVirtual) {
		if f.evenOdd {
			VMOVUPS(permutation(true), zmm[8])
		}
		for i := range vectors {
			for r := range tile {
				if f.evenOdd {
					VPERMPS(sum(r, i), zmm[8], sum(r, i))
				}
				low, high := zmm[r], zmm[4+r]
				VEXTRACTF64X4(Imm(1), sum(r, i), high.AsY())
				VMOVAPS(sum(r, i), low)
				VADDPS(high.AsY(), low.AsY(), low.AsY())
			}
			storeTotals(zmm[:8], Mem{Base: y})
			if i < vectors-1 {
				ADDQ(ldy, y)
			}
		}
	})
}

// storeTotals adds up the 8 lanes of each of the first four registers and stores the sums side by side. The other
// four registers are scratch. The order of additions is that of the scalar products of float32 numbers.
func storeTotals(v []reg.VecPhysical, y Mem) {
	for r := range tile {
		VEXTRACTF128(Imm(1), v[r].AsY(), v[4+r].AsX())
		VADDPS(v[4+r].AsX(), v[r].AsX(), v[r].AsX())
	}
	VHADDPS(v[1].AsX(), v[0].AsX(), v[0].AsX())
	VHADDPS(v[3].AsX(), v[2].AsX(), v[2].AsX())
	VHADDPS(v[2].AsX(), v[0].AsX(), v[0].AsX())
	VMOVUPS(v[0].AsX(), y)
}

// decodeAVX512 writes the decoding of whole groups.
func decodeAVX512(f format) {
	d := beginDecode("decode"+f.name+"AVX512", f)
	f.constants()
	d.loop(func(dst Mem) {
		f.decode512(d.codes, d.scales, d.offsets, zmm[8:12])
		VMOVUPS(zmm[8], dst)
		dst.Disp += 64
		VMOVUPS(zmm[9], dst)
	})
}

// decoding is the state of a decoding function.
type decoding struct {
	f                           format
	dst, codes, scales, offsets Mem
	left                        reg.GPVirtual
}

func beginDecode(name string, f format) decoding {
	TEXT(name, NOSPLIT, "func(groups int, dst *float32, codes *byte, scales, offsets *float32)")
	Doc(name + " decodes groups in " + f.name + "; see packedKernel.")
	Pragma("noescape")
	d := decoding{f: f, dst: Mem{Base: load("dst")}, codes: Mem{Base: load("codes")}, left: load("groups")}
	if f.scaled {
		d.scales = Mem{Base: load("scales")}
	}
	if f.offset {
		d.offsets = Mem{Base: load("offsets")}
	}
	return d
}

func (d decoding) loop(body func(dst Mem)) {
	Label("group")
	body(d.dst)
	ADDQ(U32(4*group), d.dst.Base)
	ADDQ(Imm(uint64(d.f.bytes)), d.codes.Base)
	if d.f.scaled {
		ADDQ(Imm(4), d.scales.Base)
	}
	if d.f.offset {
		ADDQ(Imm(4), d.offsets.Base)
	}
	DECQ(d.left)
	JNZ(LabelRef("group"))
	VZEROUPPER()
	RET()
}

// halvesAVX512 writes the conversion of halves, 16 at a time.
func halvesAVX512() {
	convert("halvesAVX512", "halves", 16, 32, func(src, dst Mem) {
		VCVTPH2PS(src, reg.Z0)
		VMOVUPS(reg.Z0, dst)
	})
}

// exponentsAVX512 writes the conversion of exponents, where 0 stands for the subnormal 2⁻¹²⁷ and 255 for NaN.
func exponentsAVX512() {
	convert("exponentsAVX512", "exponents", 16, 16, func(src, dst Mem) {
		VPMOVZXBD(src, reg.Z0)
		VPCMPEQD_BCST(words("none", slices.Repeat([]uint32{255}, 8)), reg.Z0, reg.K1)
		VPSLLD(Imm(23), reg.Z0, reg.Z0)
		VPORD_BCST(words("quiet", slices.Repeat([]uint32{1 << 22}, 8)), reg.Z0, reg.K1, reg.Z0)
		VPMAXUD_BCST(words("smallest", []uint32{0x00400000}), reg.Z0, reg.Z0)
		VMOVUPS(reg.Z0, dst)
	})
}

// convert writes a loop that converts count numbers, of the given number of bytes, at a time. The length of the
// slice dst is a multiple of count.
func convert(name, what string, count, bytes int, body func(src, dst Mem)) {
	TEXT(name, NOSPLIT, "func(dst []float32, src []byte)")
	Doc(fmt.Sprintf("%s makes float32 of %s, a multiple of %d.", name, what, count))
	Pragma("noescape")
	left, dst, src := GP64(), GP64(), GP64()
	Load(Param("dst").Base(), dst)
	Load(Param("dst").Len(), left)
	Load(Param("src").Base(), src)
	SUBQ(Imm(uint64(count)), left)
	JL(LabelRef("done"))
	Label("loop")
	body(Mem{Base: src}, Mem{Base: dst})
	ADDQ(Imm(uint64(bytes)), src)
	ADDQ(Imm(uint64(4*count)), dst)
	SUBQ(Imm(uint64(count)), left)
	JGE(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
