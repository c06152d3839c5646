package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sweepAhead is how many rows before their use the sweep kernels prefetch rows of B: those of the next sweep.
const sweepAhead = 8

// sweepTile writes the kernel that adds the products of some rows of A with a few rows of B to sums, strip by
// strip of two registers. B is read in place, nearly in memory order. The first two registers hold a part of a
// row of B, the next two alternately hold an element of A, and the last ones hold the sums.
func sweepTile(isa string, vectors []reg.VecPhysical, lanes, rows int) {
	bytes := 4 * lanes
	name := fmt.Sprintf("sweep%dx%d%s", rows, 2*lanes, isa)
	TEXT(name, NOSPLIT, "func(k int, a *float32, lda int, b *float32, rsb int, strips int, y *float32)")
	Doc(name + " adds to sums of some rows; see sweepFunc.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return vectors[len(vectors)-2*rows+2*i+j] }
	sums := func(y reg.GPVirtual, i, j int) Mem { return Mem{Base: y, Disp: bytes * (2*i + j)} }
	k, b, rsb, strips, y := load("k"), load("b"), loadBytes("rsb"), load("strips"), load("y")
	a := newStrided(load("a"), loadBytes("lda"), rows)
	SHLQ(Imm(2), k)
	row, left, ahead := GP64(), GP64(), GP64()
	IMUL3Q(Imm(sweepAhead), rsb, ahead)

	Label("strip")
	for i := range rows {
		VMOVUPS(sums(y, i, 0), acc(i, 0))
		VMOVUPS(sums(y, i, 1), acc(i, 1))
	}
	MOVQ(b, row)
	MOVQ(k, left)
	Label("step")
	VMOVUPS(Mem{Base: row}, vectors[0])
	VMOVUPS(Mem{Base: row, Disp: bytes}, vectors[1])
	for at := 0; at < 2*bytes; at += 64 {
		PREFETCHT0(Mem{Base: row, Index: ahead, Scale: 1, Disp: at})
	}
	ADDQ(rsb, row)
	for i := range rows {
		x := vectors[2+i%2]
		VBROADCASTSS(a.row(i), x)
		VFMADD231PS(vectors[0], x, acc(i, 0))
		VFMADD231PS(vectors[1], x, acc(i, 1))
	}
	a.advance(Imm(4))
	SUBQ(Imm(4), left)
	JNZ(LabelRef("step"))
	for i := range rows {
		VMOVUPS(acc(i, 0), sums(y, i, 0))
		VMOVUPS(acc(i, 1), sums(y, i, 1))
	}
	for _, base := range a.base {
		SUBQ(k, base)
	}
	ADDQ(U32(uint32(2*bytes)), b)
	ADDQ(U32(uint32(2*bytes*rows)), y)
	DECQ(strips)
	JNZ(LabelRef("strip"))
	VZEROUPPER()
	RET()
}
