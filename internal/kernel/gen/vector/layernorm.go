package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func layerNorm(s set) {
	squares(s)
	normalize(s)
	normSums(s)
	normGrad(s)
	normGradParams(s)
}

func squares(s set) {
	k := begin(s, "squares", "(x []float32, mean float32) (sum float32)", 4, "returns Σ (x - mean)².")
	k.slices("x")
	mean, total := k.scalar("mean"), k.zeros()
	k.loop(func() {
		d := k.existing(k.sub(k.load("x"), mean))
		k.accumulate(total, d, d)
	})
	k.result("sum", k.reduce(VADDPS, total))
	k.end()
}

func normalize(s set) {
	k := begin(s, "normalize", "(out, x, gain, bias []float32, mean, rstd float32)", 4, "sets out to (x - mean)·rstd·gain + bias. All are of one length, but bias may be empty.")
	k.slices("x", "out", "gain", "bias")
	mean, rstd := k.scalar("mean"), k.scalar("rstd")
	length := GP64()
	Load(Param("bias").Len(), length)
	TESTQ(length, length)
	JZ(LabelRef("plain"))
	k.loop(func() {
		x := k.mul(k.sub(k.load("x"), mean), rstd)
		k.mulAdd(x, k.load("gain"), k.load("bias"))
		k.store("out", x)
	})
	JMP(LabelRef("end"))
	Label("plain")
	k.loop(func() {
		x := k.mul(k.sub(k.load("x"), mean), rstd)
		k.store("out", k.mul(x, k.load("gain")))
	})
	Label("end")
	k.end()
}

func normSums(s set) {
	k := begin(s, "normSums", "(dy, x, gain []float32, mean, rstd float32) (sum, dot float32)", wide(s), "returns Σ g and Σ g·(x - mean)·rstd for g = dy·gain. All are of one length.")
	k.slices("x", "dy", "gain")
	mean, rstd := k.scalar("mean"), k.scalar("rstd")
	sum, dot := k.zeros(), k.zeros()
	k.loop(func() {
		x := k.mul(k.sub(k.load("x"), mean), rstd)
		g := k.mul(k.load("dy"), k.load("gain")) // 0 in lanes that do not exist
		k.sumInto(sum, g)
		k.accumulate(dot, g, x)
	})
	k.result("sum", k.reduce(VADDPS, sum))
	k.result("dot", k.reduce(VADDPS, dot))
	k.end()
}

func normGrad(s set) {
	k := begin(s, "normGrad", "(dx, dy, x, gain []float32, mean, rstd, sum, dot float32)", wide(s), "sets dx to rstd·(dy·gain - sum - (x - mean)·rstd·dot). All are of one length.")
	k.slices("x", "dx", "dy", "gain")
	mean, rstd, sum, dot := k.scalar("mean"), k.scalar("rstd"), k.scalar("sum"), k.scalar("dot")
	k.loop(func() {
		x := k.mul(k.sub(k.load("x"), mean), rstd)
		g := k.load("dy")
		k.mulSub(g, k.load("gain"), sum)
		k.deduct(g, x, dot)
		k.store("dx", k.mul(g, rstd))
	})
	k.end()
}

// normGradParams goes along the rows, as sumRows does.
func normGradParams(s set) {
	k := begin(s, "normGradParams", "(dgain, dbias, dy, x, mean, rstd []float32, stride int)", 1, "adds dy·(x - mean)·rstd to dgain and dy to dbias, row after row of dy and x. Those are as long as dgain and dbias and stride elements apart, and as many as mean and rstd have elements. dbias may be empty.")
	k.slices("dgain", "dbias", "dy", "x")
	means, rstds := GP64(), GP64()
	Load(Param("mean").Base(), means)
	Load(Param("rstd").Base(), rstds)
	rows, stride, biased := GP64(), GP64(), GP64()
	Load(Param("mean").Len(), rows)
	Load(Param("stride"), stride)
	SHLQ(Imm(2), stride)
	const atOnce = 2 // limited by the number of registers
	k.stack("dy", stride, atOnce)
	k.stack("x", stride, atOnce)

	pass := func(count int, bias bool) {
		k.rewind("dgain")
		mean, rstd := make([]broadcast, count), make([]broadcast, count)
		for r := range count {
			mean[r], rstd[r] = k.spread(Mem{Base: means, Disp: 4 * r}), k.spread(Mem{Base: rstds, Disp: 4 * r})
		}
		k.loop(func() {
			gain := k.load("dgain")
			var sum group
			if bias {
				sum = k.load("dbias")
			}
			for r := range count {
				x := k.mul(k.sub(k.load(row("x", r)), mean[r]), rstd[r])
				dy := k.load(row("dy", r))
				k.accumulate(gain, dy, x)
				if bias {
					k.sumInto(sum, dy)
				}
			}
			k.store("dgain", gain)
			if bias {
				k.store("dbias", sum)
			}
		})
	}
	next := func(count int) {
		k.nextRows("dy", stride, count, atOnce)
		k.nextRows("x", stride, count, atOnce)
		ADDQ(U32(uint32(4*count)), means)
		ADDQ(U32(uint32(4*count)), rstds)
		SUBQ(U32(uint32(count)), rows)
	}
	// both writes pass with and without a bias.
	both := func(count int, plain, end string) {
		Load(Param("dbias").Len(), biased)
		TESTQ(biased, biased)
		JZ(LabelRef(plain))
		pass(count, true)
		JMP(LabelRef(end))
		Label(plain)
		pass(count, false)
		Label(end)
		next(count)
	}
	k.rowLoop(rows, atOnce, both)
	k.end()
}
