package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// stripVectors is the width of a strip's tile in registers. With four rows, it uses all registers.
const stripVectors = 6

// stripTile writes the kernel of a tile of few rows. It is wider than the tiles of blocked products, since it
// reads pieces of B in place. Z0 holds a part of a row of B, the registers from Z1 on hold a column of A, and the
// last ones hold the tile.
func stripTile(rows int) {
	name := fmt.Sprintf("strip%dx%dAVX512", rows, 16*stripVectors)
	TEXT(name, NOSPLIT, "func(k int, a *float32, lda int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32)")
	Doc(name + " computes a tile of few rows; see stripFunc.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return zmm[32-stripVectors*(rows-i)+j] }
	x := func(i int) reg.VecPhysical { return zmm[1+i] }
	k, b, rsb := load("k"), load("b"), loadBytes("rsb")
	a := newStrided(load("a"), loadBytes("lda"), rows)
	for i := range rows {
		for j := range stripVectors {
			VPXORD(acc(i, j), acc(i, j), acc(i, j))
		}
	}

	// Prefetch sixteen rows ahead: each row is in a different page, and the processor's own prefetching does not
	// cross pages.
	soon := GP64()
	MOVQ(rsb, soon)
	SHLQ(Imm(4), soon)
	ADDQ(b, soon)

	Label("step")
	for i := range rows {
		VBROADCASTSS(a.row(i), x(i))
	}
	for j := range stripVectors {
		PREFETCHT0(Mem{Base: soon, Disp: 64 * j})
		VMOVUPS(Mem{Base: b, Disp: 64 * j}, reg.Z0)
		for i := range rows {
			VFMADD231PS(reg.Z0, x(i), acc(i, j))
		}
	}
	a.advance(Imm(4))
	ADDQ(rsb, b)
	ADDQ(rsb, soon)
	DECQ(k)
	JNZ(LabelRef("step"))

	c, ldc := load("c"), loadBytes("ldc")
	VBROADCASTSS(address("alpha"), reg.Z0)
	for i := range rows {
		for j := range stripVectors {
			VMULPS(reg.Z0, acc(i, j), acc(i, j))
		}
	}
	jumpIfClearing("store")
	VBROADCASTSS(address("beta"), reg.Z0)
	row := GP64()
	MOVQ(c, row)
	for i := range rows {
		for j := range stripVectors {
			VFMADD231PS(Mem{Base: row, Disp: 64 * j}, reg.Z0, acc(i, j))
		}
		ADDQ(ldc, row)
	}
	Label("store")
	for i := range rows {
		for j := range stripVectors {
			VMOVUPS(acc(i, j), Mem{Base: c, Disp: 64 * j})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}
