package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ahead is how many bytes before their use the transposing packs ask for elements of
// a row, and copyAhead how many rows the copying packs do.
const (
	ahead     = 256
	copyAhead = 8
)

// transposeAVX512 writes a pack of some rows ≤ 16, whose columns become rows.
//
// Four columns of 16 rows fill four registers, whose 128-bit lane l holds rows 4l to
// 4l+3, loaded by lanes so that the shuffles that are left stay within lanes.
func transposeAVX512(rows int) {
	transpose("AVX512", rows, func(row func(i int) Mem, dst, ldd reg.GPVirtual) {
		in := zmm[:4]
		for s := range 4 {
			VMOVUPS(row(s), in[s].AsX())
			for lane := 1; 4*lane+s < rows; lane++ {
				VINSERTF32X4(Imm(uint64(lane)), row(4*lane+s), in[s], in[s])
			}
		}
		for _, out := range transposeLanes(in, zmm[4:12]) {
			if rows == 16 {
				VMOVUPS(out, Mem{Base: dst})
			} else {
				VMOVUPS(out, reg.K1, Mem{Base: dst})
			}
			ADDQ(ldd, dst)
		}
	}, func() {
		if rows < 16 {
			mask := GP32()
			MOVL(U32(1<<rows-1), mask)
			KMOVW(mask, reg.K1)
		}
	})
}

// transposeAVX2 is transposeAVX512 for 8 rows or 6.
func transposeAVX2(rows int) {
	transpose("AVX2", rows, func(row func(i int) Mem, dst, ldd reg.GPVirtual) {
		in := ymm[:4]
		for s := range 4 {
			VMOVUPS(row(s), in[s].AsX())
			if 4+s < rows {
				VINSERTF128(Imm(1), row(4+s), in[s], in[s])
			}
		}
		for _, out := range transposeLanes(in, ymm[4:12]) {
			if rows == 8 {
				VMOVUPS(out, Mem{Base: dst})
			} else {
				VMOVUPS(out.AsX(), Mem{Base: dst})
				VEXTRACTF128(Imm(1), out, in[0].AsX())
				VMOVSD(in[0].AsX(), Mem{Base: dst, Disp: 16})
			}
			ADDQ(ldd, dst)
		}
	}, func() {})
}

// transposeLanes transposes the 4×4 matrices in the lanes of four registers.
func transposeLanes(in, tmp []reg.VecPhysical) []reg.VecPhysical {
	VUNPCKLPS(in[1], in[0], tmp[0])
	VUNPCKHPS(in[1], in[0], tmp[1])
	VUNPCKLPS(in[3], in[2], tmp[2])
	VUNPCKHPS(in[3], in[2], tmp[3])
	VUNPCKLPD(tmp[2], tmp[0], tmp[4])
	VUNPCKHPD(tmp[2], tmp[0], tmp[5])
	VUNPCKLPD(tmp[3], tmp[1], tmp[6])
	VUNPCKHPD(tmp[3], tmp[1], tmp[7])
	return tmp[4:8]
}

// transpose writes the loop around four, which transposes four columns.
func transpose(isa string, rows int, four func(row func(int) Mem, dst, ldd reg.GPVirtual), prepare func()) {
	name := fmt.Sprintf("transpose%d%s", rows, isa)
	TEXT(name, NOSPLIT, "func(k int, dst *float32, ldd int, src *float32, lds int)")
	Doc(fmt.Sprintf("%s stores the first k columns of %d rows of src as rows of dst. k must be a multiple of 4.", name, rows))
	Pragma("noescape")
	k := load("k")
	dst, ldd := load("dst"), loadBytes("ldd")
	src := newStrided(load("src"), loadBytes("lds"), rows)
	prepare()

	Label("sixteen")
	CMPQ(k, Imm(16))
	JL(LabelRef("four"))
	for part := range 4 {
		for i := part; i < rows; i += 4 {
			PREFETCHT0(src.row(i).Offset(16*part + ahead))
		}
		four(func(i int) Mem { return src.row(i).Offset(16 * part) }, dst, ldd)
	}
	src.advance(Imm(64))
	SUBQ(Imm(16), k)
	JMP(LabelRef("sixteen"))

	Label("four")
	TESTQ(k, k)
	JZ(LabelRef("done"))
	four(src.row, dst, ldd)
	src.advance(Imm(16))
	SUBQ(Imm(4), k)
	JMP(LabelRef("four"))

	Label("done")
	VZEROUPPER()
	RET()
}

// copyRows writes a pack of rows of some width, which stay rows. parts are offsets and move
// a part of the row each.
func copyRows(isa string, width int, move func(src, dst Mem)) {
	name := fmt.Sprintf("copy%d%s", width, isa)
	TEXT(name, NOSPLIT, "func(k int, dst, src *float32, lds int)")
	Doc(fmt.Sprintf("%s copies the first %d elements of k rows of src to dst. k must be positive.", name, width))
	Pragma("noescape")
	k := load("k")
	dst := load("dst")
	src, lds := load("src"), loadBytes("lds")
	far := GP64()
	MOVQ(lds, far)
	SHLQ(Imm(3), far)

	Label("row")
	for line := 0; line < 4*width; line += 64 {
		PREFETCHT0(Mem{Base: src, Index: far, Scale: 1, Disp: line})
	}
	move(Mem{Base: src}, Mem{Base: dst})
	ADDQ(lds, src)
	ADDQ(Imm(uint64(4*width)), dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// copies writes the packs by rows.
func copies() {
	copyRows("AVX512", 32, func(src, dst Mem) {
		VMOVUPS(src, reg.Z0)
		VMOVUPS(src.Offset(64), reg.Z1)
		VMOVUPS(reg.Z0, dst)
		VMOVUPS(reg.Z1, dst.Offset(64))
	})
	copyRows("AVX512", 14, func(src, dst Mem) {
		VMOVUPS(src, reg.Y0)
		VMOVUPS(src.Offset(32), reg.X1)
		VMOVSD(src.Offset(48), reg.X2)
		VMOVUPS(reg.Y0, dst)
		VMOVUPS(reg.X1, dst.Offset(32))
		VMOVSD(reg.X2, dst.Offset(48))
	})
	copyRows("AVX2", 16, func(src, dst Mem) {
		VMOVUPS(src, reg.Y0)
		VMOVUPS(src.Offset(32), reg.Y1)
		VMOVUPS(reg.Y0, dst)
		VMOVUPS(reg.Y1, dst.Offset(32))
	})
	copyRows("AVX2", 6, func(src, dst Mem) {
		VMOVUPS(src, reg.X0)
		VMOVSD(src.Offset(16), reg.X1)
		VMOVUPS(reg.X0, dst)
		VMOVSD(reg.X1, dst.Offset(16))
	})
}
