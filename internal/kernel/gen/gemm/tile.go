package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

// tileAVX512 writes the kernel of a rows×32 tile. multiply writes the instruction that accumulates products. Z0
// and Z1 hold a row of B, Z2 and Z3 alternately hold an element of A, and the last registers hold the tile.
func tileAVX512(rows int, isa string, multiply func(b, a, acc reg.VecPhysical)) {
	name := fmt.Sprintf("tile%dx32%s", rows, isa)
	TEXT(name, NOSPLIT, "func(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, mask uint32, next uintptr, ldn, pieces int)")
	Doc(name + " computes a tile of C; see tileFunc. Bit j of mask tells whether column j exists.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return zmm[32-2*rows+2*i+j] }
	b0, b1 := reg.Z0, reg.Z1

	t := loadTile(rows)
	mask := GP32()
	Load(Param("mask"), mask)
	KMOVW(mask, reg.K1)
	SHRL(Imm(16), mask)
	KMOVW(mask, reg.K2)
	for i := range rows {
		VPXORD(acc(i, 0), acc(i, 0), acc(i, 0))
		VPXORD(acc(i, 1), acc(i, 1), acc(i, 1))
	}
	t.loop(func() {
		VMOVUPS_Z(Mem{Base: t.b}, reg.K1, b0)
		VMOVUPS_Z(Mem{Base: t.b, Disp: 64}, reg.K2, b1)
		ADDQ(t.rsb, t.b)
		for i := range rows {
			x := zmm[2+i%2]
			VBROADCASTSS(t.a.row(i), x)
			multiply(b0, x, acc(i, 0))
			multiply(b1, x, acc(i, 1))
		}
		t.a.advance(t.csa)
	})
	c, ldc := load("c"), loadBytes("ldc")

	alpha, beta := reg.Z0, reg.Z1
	VBROADCASTSS(address("alpha"), alpha)
	for i := range rows {
		VMULPS(alpha, acc(i, 0), acc(i, 0))
		VMULPS(alpha, acc(i, 1), acc(i, 1))
	}
	jumpIfClearing("store")
	VBROADCASTSS(address("beta"), beta)
	row := GP64()
	MOVQ(c, row)
	for i := range rows {
		VMOVUPS_Z(Mem{Base: row}, reg.K1, reg.Z2)
		VMOVUPS_Z(Mem{Base: row, Disp: 64}, reg.K2, reg.Z3)
		VFMADD231PS(reg.Z2, beta, acc(i, 0))
		VFMADD231PS(reg.Z3, beta, acc(i, 1))
		if i < rows-1 {
			ADDQ(ldc, row)
		}
	}
	Label("store")
	for i := range rows {
		VMOVUPS(acc(i, 0), reg.K1, Mem{Base: c})
		VMOVUPS(acc(i, 1), reg.K2, Mem{Base: c, Disp: 64})
		if i < rows-1 {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// tileAVX2 writes the kernel of a rows×16 tile. Y0 and Y1 hold a row of B, Y2 and Y3 alternately hold an element
// of A, and the last registers hold the tile.
func tileAVX2(rows int) {
	name := fmt.Sprintf("tile%dx16AVX2", rows)
	TEXT(name, NOSPLIT, "func(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, mask uint32, next uintptr, ldn, pieces int)")
	Doc(name + " computes a tile of C; see tileFunc. It wants all columns to exist.")
	Pragma("noescape")
	acc := func(i, j int) reg.VecPhysical { return ymm[16-2*rows+2*i+j] }
	b0, b1 := reg.Y0, reg.Y1

	t := loadTile(rows)
	for i := range rows {
		VXORPS(acc(i, 0), acc(i, 0), acc(i, 0))
		VXORPS(acc(i, 1), acc(i, 1), acc(i, 1))
	}
	t.loop(func() {
		VMOVUPS(Mem{Base: t.b}, b0)
		VMOVUPS(Mem{Base: t.b, Disp: 32}, b1)
		ADDQ(t.rsb, t.b)
		for i := range rows {
			x := ymm[2+i%2]
			VBROADCASTSS(t.a.row(i), x)
			VFMADD231PS(b0, x, acc(i, 0))
			VFMADD231PS(b1, x, acc(i, 1))
		}
		t.a.advance(t.csa)
	})
	c, ldc := load("c"), loadBytes("ldc")

	alpha, beta := reg.Y0, reg.Y1
	VBROADCASTSS(address("alpha"), alpha)
	for i := range rows {
		VMULPS(alpha, acc(i, 0), acc(i, 0))
		VMULPS(alpha, acc(i, 1), acc(i, 1))
	}
	jumpIfClearing("store")
	VBROADCASTSS(address("beta"), beta)
	row := GP64()
	MOVQ(c, row)
	for i := range rows {
		VFMADD231PS(Mem{Base: row}, beta, acc(i, 0))
		VFMADD231PS(Mem{Base: row, Disp: 32}, beta, acc(i, 1))
		if i < rows-1 {
			ADDQ(ldc, row)
		}
	}
	Label("store")
	for i := range rows {
		VMOVUPS(acc(i, 0), Mem{Base: c})
		VMOVUPS(acc(i, 1), Mem{Base: c, Disp: 32})
		if i < rows-1 {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// tile holds the arguments of a kernel's loop in registers. Strides are in bytes.
type tile struct {
	rows        int
	csa, b, rsb reg.GPVirtual
	a           strided
}

func loadTile(rows int) tile {
	return tile{
		rows: rows,
		a:    newStrided(load("a"), loadBytes("rsa"), rows),
		csa:  loadBytes("csa"),
		b:    load("b"),
		rsb:  loadBytes("rsb"),
	}
}

// unroll is the number of steps of the loop over k between two prefetches.
const unroll = 4

// loop repeats step k times. In between, it prefetches memory that will be needed soon, 128 bytes at a time so
// that the steps' own loads do not have to wait: first the rows of C, then pieces of one row after another,
// beginning at next.
func (t tile) loop(step func()) {
	count, ask, stride, left := load("k"), load("c"), loadBytes("ldc"), GP64()
	next, ldn := load("next"), loadBytes("ldn")
	MOVQ(U32(uint32(t.rows)), left)
	SHRQ(Imm(2), count)
	JZ(LabelRef("rest"))

	Label("many")
	PREFETCHT1(Mem{Base: ask})
	PREFETCHT1(Mem{Base: ask, Disp: 64})
	ADDQ(stride, ask)
	DECQ(left)
	JNZ(LabelRef("steps"))
	MOVQ(next, ask)
	ADDQ(ldn, next)
	MOVQ(U32(128), stride)
	Load(Param("pieces"), left)
	Label("steps")
	for range unroll {
		step()
	}
	DECQ(count)
	JNZ(LabelRef("many"))

	Label("rest")
	Load(Param("k"), count)
	ANDQ(Imm(unroll-1), count)
	JZ(LabelRef("sums"))
	Label("one")
	step()
	DECQ(count)
	JNZ(LabelRef("one"))
	Label("sums")
}

// jumpIfClearing jumps if beta is 0 or -0.
func jumpIfClearing(label string) {
	bits := GP32()
	MOVL(address("beta"), bits)
	ADDL(bits, bits)
	JZ(LabelRef(label))
}

// strided addresses the rows of a matrix with few registers.
type strided struct {
	base             []reg.GPVirtual // base[j] is the address of row 7j
	one, three, five reg.GPVirtual   // multiples of the stride
}

// newStrided takes over the register base, which holds the address of row 0.
func newStrided(base, stride reg.GPVirtual, rows int) strided {
	s := strided{base: []reg.GPVirtual{base}, one: stride}
	if rows > 3 {
		s.three = GP64()
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, s.three)
	}
	if rows > 5 {
		s.five = GP64()
		LEAQ(Mem{Base: stride, Index: stride, Scale: 4}, s.five)
	}
	for at := 7; at < rows; at += 7 {
		next := GP64()
		LEAQ(Mem{Base: s.base[len(s.base)-1], Index: s.three, Scale: 2}, next)
		ADDQ(stride, next)
		s.base = append(s.base, next)
	}
	return s
}

// row returns the address of row i.
func (s strided) row(i int) Mem {
	m := Mem{Base: s.base[i/7]}
	switch i % 7 {
	case 1:
		m.Index, m.Scale = s.one, 1
	case 2:
		m.Index, m.Scale = s.one, 2
	case 3:
		m.Index, m.Scale = s.three, 1
	case 4:
		m.Index, m.Scale = s.one, 4
	case 5:
		m.Index, m.Scale = s.five, 1
	case 6:
		m.Index, m.Scale = s.three, 2
	}
	return m
}

// advance moves all rows by a number of bytes.
func (s strided) advance(by Op) {
	for _, b := range s.base {
		ADDQ(by, b)
	}
}

func load(param string) reg.GPVirtual {
	r := GP64()
	Load(Param(param), r)
	return r
}

func loadBytes(param string) reg.GPVirtual {
	r := load(param)
	SHLQ(Imm(2), r)
	return r
}

func address(param string) Mem {
	p, err := Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}
