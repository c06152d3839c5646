package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotTile writes the kernel of the scalar products of some vectors with four rows of B. Each product has one
// register of sums, as in dot, so that results do not depend on the number of vectors. The first registers hold
// parts of the rows, the next one part of a vector, and the last ones the sums.
func dotTile(isa string, registers []reg.VecPhysical, lanes, vectors int) {
	const rows = 4
	name := fmt.Sprintf("dots%dx%d%s", vectors, rows, isa)
	TEXT(name, NOSPLIT, "func(k int, x *float32, ldx int, b *float32, ldb int, y *float32, ldy int)")
	Doc(name + " computes scalar products of some vectors; see dotTileFunc.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return registers[len(registers)-rows*(vectors-i)+j] }
	bytes, part := 4*lanes, registers[rows]
	k := load("k")
	x := newStrided(load("x"), loadBytes("ldx"), vectors)
	ldb := loadBytes("ldb")
	b := newStrided(load("b"), ldb, rows)
	// The next four rows are prefetched along with these, in memory order if there are no gaps between rows: each
	// cache line once.
	soon := GP64()
	LEAQ(Mem{Base: b.base[0], Index: ldb, Scale: 4}, soon)
	for i := range vectors {
		for j := range rows {
			if lanes == 16 {
				VPXORD(acc(i, j), acc(i, j), acc(i, j))
			} else {
				VXORPS(acc(i, j), acc(i, j), acc(i, j))
			}
		}
	}

	Label("step")
	for at := 0; at < rows*bytes; at += 64 {
		PREFETCHT0(Mem{Base: soon, Disp: at})
	}
	for j := range rows {
		VMOVUPS(b.row(j), registers[j])
	}
	for i := range vectors {
		VMOVUPS(x.row(i), part)
		for j := range rows {
			VFMADD231PS(registers[j], part, acc(i, j))
		}
	}
	x.advance(Imm(uint64(bytes)))
	b.advance(Imm(uint64(bytes)))
	ADDQ(U32(uint32(rows*bytes)), soon)
	SUBQ(Imm(uint64(lanes)), k)
	JNZ(LabelRef("step"))

	y, ldy := load("y"), loadBytes("ldy")
	for i := range vectors {
		for j := range rows {
			if lanes == 16 {
				VEXTRACTF64X4(Imm(1), acc(i, j), registers[rows+j].AsY())
				VMOVAPS(acc(i, j), registers[j])
				VADDPS(registers[rows+j].AsY(), registers[j].AsY(), registers[j].AsY())
			} else {
				VMOVAPS(acc(i, j), registers[j])
			}
		}
		storeTotals(registers[:rows], registers[rows], y)
		if i < vectors-1 {
			ADDQ(ldy, y)
		}
	}
	VZEROUPPER()
	RET()
}

// storeTotals adds up the 8 lanes of each of four registers, in the same order as total, and stores the sums side
// by side. other is a scratch register.
func storeTotals(v []reg.VecPhysical, other reg.VecPhysical, y reg.GPVirtual) {
	for _, v := range v {
		VEXTRACTF128(Imm(1), v.AsY(), other.AsX())
		VADDPS(other.AsX(), v.AsX(), v.AsX())
	}
	VHADDPS(v[1].AsX(), v[0].AsX(), v[0].AsX())
	VHADDPS(v[3].AsX(), v[2].AsX(), v[2].AsX())
	VHADDPS(v[2].AsX(), v[0].AsX(), v[0].AsX())
	VMOVUPS(v[0].AsX(), Mem{Base: y})
}
