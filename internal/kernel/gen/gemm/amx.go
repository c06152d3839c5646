package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Sizes of AMX tiles: 16 rows of 64 bytes, each of which is 16 pairs along k or 16 float32s.
const (
	amxRows  = 16
	amxBytes = 64
)

// tilesAMX writes the kernel of a row of C: high×2 tiles of registers for each of some panels. Tiles 0 to 3 hold
// C, 4 and 5 hold A, 6 and 7 hold B. Their state begins and ends within the kernel, since the goroutine may
// continue on another thread afterwards.
func tilesAMX(high int) {
	name := fmt.Sprintf("tiles%dAMX", amxRows*high)
	TEXT(name, NOSPLIT, "func(blocks int, config *byte, a *float32, rsa int, b *float32, next, panels int, dst *float32)")
	Doc(fmt.Sprintf("%s multiplies up to %d rows of A with panels of B; see rowFunc.", name, amxRows*high))
	Pragma("noescape")
	const panelBytes = 128 // a row of a panel, and of a result
	Load(Param("config"), reg.RAX)
	emit(ldtilecfg(rax))
	Load(Param("rsa"), reg.RCX)
	SHLQ(Imm(2), reg.RCX)
	MOVQ(U32(panelBytes), reg.RBX)
	Load(Param("b"), reg.R9)
	Load(Param("next"), reg.R10)
	SHLQ(Imm(2), reg.R10)
	Load(Param("panels"), reg.R11)
	Load(Param("dst"), reg.R12)

	Label("panel")
	for t := range 2 * high {
		emit(tilezero(t))
	}
	Load(Param("blocks"), reg.R8)
	Load(Param("a"), reg.RAX)
	if high > 1 {
		MOVQ(reg.RCX, reg.RDI)
		SHLQ(Imm(4), reg.RDI)
		ADDQ(reg.RAX, reg.RDI)
	}
	MOVQ(reg.R9, reg.RDX)
	LEAQ(Mem{Base: reg.R9, Disp: amxBytes}, reg.RSI)

	Label("block")
	emit(tileloadd(6, rdx, rbx))
	emit(tileloadd(7, rsi, rbx))
	for h, base := range []int{rax, rdi}[:high] {
		emit(tileloadd(4+h, base, rcx))
		emit(tdpbf16ps(2*h, 4+h, 6))
		emit(tdpbf16ps(2*h+1, 4+h, 7))
	}
	ADDQ(Imm(amxBytes), reg.RAX)
	if high > 1 {
		ADDQ(Imm(amxBytes), reg.RDI)
	}
	ADDQ(U32(amxRows*panelBytes), reg.RDX)
	ADDQ(U32(amxRows*panelBytes), reg.RSI)
	DECQ(reg.R8)
	JNZ(LabelRef("block"))

	for h := range high {
		LEAQ(Mem{Base: reg.R12, Disp: h * amxRows * panelBytes}, reg.RAX)
		LEAQ(Mem{Base: reg.R12, Disp: h*amxRows*panelBytes + amxBytes}, reg.RDX)
		emit(tilestored(2*h, rax, rbx))
		emit(tilestored(2*h+1, rdx, rbx))
	}
	ADDQ(U32(2*amxRows*panelBytes), reg.R12)
	ADDQ(reg.R10, reg.R9)
	DECQ(reg.R11)
	JNZ(LabelRef("panel"))
	emit(tilerelease())
	RET()
}

// finishTile writes the kernel that adds a tile of 32 columns to C.
func finishTile() {
	TEXT("finishTileAVX512", NOSPLIT, "func(rows int, src, c *float32, ldc int, alpha, beta float32, mask uint32)")
	Doc("finishTileAVX512 computes C = alpha·src + beta·C for rows of 32 columns, of which bit j of mask tells whether column j exists.")
	Pragma("noescape")
	rows, src, c, ldc := load("rows"), load("src"), load("c"), loadBytes("ldc")
	loadMask("mask", reg.K1, reg.K2)
	VBROADCASTSS(address("alpha"), reg.Z0)
	VBROADCASTSS(address("beta"), reg.Z1)
	row := func(label string, add bool) {
		Label(label)
		for half, mask := range []reg.OpmaskPhysical{reg.K1, reg.K2} {
			VMULPS(Mem{Base: src, Disp: 64 * half}, reg.Z0, reg.Z2)
			if add {
				VMOVUPS_Z(Mem{Base: c, Disp: 64 * half}, mask, reg.Z3)
				VFMADD231PS(reg.Z3, reg.Z1, reg.Z2)
			}
			VMOVUPS(reg.Z2, mask, Mem{Base: c, Disp: 64 * half})
		}
		ADDQ(U32(128), src)
		ADDQ(ldc, c)
		DECQ(rows)
		JNZ(LabelRef(label))
	}
	jumpIfClearing("clear")
	row("add", true)
	JMP(LabelRef("done"))
	row("clear", false)
	Label("done")
	VZEROUPPER()
	RET()
}

// turnPairs writes the kernel that makes pairs of rows 2i and 2i+1 of src and stores the pairs of each column as
// a row of dst.
func turnPairs(order Mem) {
	TEXT("turnPairs16AVX512", NOSPLIT, "func(k int, dst *float32, ldd int, src *float32, lds int, mask uint32)")
	Doc("turnPairs16AVX512 rounds k rows of src, a multiple of 32, cut to 16 columns, of which bit j of mask tells whether column j exists, to pairs of an element and the one below it, and stores those of a column as a row of dst.")
	Pragma("noescape")
	k, dst, ldd, src, lds := load("k"), load("dst"), loadBytes("ldd"), load("src"), loadBytes("lds")
	mask := GP32()
	Load(Param("mask"), mask)
	KMOVW(mask, reg.K1)
	a, b := zmm[:16], zmm[16:32]
	to := GP64()
	Label("block")
	VMOVUPS(order, b[15])
	for i := range 16 {
		VMOVUPS_Z(Mem{Base: src}, reg.K1, b[13])
		VMOVUPS_Z(Mem{Base: src, Index: lds, Scale: 1}, reg.K1, b[14])
		vcvtne2ps2bf16(b[13], b[14], a[i])
		VPERMW(a[i], b[15], a[i])
		LEAQ(Mem{Base: src, Index: lds, Scale: 2}, src)
	}
	transpose16(a, b)
	MOVQ(dst, to)
	count := GP32()
	Load(Param("mask"), count)
	for i := range 16 {
		VMOVUPS(a[i], Mem{Base: to})
		if i < 15 {
			SHRL(Imm(1), count)
			JZ(LabelRef("stored"))
			ADDQ(ldd, to)
		}
	}
	Label("stored")
	ADDQ(Imm(64), dst)
	SUBQ(Imm(32), k)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// amxKernels writes the kernels for AMX.
func amxKernels(order Mem) {
	tilesAMX(1)
	tilesAMX(2)
	finishTile()
	turnPairs(order)
}
