package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set. Every kernel is written once, for both sets.
type set struct {
	name  string // suffix of the names of the functions
	lanes int    // float32s in a vector
	vec   func() reg.VecVirtual
}

var (
	avx512 = set{"AVX512", 16, ZMM}
	avx2   = set{"AVX2", 8, YMM}
)

func (s set) is512() bool { return s.lanes == 16 }

// operand is an operand of an instruction: a group, a broadcast or a constant.
type operand interface{}

type (
	// group holds the vectors of one round of a loop. They do not depend on one another, which keeps the
	// processor busy while each waits for its last result.
	group []reg.VecVirtual
	// broadcast is one number in all lanes of a register.
	broadcast struct{ reg.VecVirtual }
	// constant is a number that is read from memory where it is used.
	constant float32
)

// instruction has one form for registers and vectors in memory, and another that broadcasts one number in memory
// to all lanes.
type instruction struct{ plain, spread func(...Op) }

var (
	vadd  = instruction{VADDPS, VADDPS_BCST}
	vsub  = instruction{VSUBPS, VSUBPS_BCST}
	vmul  = instruction{VMULPS, VMULPS_BCST}
	vdiv  = instruction{VDIVPS, VDIVPS_BCST}
	vmin  = instruction{VMINPS, VMINPS_BCST}
	vmax  = instruction{VMAXPS, VMAXPS_BCST}
	vand  = instruction{VANDPS, VANDPS_BCST}
	vfma  = instruction{VFMADD213PS, VFMADD213PS_BCST}
	vfma2 = instruction{VFMADD132PS, VFMADD132PS_BCST}
	vacc  = instruction{VFMADD231PS, VFMADD231PS_BCST}
	vfms  = instruction{VFMSUB213PS, VFMSUB213PS_BCST}
	vfnma = instruction{VFNMADD213PS, VFNMADD213PS_BCST}
	vnacc = instruction{VFNMADD231PS, VFNMADD231PS_BCST}
	vfnm2 = instruction{VFNMADD132PS, VFNMADD132PS_BCST}
	vfns2 = instruction{VFNMSUB132PS, VFNMSUB132PS_BCST}
)

// emit writes f with source as its first operand, in the order of Go's assembler.
func (k *kernel) emit(f instruction, source operand, i int, rest ...Op) {
	if c, ok := source.(constant); ok && k.is512() {
		f.spread(append([]Op{number(c)}, rest...)...)
		return
	}
	f.plain(append([]Op{k.operand(source, i)}, rest...)...)
}

// operand returns the part of x for vector i.
func (k *kernel) operand(x operand, i int) Op {
	switch x := x.(type) {
	case group:
		return x[i]
	case broadcast:
		return x.VecVirtual
	case constant:
		return number(x)
	}
	panic(fmt.Sprintf("operand %T", x))
}

// new returns registers for a group.
func (k *kernel) new() group {
	g := make(group, k.count)
	for i := range g {
		g[i] = k.vec()
	}
	return g
}

// op returns a∘b. a must be in registers.
func (k *kernel) op(f instruction, a, b operand) group {
	out := k.new()
	for i := range out {
		k.emit(f, b, i, k.operand(a, i), out[i])
	}
	return out
}

func (k *kernel) add(a, b operand) group { return k.op(vadd, a, b) }
func (k *kernel) sub(a, b operand) group { return k.op(vsub, a, b) }
func (k *kernel) mul(a, b operand) group { return k.op(vmul, a, b) }
func (k *kernel) div(a, b operand) group { return k.op(vdiv, a, b) }
func (k *kernel) and(a, b operand) group { return k.op(vand, a, b) }

// atMost returns the smaller of x and limit, and NaN where x is NaN: if its operands are unordered, the
// instruction returns its first one in Go's order, which is x.
func (k *kernel) atMost(x group, limit broadcast) group  { return k.op(vmin, limit, x) }
func (k *kernel) atLeast(x group, limit broadcast) group { return k.op(vmax, limit, x) }

// fused changes x by f, an instruction for x = ±x·a ± b with a in registers, or by its twin if a is in memory.
func (k *kernel) fused(f, twin instruction, x group, a, b operand) {
	for i := range x {
		if _, ok := a.(constant); ok {
			k.emit(twin, a, i, k.operand(b, i), x[i])
		} else {
			k.emit(f, b, i, k.operand(a, i), x[i])
		}
	}
}

// mulAdd sets x = x·a + b.
func (k *kernel) mulAdd(x group, a, b operand) { k.fused(vfma, vfma2, x, a, b) }

