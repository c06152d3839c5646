package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func elementwise(s set) {
	add(s)
	mul(s)
	axpy(s)
	scale(s)
	sumRows(s)
}

func add(s set) {
	k := begin(s, "add", "(out, a, b []float32)", 4, "sets out to a + b. All are of one length.")
	k.slices("out", "a", "b")
	k.loop(func() { k.store("out", k.add(k.load("a"), k.load("b"))) })
	k.end()
}

func mul(s set) {
	k := begin(s, "mul", "(out, a, b []float32)", 4, "sets out to a·b. All are of one length.")
	k.slices("out", "a", "b")
	k.loop(func() { k.store("out", k.mul(k.load("a"), k.load("b"))) })
	k.end()
}

func axpy(s set) {
	k := begin(s, "axpy", "(y []float32, alpha float32, x []float32)", 4, "adds alpha·x to y. They are of one length.")
	k.slices("y", "x")
	alpha := k.scalar("alpha")
	k.loop(func() {
		y := k.load("y")
		k.accumulate(y, k.load("x"), alpha)
		k.store("y", y)
	})
	k.end()
}

func scale(s set) {
	k := begin(s, "scale", "(out, x []float32, alpha float32)", 4, "sets out to alpha·x. They are of one length.")
	k.slices("out", "x")
	alpha := k.scalar("alpha")
	k.loop(func() { k.store("out", k.mul(k.load("x"), alpha)) })
	k.end()
}

// rowsAtOnce is the number of rows that sumRows adds while a part of the sum is in registers.
const rowsAtOnce = 4

// sumRows goes along the rows, in memory order.
func sumRows(s set) {
	k := begin(s, "sumRows", "(out, x []float32, rows, stride int)", 2, "adds to out the rows of x, stride elements apart and as long, one after the other.")
	k.slices("out", "x")
	rows, stride := GP64(), GP64()
	Load(Param("rows"), rows)
	Load(Param("stride"), stride)
	SHLQ(Imm(2), stride)
	k.stack("x", stride, rowsAtOnce)

	k.rowLoop(rows, rowsAtOnce, func(count int, _, _ string) {
		k.rewind("out")
		k.loop(func() {
			sum := k.load("out")
			for r := range count {
				k.sumInto(sum, k.load(row("x", r)))
			}
			k.store("out", sum)
		})
		k.nextRows("x", stride, count, rowsAtOnce)
		SUBQ(U32(uint32(count)), rows)
	})
	k.end()
}
