package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowTile writes the kernel of a tile of one row, as wide as the registers of a set allow:
// it reads long pieces of B where it is.
func rowTile(isa string, vectors []reg.VecPhysical, lanes, count int) {
	name := fmt.Sprintf("tile1x%d%s", lanes*count, isa)
	TEXT(name, NOSPLIT, "func(k int, a *float32, csa int, b *float32, rsb int, c *float32, alpha, beta float32)")
	Doc(name + " computes a tile of one row; see rowFunc.")
	Pragma("noescape")
	acc, x := vectors[:count], vectors[count]
	k, a, csa, b, rsb := load("k"), load("a"), loadBytes("csa"), load("b"), loadBytes("rsb")
	for _, v := range acc {
		VXORPS(v.AsY(), v.AsY(), v.AsY()) // clears all of the register
	}

	Label("step")
	VBROADCASTSS(Mem{Base: a}, x)
	for i, v := range acc {
		VFMADD231PS(Mem{Base: b, Disp: 4 * lanes * i}, x, v)
	}
	ADDQ(csa, a)
	ADDQ(rsb, b)
	DECQ(k)
	JNZ(LabelRef("step"))

	c := load("c")
	VBROADCASTSS(address("alpha"), x)
	for _, v := range acc {
		VMULPS(x, v, v)
	}
	jumpIfClearing("store")
	VBROADCASTSS(address("beta"), x)
	for i, v := range acc {
		VFMADD231PS(Mem{Base: c, Disp: 4 * lanes * i}, x, v)
	}
	Label("store")
	for i, v := range acc {
		VMOVUPS(v, Mem{Base: c, Disp: 4 * lanes * i})
	}
	VZEROUPPER()
	RET()
}

// dot writes a kernel of scalar products of some rows of B with one vector. Each row has
// one register of sums, so that the number of rows does not matter to the result.
func dot(isa string, vectors []reg.VecPhysical, lanes, rows int) {
	name := fmt.Sprintf("dot%d%s", rows, isa)
	TEXT(name, NOSPLIT, "func(k int, x, b *float32, ldb int, y *float32)")
	Doc(fmt.Sprintf("%s stores the scalar products of x and %d rows of b in y. k must be a positive multiple of %d.", name, rows, lanes))
	Pragma("noescape")
	acc, v := vectors[:rows], vectors[rows]
	k, x := load("k"), load("x")
	b := newStrided(load("b"), loadBytes("ldb"), rows)
	for _, v := range acc {
		VXORPS(v.AsY(), v.AsY(), v.AsY())
	}

	Label("step")
	VMOVUPS(Mem{Base: x}, v)
	for i := range rows {
		PREFETCHT0(b.row(i).Offset(ahead))
		VFMADD231PS(b.row(i), v, acc[i])
	}
	ADDQ(Imm(uint64(4*lanes)), x)
	b.advance(Imm(uint64(4 * lanes)))
	SUBQ(Imm(uint64(lanes)), k)
	JNZ(LabelRef("step"))

	y := load("y")
	for i, sum := range acc {
		total(sum, v, lanes)
		VMOVSS(sum.AsX(), Mem{Base: y, Disp: 4 * i})
	}
	VZEROUPPER()
	RET()
}

// total adds up the lanes of a register into its first. Both are of the first 16, the only
// ones that all these instructions know.
func total(sum, v reg.VecPhysical, lanes int) {
	if lanes == 16 {
		VEXTRACTF64X4(Imm(1), sum, v.AsY())
		VADDPS(v.AsY(), sum.AsY(), sum.AsY())
	}
	VEXTRACTF128(Imm(1), sum.AsY(), v.AsX())
	VADDPS(v.AsX(), sum.AsX(), sum.AsX())
	VHADDPS(sum.AsX(), sum.AsX(), sum.AsX())
	VHADDPS(sum.AsX(), sum.AsX(), sum.AsX())
}
