package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A pair is two bfloat16 numbers that are adjacent along k, the first in the lower half of 32 bits. The kernels
// below round float32 to pairs. If k is odd, the second number of the last pair is 0.

// loadMask sets two mask registers to the halves of a 32-bit parameter.
func loadMask(param string, low, high reg.OpmaskPhysical) {
	mask := GP32()
	Load(Param(param), mask)
	KMOVW(mask, low)
	SHRL(Imm(16), mask)
	KMOVW(mask, high)
}

// roundPairs writes the kernel that rounds rows to rows of pairs, in the same order.
func roundPairs() {
	TEXT("roundPairsAVX512", NOSPLIT, "func(rows, k int, dst *float32, ldd int, src *float32, lds int)")
	Doc("roundPairsAVX512 rounds the first k elements of rows of src to pairs, rows of dst.")
	Pragma("noescape")
	rows, dst, ldd, src, lds := load("rows"), load("dst"), loadBytes("ldd"), load("src"), loadBytes("lds")
	from, to, left := GP64(), GP64(), GP64()
	Label("row")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("k"), left)
	Label("whole")
	SUBQ(Imm(32), left)
	JL(LabelRef("rest"))
	VMOVUPS(Mem{Base: from}, reg.Z0)
	VMOVUPS(Mem{Base: from, Disp: 64}, reg.Z1)
	vcvtne2ps2bf16(reg.Z0, reg.Z1, reg.Z2)
	VMOVUPS(reg.Z2, Mem{Base: to})
	ADDQ(U32(128), from)
	ADDQ(Imm(64), to)
	JMP(LabelRef("whole"))
	Label("rest")
	ADDQ(Imm(32), left)
	JZ(LabelRef("next"))
	tailMasks(left, reg.K1, reg.K2, reg.K3)
	VMOVUPS_Z(Mem{Base: from}, reg.K1, reg.Z0)
	VMOVUPS_Z(Mem{Base: from, Disp: 64}, reg.K2, reg.Z1)
	vcvtne2ps2bf16(reg.Z0, reg.Z1, reg.Z2)
	VMOVUPS(reg.Z2, reg.K3, Mem{Base: to})
	Label("next")
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// tailMasks sets two masks for the left elements, fewer than 32, and one for their pairs.
func tailMasks(left reg.GPVirtual, low, high, pairs reg.OpmaskPhysical) {
	bits := GP64()
	MOVL(U32(0xffffffff), bits.As32())
	BZHIQ(left, bits, bits)
	KMOVW(bits.As32(), low)
	SHRL(Imm(16), bits.As32())
	KMOVW(bits.As32(), high)
	count := GP64()
	LEAQ(Mem{Base: left, Disp: 1}, count)
	SHRQ(Imm(1), count)
	MOVL(U32(0xffff), bits.As32())
	BZHIQ(count, bits, bits)
	KMOVW(bits.As32(), pairs)
}

// zip writes the kernel that makes pairs of rows 2i and 2i+1 of src. A mask tells which columns exist.
func zip(order Mem, width int) {
	name := fmt.Sprintf("zip%dAVX512", width)
	TEXT(name, NOSPLIT, "func(k int, dst, src *float32, lds int, mask uint32)")
	Doc(fmt.Sprintf("%s rounds k rows of src, cut to %d columns, of which bit j of mask tells whether column j exists, to (k+1)/2 rows of pairs.", name, width))
	Pragma("noescape")
	k, dst, src, lds := load("k"), load("dst"), load("src"), loadBytes("lds")
	loadMask("mask", reg.K1, reg.K2)
	VMOVUPS(order, reg.Z31)
	if width < 16 {
		m := GP32()
		MOVL(U32(1<<width-1), m)
		KMOVW(m, reg.K3)
	}
	far := GP64()
	IMUL3Q(Imm(aheadRows), lds, far)
	halves := (width + 15) / 16
	masks := []reg.OpmaskPhysical{reg.K1, reg.K2}
	first, second := []reg.VecPhysical{reg.Z0, reg.Z3}, []reg.VecPhysical{reg.Z1, reg.Z4}
	store := func() {
		for h := range halves {
			vcvtne2ps2bf16(first[h], second[h], reg.Z2)
			VPERMW(reg.Z2, reg.Z31, reg.Z2)
			if width < 16 {
				VMOVUPS(reg.Z2, reg.K3, Mem{Base: dst})
			} else {
				VMOVUPS(reg.Z2, Mem{Base: dst, Disp: 64 * h})
			}
		}
		ADDQ(U32(uint32(4*width)), dst)
	}
	Label("pair")
	SUBQ(Imm(2), k)
	JL(LabelRef("rest"))
	soon := GP64()
	LEAQ(Mem{Base: src, Index: far, Scale: 1}, soon)
	for h := range halves {
		PREFETCHT0(Mem{Base: soon, Disp: 64 * h})
		PREFETCHT0(Mem{Base: soon, Index: lds, Scale: 1, Disp: 64 * h})
		VMOVUPS_Z(Mem{Base: src, Disp: 64 * h}, masks[h], first[h])
		VMOVUPS_Z(Mem{Base: src, Index: lds, Scale: 1, Disp: 64 * h}, masks[h], second[h])
	}
	store()
	LEAQ(Mem{Base: src, Index: lds, Scale: 2}, src)
	JMP(LabelRef("pair"))
	Label("rest")
	ADDQ(Imm(2), k)
	JZ(LabelRef("done"))
	for h := range halves {
		VMOVUPS_Z(Mem{Base: src, Disp: 64 * h}, masks[h], first[h])
		VPXORD(second[h], second[h], second[h])
	}
	store()
	Label("done")
	VZEROUPPER()
	RET()
}

