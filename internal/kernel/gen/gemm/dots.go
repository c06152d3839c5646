package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotTile writes the kernel of the scalar products of some vectors with four rows of B. Each
// has one register of sums, as in dot, so that it does not matter how many there are. The first registers hold parts of the rows, the next one of a
// vector, the last the sums.
func dotTile(isa string, registers []reg.VecPhysical, lanes, vectors int) {
	const rows = 4
	name := fmt.Sprintf("dots%dx%d%s", vectors, rows, isa)
	TEXT(name, NOSPLIT, "func(k int, x *float32, ldx int, b *float32, ldb int, y *float32)")
	Doc(name + " computes scalar products of some vectors; see dotTileFunc.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return registers[len(registers)-rows*(vectors-i)+j] }
	bytes, part := 4*lanes, registers[rows]
	k := load("k")
	x := newStrided(load("x"), loadBytes("ldx"), vectors)
	ldb := loadBytes("ldb")
	b := newStrided(load("b"), ldb, rows)
	// The next four rows are asked for along with these, in the order in which they lie if there are no gaps: each line once.
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

	y := load("y")
	for i := range vectors {
		for j := range rows {
			sum := registers[0]
			VMOVAPS(acc(i, j), sum)
			total(sum, registers[1], lanes)
			VMOVSS(sum.AsX(), Mem{Base: y, Disp: 4 * (rows*i + j)})
		}
	}
	VZEROUPPER()
	RET()
}