// mulSub sets x = x·a − b.
func (k *kernel) mulSub(x group, a, b operand) { k.fused(vfms, instruction{}, x, a, b) }

// negMulAdd sets x = b − x·a.
func (k *kernel) negMulAdd(x group, a, b operand) { k.fused(vfnma, vfnm2, x, a, b) }

// negMulSub sets x = −b − x·a for a constant a.
func (k *kernel) negMulSub(x group, a constant, b operand) { k.fused(instruction{}, vfns2, x, a, b) }

// accumulate adds a·b to the vectors of x. a must be in registers.
func (k *kernel) accumulate(x group, a, b operand) {
	for i := range k.count {
		k.emit(vacc, b, i, k.operand(a, i), x[i])
	}
}

// deduct subtracts a·b from the vectors of x. a must be in registers.
func (k *kernel) deduct(x group, a, b operand) {
	for i := range k.count {
		k.emit(vnacc, b, i, k.operand(a, i), x[i])
	}
}

// sumInto adds b to the vectors of x.
func (k *kernel) sumInto(x group, b operand) {
	for i := range k.count {
		k.emit(vadd, b, i, x[i], x[i])
	}
}

// copy returns x in new registers that may be changed.
func (k *kernel) copy(x operand) group {
	out := k.new()
	for i := range out {
		if c, ok := x.(constant); ok {
			VBROADCASTSS(number(c), out[i])
		} else {
			VMOVAPS(k.operand(x, i), out[i])
		}
	}
	return out
}

// abs clears the sign.
func (k *kernel) abs(x group) group { return k.and(x, constant(math.Float32frombits(1<<31-1))) }

// whereNegative returns a where the sign of x is set, and b elsewhere. a and b must be in registers.
func (k *kernel) whereNegative(x group, a, b operand) group {
	out := k.new()
	for i := range out {
		if k.is512() {
			m := K()
			VPMOVD2M(x[i], m)
			VBLENDMPS(k.operand(a, i), k.operand(b, i), m, out[i])
		} else {
			VBLENDVPS(x[i], k.operand(a, i), k.operand(b, i), out[i])
		}
	}
	return out
}

// wherePositive returns x where by is positive or NaN, and 0 elsewhere.
func (k *kernel) wherePositive(x, by group, zero broadcast) group {
	const notLessOrEqual = U8(6) // true for NaN
	out := k.new()
	for i := range out {
		if k.is512() {
			m := K()
			VCMPPS(notLessOrEqual, zero.VecVirtual, by[i], m)
			VMOVAPS_Z(x[i], m, out[i])
		} else {
			VCMPPS(notLessOrEqual, zero.VecVirtual, by[i], out[i])
			VANDPS(x[i], out[i], out[i])
		}
	}
	return out
}

// fromFirst returns vectors that hold the first element of a slice.
func (k *kernel) fromFirst(name string) group {
	g := k.new()
	for _, v := range g {
		VBROADCASTSS(Mem{Base: k.base[name]}, v)
	}
	return g
}

// keepWhereMissing sets the lanes of x that do not exist to those of y.
func (k *kernel) keepWhereMissing(x, y group) {
	if !k.masked {
		return
	}
	for i := range x {
		if k.is512() {
			VBLENDMPS(x[i], y[i], k.mask, x[i])
		} else {
			VBLENDVPS(k.mask, x[i], y[i], x[i])
		}
	}
}

// A note records which lanes have ever had a property.
type note reg.Register

// nothing returns an empty note.
func (k *kernel) nothing() note {
	if k.is512() {
		n := K()
		KXORW(n, n, n)
		return n
	}
	n := YMM()
	VXORPS(n, n, n)
	return n
}

// noteNaN notes the lanes of x that are NaN.
func (k *kernel) noteNaN(n note, x group) {
	const unordered = U8(3)
	for i := 0; i < len(x); i += 2 {
		other := x[min(i+1, len(x)-1)]
		if k.is512() {
			m := K()
			VCMPPS(unordered, other, x[i], m)
			KORW(m, n, n)
		} else {
			m := YMM()
			VCMPPS(unordered, other, x[i], m)
			VORPS(m, n, n)
		}
	}
}

// ifAny writes code that runs if the note is not empty.
func (k *kernel) ifAny(n note, f func()) {
	if k.is512() {
		KTESTW(n, n)
	} else {
		VTESTPS(n, n)
	}
	JZ(LabelRef("none"))
	f()
	Label("none")
}
