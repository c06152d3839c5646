package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// kernel is one function while it is being written.
type kernel struct {
	set
	unroll int                      // vectors in a full round
	base   map[string]reg.GPVirtual // where slices begin
	at     reg.GPVirtual            // bytes done
	left   reg.GPVirtual            // elements left
	fixed  map[constant]broadcast   // constants in registers
	loops  int                      // for labels
	ahead  int                      // distance in bytes at which loads prefetch; 0 for none

	// These describe the round that is being written:
	count  int  // vectors
	masked bool // only the lanes of mask exist
	mask   reg.Register
}

// begin starts a function that handles unroll vectors in a round.
func begin(s set, name, signature string, unroll int, doc string) *kernel {
	TEXT(name+s.name, NOSPLIT, "func"+signature)
	Doc(name + s.name + " " + doc)
	Pragma("noescape")
	k := &kernel{
		set: s, unroll: unroll, count: unroll,
		base: map[string]reg.GPVirtual{}, fixed: map[constant]broadcast{},
	}
	if s.is512() {
		k.mask = reg.K1
	} else {
		k.mask = YMM()
	}
	return k
}

func (k *kernel) end() {
	VZEROUPPER()
	RET()
}

// slices loads the addresses of parameters. The length of the first one is that of the loop.
func (k *kernel) slices(names ...string) {
	for _, name := range names {
		p := GP64()
		Load(Param(name).Base(), p)
		k.base[name] = p
	}
	k.at, k.left = GP64(), GP64()
	k.rewind(names[0])
}

// rewind goes back to the first element; length names the parameter whose length is used.
func (k *kernel) rewind(length string) {
	XORQ(k.at, k.at)
	Load(Param(length).Len(), k.left)
}

// fix keeps a constant in a register.
func (k *kernel) fix(c constant) broadcast {
	b, ok := k.fixed[c]
	if !ok {
		if k.loops > 0 {
			panic(fmt.Sprintf("constant %v is not fixed before the loop", c))
		}
		b = broadcast{k.vec()}
		VBROADCASTSS(number(c), b.VecVirtual)
		k.fixed[c] = b
	}
	return b
}

// scalar broadcasts a parameter to all lanes.
func (k *kernel) scalar(name string) broadcast { return k.spread(parameter(name)) }

// spread broadcasts a number in memory to all lanes of a register.
func (k *kernel) spread(m Mem) broadcast {
	b := broadcast{k.vec()}
	VBROADCASTSS(m, b.VecVirtual)
	return b
}

// parameter returns the address of a parameter.
func parameter(name string) Mem { return place(Param(name)) }

