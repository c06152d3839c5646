package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sumsAhead is how many rows before their use rowSums prefetches rows of B: the next two, while the current two
// are read.
const sumsAhead = 2

// rowSums writes the kernel of a row of C: it adds multiples of rows of B, several side by side, to sums that
// stay in the first-level cache. So B is read in memory order.
func rowSums(isa string, vectors []reg.VecPhysical, lanes int) {
	const (
		rows  = 2 // of B
		count = 8 // vectors of sums in registers
	)
	name := "rowSums" + isa
	TEXT(name, NOSPLIT, "func(k int, a *float32, csa int, b *float32, rsb int, n int, y *float32)")
	Doc(name + " adds multiples of rows to y; see sumFunc.")
	Pragma("noescape")
	acc, x := vectors[:count], vectors[count:]
	k, a, csa, rsb := load("k"), load("a"), loadBytes("csa"), loadBytes("rsb")
	b := newStrided(load("b"), rsb, rows)
	n, y, left, soon := load("n"), GP64(), GP64(), GP64()

	// pass adds the given number of rows of B.
	pass := func(rows int) {
		for r := range rows {
			VBROADCASTSS(Mem{Base: a}, x[r])
			ADDQ(csa, a)
		}
		Load(Param("y"), y)
		MOVQ(n, left)
		LEAQ(Mem{Base: b.base[0], Index: rsb, Scale: sumsAhead}, soon)
		columns := func(label string, count int) {
			width := uint32(lanes * count)
			Label(fmt.Sprintf("%s%d", label, rows))
			SUBQ(U32(width), left)
			JL(LabelRef(fmt.Sprintf("%sEnd%d", label, rows)))
			for i, v := range acc[:count] {
				VMOVUPS(Mem{Base: y, Disp: 4 * lanes * i}, v)
				for r := range rows {
					if 4*lanes*i%64 == 0 {
						m := Mem{Base: soon, Disp: 4 * lanes * i}
						if r == 1 {
							m.Index, m.Scale = rsb, 1
						}
						PREFETCHT0(m)
					}
					VFMADD231PS(b.row(r).Offset(4*lanes*i), x[r], v)
				}
				VMOVUPS(v, Mem{Base: y, Disp: 4 * lanes * i})
			}
			ADDQ(U32(4*width), y)
			b.advance(U32(4 * width))
			ADDQ(U32(4*width), soon)
			JMP(LabelRef(fmt.Sprintf("%s%d", label, rows)))
			Label(fmt.Sprintf("%sEnd%d", label, rows))
			ADDQ(U32(width), left)
		}
		columns("wide", count)
		columns("narrow", 1)
		// Go to the next rows, back to the first column.
		IMUL3Q(Imm(uint64(rows)), rsb, left)
		MOVQ(n, y)
		SHLQ(Imm(2), y)
		SUBQ(y, left)
		b.advance(left)
	}
	Label("several")
	SUBQ(Imm(rows), k)
	JL(LabelRef("rest"))
	pass(rows)
	JMP(LabelRef("several"))
	Label("rest")
	ADDQ(Imm(rows), k)
	Label("single")
	DECQ(k)
	JL(LabelRef("done"))
	pass(1)
	JMP(LabelRef("single"))
	Label("done")
	VZEROUPPER()
	RET()
}

// addSums writes the kernel that combines the sums of rowSums into C.
func addSums(isa string, vectors []reg.VecPhysical, lanes int) {
	name := "addSums" + isa
	TEXT(name, NOSPLIT, "func(n int, y *float32, steps int, c *float32, alpha, beta float32)")
	Doc(name + " adds the sums of all steps up; see addFunc.")
	Pragma("noescape")
	n, y, c := load("n"), load("y"), load("c")
	stride, part, steps := GP64(), GP64(), GP64()
	MOVQ(n, stride)
	SHLQ(Imm(2), stride)
	alpha, beta, sum, v := vectors[0], vectors[1], vectors[2], vectors[3]
	VBROADCASTSS(address("alpha"), alpha)
	VBROADCASTSS(address("beta"), beta)

	Label("column")
	MOVQ(y, part)
	Load(Param("steps"), steps)
	VMULPS(Mem{Base: part}, alpha, sum)
	jumpIfClearing("next")
	VFMADD231PS(Mem{Base: c}, beta, sum)
	JMP(LabelRef("next"))
	Label("step")
	ADDQ(stride, part)
	VMULPS(Mem{Base: part}, alpha, v)
	VADDPS(v, sum, sum)
	Label("next")
	DECQ(steps)
	JNZ(LabelRef("step"))
	VMOVUPS(sum, Mem{Base: c})
	ADDQ(U32(uint32(4*lanes)), y)
	ADDQ(U32(uint32(4*lanes)), c)
	SUBQ(U32(uint32(lanes)), n)
	JNZ(LabelRef("column"))
	VZEROUPPER()
	RET()
}

// soonRows is how many rows before their use the scalar product kernels prefetch them.
const soonRows = 8

// dot writes a kernel of scalar products of some rows of B with one vector. Each row has one register of sums, so
// that the result does not depend on the number of rows. Two rows are read at a time, which is close to memory
// order, and later rows are prefetched.
func dot(isa string, vectors []reg.VecPhysical, lanes, rows int) {
	name := fmt.Sprintf("dot%d%s", rows, isa)
	TEXT(name, NOSPLIT, "func(k int, x, b *float32, ldb int, y *float32)")
	Doc(fmt.Sprintf("%s stores the scalar products of x and %d rows of b in y. k must be a positive multiple of %d.", name, rows, lanes))
	Pragma("noescape")
	side := min(rows, 2)
	acc, v := vectors[:side], vectors[side]
	k, x, y, ldb := load("k"), load("x"), load("y"), loadBytes("ldb")
	SHLQ(Imm(2), k)
	// The beginnings of the current rows, and of those that are prefetched.
	b, soon := []reg.GPVirtual{load("b"), GP64()}[:side], []reg.GPVirtual{GP64(), GP64()}[:side]
	for i := range side {
		if i > 0 {
			LEAQ(Mem{Base: b[0], Index: ldb, Scale: 1}, b[i])
		}
		LEAQ(Mem{Base: b[i], Index: ldb, Scale: soonRows}, soon[i])
	}
	ADDQ(ldb, ldb)
	at, left := GP64(), GP64()
	MOVQ(U32(uint32(rows/side)), left)

	Label("rows")
	XORQ(at, at)
	for _, v := range acc {
		VXORPS(v.AsY(), v.AsY(), v.AsY())
	}
	Label("step")
	VMOVUPS(Mem{Base: x, Index: at, Scale: 1}, v)
	for i := range side {
		PREFETCHT1(Mem{Base: soon[i], Index: at, Scale: 1})
		VFMADD231PS(Mem{Base: b[i], Index: at, Scale: 1}, v, acc[i])
	}
	ADDQ(Imm(uint64(4*lanes)), at)
	CMPQ(at, k)
	JL(LabelRef("step"))
	for i, sum := range acc {
		total(sum, v, lanes)
		VMOVSS(sum.AsX(), Mem{Base: y, Disp: 4 * i})
	}
	for i := range side {
		ADDQ(ldb, b[i])
		ADDQ(ldb, soon[i])
	}
	ADDQ(Imm(uint64(4*side)), y)
	DECQ(left)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// total adds up the lanes of a register into its first lane. Both registers must be among the first 16, the only
// ones that all these instructions can use.
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
