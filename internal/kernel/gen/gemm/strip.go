package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// stripVectors is the width of a strip's tile in registers: with four rows, as many as there are.
const stripVectors = 6

// stripTile writes the kernel of a tile of few rows that is wider than those of blocked
// products, since it reads pieces of B where it is. Z0 holds a part of a row of B, the
// registers from Z1 on a column of A, the last the tile.
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

	// Sixteen rows ahead, as each is in a page of its own, where the processor looks no further.
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

// dotTile writes the kernel of the scalar products of some vectors with four rows of B. Each
// has one register of sums, as in dot, so that it does not matter how many there are.
func dotTile(vectors int) {
	const rows = 4
	name := fmt.Sprintf("dots%dx%dAVX512", vectors, rows)
	TEXT(name, NOSPLIT, "func(k int, x *float32, ldx int, b *float32, ldb int, y *float32)")
	Doc(name + " computes scalar products of some vectors; see dotTileFunc.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return zmm[16+rows*i+j] }
	k := load("k")
	x := newStrided(load("x"), loadBytes("ldx"), vectors)
	ldb := loadBytes("ldb")
	b := newStrided(load("b"), ldb, rows)
	// The next four rows are asked for along with these.
	soon := newStrided(GP64(), ldb, rows)
	LEAQ(Mem{Base: b.base[0], Index: ldb, Scale: 4}, soon.base[0])
	for i := range vectors {
		for j := range rows {
			VPXORD(acc(i, j), acc(i, j), acc(i, j))
		}
	}

	Label("step")
	for j := range rows {
		PREFETCHT0(soon.row(j))
		VMOVUPS(b.row(j), zmm[j])
	}
	for i := range vectors {
		VMOVUPS(x.row(i), zmm[rows+i])
		for j := range rows {
			VFMADD231PS(zmm[j], zmm[rows+i], acc(i, j))
		}
	}
	x.advance(Imm(64))
	b.advance(Imm(64))
	soon.advance(Imm(64))
	SUBQ(Imm(16), k)
	JNZ(LabelRef("step"))

	y := load("y")
	for i := range vectors {
		for j := range rows {
			VMOVAPS(acc(i, j), reg.Z0)
			total(reg.Z0, reg.Z1, 16)
			VMOVSS(reg.X0, Mem{Base: y, Disp: 4 * (rows*i + j)})
		}
	}
	VZEROUPPER()
	RET()
}
