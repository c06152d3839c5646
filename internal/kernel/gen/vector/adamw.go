package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// farAhead is how many bytes before their use the kernels that read main memory prefetch them.
const farAhead = 1024

// adamW does not fuse products into sums, so its bits are those of plain Go.
func adamW(s set) {
	unroll := 1
	if s.is512() {
		unroll = 2
	}
	k := begin(s, "adamW", "(constants *float32, w, g, m, v []float32)", unroll, "does the update that is written down at AdamW, whose fields constants points at. The slices have one length.")
	k.slices("w", "g", "m", "v")
	k.ahead = farAhead
	constants := GP64()
	Load(Param("constants"), constants)
	var c [8]broadcast
	for i := range c {
		c[i] = k.spread(Mem{Base: constants, Disp: 4 * i})
	}
	clip, shrink, fresh1, beta2, fresh2, rate, root, eps := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	k.loop(func() {
		d := k.mul(k.load("g"), clip)
		m := k.load("m")
		m = k.orZero(k.add(m, k.mul(k.sub(d, m), fresh1)))
		k.store("m", m)
		v := k.orZero(k.add(k.mul(k.load("v"), beta2), k.mul(k.mul(d, fresh2), d)))
		k.store("v", v)
		for i := range v {
			VSQRTPS(v[i], v[i])
		}
		step := k.div(k.mul(m, rate), k.add(k.mul(v, root), eps))
		k.store("w", k.sub(k.mul(k.load("w"), shrink), step))
	})
	k.end()
}

// tinyMoment is the constant of the same name in package kernel.
const tinyMoment = constant(0x1p-100)

// orZero returns x, but 0 where its magnitude is less than tinyMoment.
func (k *kernel) orZero(x group) group {
	const notLess = U8(5) // true for NaN
	out := k.new()
	size := k.abs(x)
	for i := range out {
		if k.is512() {
			m := K()
			VCMPPS_BCST(notLess, number(tinyMoment), size[i], m)
			VMOVAPS_Z(x[i], m, out[i])
		} else {
			VCMPPS(notLess, number(tinyMoment), size[i], out[i])
			VANDPS(x[i], out[i], out[i])
		}
	}
	return out
}

// addSquares adds the squares of the halves of x, in float64, to low and high.
func (k *kernel) addSquares(x, low, high reg.VecVirtual) {
	a, b := k.vec(), k.vec()
	if k.is512() {
		VEXTRACTF64X4(Imm(1), x, b.AsY())
		VCVTPS2PD(x.AsY(), a)
		VCVTPS2PD(b.AsY(), b)
	} else {
		VEXTRACTF128(Imm(1), x, b.AsX())
		VCVTPS2PD(x.AsX(), a)
		VCVTPS2PD(b.AsX(), b)
	}
	VFMADD231PD(a, a, low)
	VFMADD231PD(b, b, high)
}

// sumSquares sums in float64. It reads four quarters of x at once, since memory serves several streams faster
// than one.
func sumSquares(s set) {
	const streams = 4
	k := begin(s, "sumSquares", "(x []float32) (sum float64)", 1, "returns Σ x² in float64.")
	k.slices("x")
	k.ahead = farAhead
	var low, high [streams]reg.VecVirtual
	for i := range streams {
		low[i], high[i] = k.zeros()[0], k.zeros()[0]
	}
	length, quarter := GP64(), GP64()
	MOVQ(k.left, length)
	SHRQ(Imm(2), k.left)
	ANDQ(I32(int32(-k.lanes)), k.left)
	MOVQ(k.left, quarter)
	SHLQ(Imm(2), quarter)
	k.stack("x", quarter, streams)
	k.loop(func() {
		for i := range streams {
			k.addSquares(k.load(row("x", i))[0], low[i], high[i])
		}
	})
	SHLQ(Imm(2), quarter)
	MOVQ(quarter, k.at)
	SHRQ(Imm(2), quarter)
	MOVQ(length, k.left)
	SUBQ(quarter, k.left)
	k.loop(func() { k.addSquares(k.load("x")[0], low[0], high[0]) })
	v := low[0]
	for i := range low {
		VADDPD(high[i], low[i], low[i])
	}
	VADDPD(low[2], low[0], low[0])
	VADDPD(low[3], low[1], low[1])
	VADDPD(low[1], v, v)
	t := k.vec()
	if k.is512() {
		VEXTRACTF64X4(Imm(1), v, t.AsY())
		VADDPD(t.AsY(), v.AsY(), v.AsY())
	}
	VEXTRACTF128(Imm(1), v.AsY(), t.AsX())
	VADDPD(t.AsX(), v.AsX(), v.AsX())
	VPERMILPD(Imm(1), v.AsX(), t.AsX())
	VADDPD(t.AsX(), v.AsX(), v.AsX())
	VMOVSD(v.AsX(), place(Return("sum")))
	k.end()
}
