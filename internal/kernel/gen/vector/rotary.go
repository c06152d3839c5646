package main

import (
	"maps"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// rotary does not fuse products into sums, so its bits are those of plain Go.
func rotary(s set) {
	turn(s, "turnHalves", "pairs m and m + n of columns of each head, of n cosines and sines", func(k *kernel, sign broadcast) {
		n := GP64()
		MOVQ(k.left, n)
		SHLQ(Imm(2), n)
		k.stack("x", n, 2)
		k.stack("out", n, 2)
	}, func(k *kernel, sign broadcast) {
		low, high := row("x", 0), row("x", 1)
		a, b, cos, sin := k.load(low), k.load(high), k.load("cos"), k.mul(k.load("sin"), sign)
		k.store(row("out", 0), k.sub(k.mul(a, cos), k.mul(b, sin)))
		k.store(row("out", 1), k.add(k.mul(b, cos), k.mul(a, sin)))
	})
	turn(s, "turnNeighbors", "pairs 2m and 2m + 1 of columns of each head; of each pair there are two cosines, and its sine below 0 and above", nil, func(k *kernel, sign broadcast) {
		x := k.load("x")
		other := k.new()
		for i := range x {
			VPERMILPS(Imm(0b10_11_00_01), x[i], other[i])
		}
		k.store("out", k.add(k.mul(x, k.load("cos")), k.mul(other, k.mul(k.load("sin"), sign))))
	})
}

// turn writes a loop over heads, with an inner loop over the angles.
func turn(s set, name, pairs string, before, round func(k *kernel, sign broadcast)) {
	k := begin(s, name, "(out, x, cos, sin []float32, sign float32, heads, size int)", 2,
		"sets "+pairs+" to their turned ones. Heads are size columns apart. The sines are multiplied by sign.")
	k.slices("cos", "sin", "x", "out")
	heads, size := GP64(), GP64()
	Load(Param("heads"), heads)
	Load(Param("size"), size)
	SHLQ(Imm(2), size)
	sign := k.scalar("sign")
	if before != nil {
		before(k, sign)
	}
	Label("head")
	TESTQ(heads, heads)
	JLE(LabelRef("finished"))
	k.rewind("cos")
	k.loop(func() { round(k, sign) })
	for _, name := range slices.Sorted(maps.Keys(k.base)) {
		if name != "cos" && name != "sin" {
			ADDQ(size, k.base[name])
		}
	}
	DECQ(heads)
	JMP(LabelRef("head"))
	Label("finished")
	k.end()
}