func place(c gotypes.Component) Mem {
	p, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// zeros returns vectors of zeros for a full round.
func (k *kernel) zeros() group {
	g := k.new()
	for _, v := range g {
		k.clear(v)
	}
	return g
}

func (k *kernel) clear(v reg.VecVirtual) {
	if k.is512() {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}

// loop writes round twice: for rounds of unroll whole vectors, and for the remaining elements, one vector at a
// time with a mask of the lanes that exist. Both compute an element with the same instructions, so its bits do
// not depend on its place.
func (k *kernel) loop(round func()) {
	k.loops++
	whole, rest, done := k.label("whole"), k.label("rest"), k.label("done")
	step := k.unroll * k.lanes

	Label(whole)
	CMPQ(k.left, U32(uint32(step)))
	JLT(LabelRef(rest))
	round()
	ADDQ(U32(uint32(4*step)), k.at)
	SUBQ(U32(uint32(step)), k.left)
	JMP(LabelRef(whole))

	Label(rest)
	TESTQ(k.left, k.left)
	JLE(LabelRef(done))
	k.count, k.masked = 1, true
	k.setMask()
	round()
	k.count, k.masked = k.unroll, false
	ADDQ(U32(uint32(4*k.lanes)), k.at)
	SUBQ(U32(uint32(k.lanes)), k.left)
	JMP(LabelRef(rest))
	Label(done)
}

func (k *kernel) label(name string) string { return fmt.Sprint(name, k.loops) }

// setMask sets the lanes that exist: the first left ones, or all if there are fewer lanes.
func (k *kernel) setMask() {
	if k.is512() {
		// left is below 256 here, and BZHI uses only its low 8 bits.
		m := GP32()
		MOVL(U32(1<<16-1), m)
		BZHIL(k.left.As32(), m, m)
		KMOVW(m, reg.K1)
		return
	}
	lanes, from := GP64(), GP64()
	MOVQ(U32(uint32(k.lanes)), lanes)
	CMPQ(k.left, lanes)
	CMOVQLT(k.left, lanes)
	NEGQ(lanes)
	LEAQ(firstLanes(), from)
	VMOVUPS(Mem{Base: from, Index: lanes, Scale: 4}, k.mask)
}

// place returns the address of vector i of a slice in this round.
func (k *kernel) place(name string, i int) Mem {
	return Mem{Base: k.base[name], Index: k.at, Scale: 1, Disp: 4 * k.lanes * i}
}

// load reads the vectors of this round. Lanes that do not exist are 0.
func (k *kernel) load(name string) group {
	g := k.new()
	for i := range g {
		if k.ahead > 0 && !k.masked {
			PREFETCHT0(k.place(name, i).Offset(k.ahead))
		}
		k.read(k.place(name, i), g[i])
	}
	return g
}

func (k *kernel) read(m Mem, v reg.VecVirtual) {
	switch {
	case !k.masked:
		VMOVUPS(m, v)
	case k.is512():
		VMOVUPS_Z(m, k.mask, v)
	default:
		VMASKMOVPS(m, k.mask, v)
	}
}

// store writes the vectors of this round.
func (k *kernel) store(name string, g group) {
	for i := range g {
		k.write(g[i], k.place(name, i))
	}
}

func (k *kernel) write(v reg.VecVirtual, m Mem) {
	switch {
	case !k.masked:
		VMOVUPS(v, m)
	case k.is512():
		VMOVUPS(v, k.mask, m)
	default:
		VMASKMOVPS(v, k.mask, m)
	}
}

// existing returns x with 0 in the lanes that do not exist.
func (k *kernel) existing(x group) group {
	if !k.masked {
		return x
	}
	out := k.new()
	for i := range out {
		if k.is512() {
			VMOVAPS_Z(x[i], k.mask, out[i])
		} else {
			VANDPS(x[i], k.mask, out[i])
		}
	}
	return out
}

// reduce combines the vectors of x and then their lanes in a fixed order, and returns the
// result in lane 0.
func (k *kernel) reduce(f func(...Op), x group) reg.VecVirtual {
	for n := len(x); n > 1; n = (n + 1) / 2 {
		for i := range n / 2 {
			f(x[n-1-i], x[i], x[i])
		}
	}
	v, t := x[0], k.vec()
	if k.is512() {
		VEXTRACTF64X4(Imm(1), v, t.AsY())
		f(t.AsY(), v.AsY(), v.AsY())
	}
	VEXTRACTF128(Imm(1), v.AsY(), t.AsX())
	f(t.AsX(), v.AsX(), v.AsX())
	VPERMILPD(Imm(1), v.AsX(), t.AsX())
	f(t.AsX(), v.AsX(), v.AsX())
	VMOVSHDUP(v.AsX(), t.AsX())
	f(t.AsX(), v.AsX(), v.AsX())
	return v
}

// result sets the named result of the function to lane 0 of v.
func (k *kernel) result(name string, v reg.VecVirtual) { VMOVSS(v.AsX(), place(Return(name))) }

// row returns the name of row r of a slice that holds several rows.
func row(name string, r int) string {
	if r == 0 {
		return name
	}
	return fmt.Sprint(name, r)
}

// stack adds base addresses for the first rows of a slice, which are stride bytes apart, under the names given by
// row.
func (k *kernel) stack(name string, stride reg.GPVirtual, rows int) {
	for r := 1; r < rows; r++ {
		p := GP64()
		LEAQ(Mem{Base: k.base[row(name, r-1)], Index: stride, Scale: 1}, p)
		k.base[row(name, r)] = p
	}
}

// nextRows advances the rows of a stack by the given number of rows.
func (k *kernel) nextRows(name string, stride reg.GPVirtual, by, rows int) {
	step := GP64()
	IMUL3Q(U32(uint32(by)), stride, step)
	for r := range rows {
		ADDQ(step, k.base[row(name, r)])
	}
}

// rowLoop writes pass for several rows and for one, with two labels for it to use. pass must count the rows down.
func (k *kernel) rowLoop(rows reg.GPVirtual, several int, pass func(count int, label1, label2 string)) {
	Label("several")
	CMPQ(rows, U32(uint32(several)))
	JLT(LabelRef("single"))
	pass(several, "several1", "several2")
	JMP(LabelRef("several"))
	Label("single")
	TESTQ(rows, rows)
	JLE(LabelRef("finished"))
	pass(1, "single1", "single2")
	JMP(LabelRef("single"))
	Label("finished")
}