// transposePairs writes the kernel that rounds k elements of 16 rows of src and stores the pairs of each row as a
// column of dst.
func transposePairs() {
	TEXT("transposePairs16AVX512", NOSPLIT, "func(k int, dst *float32, ldd int, src *float32, lds int)")
	Doc("transposePairs16AVX512 rounds the first k elements of 16 rows of src to pairs and stores those as columns of dst.")
	Pragma("noescape")
	k, dst, ldd, lds := load("k"), load("dst"), loadBytes("ldd"), loadBytes("lds")
	src := newStrided(load("src"), lds, 16)
	a, b := zmm[:16], zmm[16:32]
	Label("whole")
	SUBQ(Imm(32), k)
	JL(LabelRef("rest"))
	for i := range 16 {
		VMOVUPS(src.row(i), b[14])
		VMOVUPS(src.row(i).Offset(64), b[15])
		PREFETCHT0(src.row(i).Offset(ahead))
		PREFETCHT0(src.row(i).Offset(ahead + 64))
		vcvtne2ps2bf16(b[14], b[15], a[i])
	}
	transpose16(a, b)
	for i := range 16 {
		VMOVUPS(a[i], Mem{Base: dst})
		ADDQ(ldd, dst)
	}
	src.advance(U32(128))
	JMP(LabelRef("whole"))
	Label("rest")
	ADDQ(Imm(32), k)
	JZ(LabelRef("done"))
	tailMasks(k, reg.K1, reg.K2, reg.K3)
	for i := range 16 {
		VMOVUPS_Z(src.row(i), reg.K1, b[14])
		VMOVUPS_Z(src.row(i).Offset(64), reg.K2, b[15])
		vcvtne2ps2bf16(b[14], b[15], a[i])
	}
	transpose16(a, b)
	for i := range 16 {
		VMOVUPS(a[i], Mem{Base: dst})
		if i < 15 {
			SUBQ(Imm(2), k)
			JLE(LabelRef("done"))
			ADDQ(ldd, dst)
		}
	}
	Label("done")
	VZEROUPPER()
	RET()
}

// transpose16 transposes the 16×16 matrix of 32-bit elements in a, with b as scratch.
func transpose16(a, b []reg.VecPhysical) {
	// Each of four rounds combines registers whose numbers differ in one bit.
	for i := 0; i < 16; i += 2 {
		VPUNPCKLDQ(a[i+1], a[i], b[i])
		VPUNPCKHDQ(a[i+1], a[i], b[i+1])
	}
	for i := 0; i < 16; i += 4 {
		for j := range 2 {
			VPUNPCKLQDQ(b[i+2+j], b[i+j], a[i+2*j])
			VPUNPCKHQDQ(b[i+2+j], b[i+j], a[i+2*j+1])
		}
	}
	// a[4g+c] holds columns c, 4+c, 8+c and 12+c of rows 4g to 4g+3, one in each quarter.
	for g := 0; g < 16; g += 8 {
		for c := range 4 {
			VSHUFI32X4(Imm(0x88), a[g+4+c], a[g+c], b[g+c])   // columns c and 8+c
			VSHUFI32X4(Imm(0xdd), a[g+4+c], a[g+c], b[g+4+c]) // columns 4+c and 12+c
		}
	}
	for c := range 4 {
		VSHUFI32X4(Imm(0x88), b[8+c], b[c], a[c])
		VSHUFI32X4(Imm(0xdd), b[8+c], b[c], a[8+c])
		VSHUFI32X4(Imm(0x88), b[12+c], b[4+c], a[4+c])
		VSHUFI32X4(Imm(0xdd), b[12+c], b[4+c], a[12+c])
	}
}

// pairKernels writes the kernels for bfloat16.
func pairKernels() {
	for rows := 1; rows <= 14; rows++ {
		tileAVX512(rows, "AVX512BF16", vdpbf16ps)
	}
	roundPairs()
	order := GLOBL("zipOrder", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)|uint32(16+i)<<16))
	}
	zip(order, 32)
	zip(order, 14)
	transposePairs()
	amxKernels(order)
}
