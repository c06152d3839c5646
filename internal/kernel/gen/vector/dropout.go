package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants of the finalizer of splitmix64; see mix in package kernel.
const (
	mixAdd = 0x9e3779b97f4a7c15
	mixMul = 0xbf58476d1ce4e5b9
	mixEnd = 0x94d049bb133111eb
)

// dropout computes the mask in two vectors of 64-bit numbers for each vector of float32s.
func dropout(s set) {
	unroll := 1
	if s.is512() {
		unroll = 2
	}
	k := begin(s, "dropout", "(out, x []float32, key, limit uint64, factor float32, first uint64)", unroll,
		"sets element i of out to that of x times factor, or times 0 if mix(key ^ (first + i)) < limit. limit is a positive multiple of 2³². out and x are of one length.")
	k.slices("x", "out")
	factor := k.scalar("factor")
	key, limit := k.fill(parameter("key")), k.fill(parameter("limit"))
	// The indices of the elements that the lanes of the two vectors stand for. They are chosen so that the halves
	// of the lanes of both vectors, side by side, are in order.
	number := [2]reg.VecVirtual{k.fill(parameter("first")), k.vec()}
	step := k.fill(quad(uint64(k.lanes)))
	if k.is512() {
		VPADDQ(quads("inOrder", 0, 1, 2, 3, 4, 5, 6, 7), number[0], number[0])
		VPADDQ(k.fill(quad(8)), number[0], number[1])
	} else {
		VPADDQ(quads("inPairs", 0, 1, 4, 5), number[0], number[0])
		VPADDQ(k.fill(quad(2)), number[0], number[1])
		// AVX2 has only a signed comparison, for greater.
		sign := k.fill(quad(1 << 63))
		VPSUBQ(k.fill(quad(1)), limit, limit)
		VPXOR(sign, limit, limit)
	}
	k.loop(func() {
		x := k.load("x")
		for i := range x {
			var keep [2]reg.Register
			for half, n := range number {
				z := k.vec()
				k.xor(key, n, z)
				VPADDQ(step, n, n)
				k.mix(z)
				if k.is512() {
					keep[half] = K()
					VPCMPUQ(U8(5), limit, z, keep[half]) // not less
				} else {
					keep[half] = z
					VPXOR(quad(1<<63), z, z)
					VPCMPGTQ(limit, z, z)
				}
			}
			f := k.vec()
			if k.is512() {
				KUNPCKBW(keep[0], keep[1], keep[0])
				VMOVAPS_Z(factor.VecVirtual, keep[0], f)
			} else {
				VSHUFPS(U8(0b10_00_10_00), keep[1], keep[0], f)
				VANDPS(factor.VecVirtual, f, f)
			}
			VMULPS(f, x[i], x[i])
		}
		k.store("out", x)
	})
	k.end()
}

// mix is the finalizer of splitmix64.
func (k *kernel) mix(z reg.VecVirtual) {
	if k.is512() {
		VPADDQ_BCST(quad(mixAdd), z, z)
	} else {
		VPADDQ(quad(mixAdd), z, z)
	}
	k.xorShift(z, 30)
	k.times(z, mixMul)
	k.xorShift(z, 27)
	k.times(z, mixEnd)
	k.xorShift(z, 31)
}

func (k *kernel) xorShift(z reg.VecVirtual, by int) {
	t := k.vec()
	VPSRLQ(Imm(uint64(by)), z, t)
	k.xor(t, z, z)
}

func (k *kernel) xor(a, b, out reg.VecVirtual) {
	if k.is512() {
		VPXORQ(a, b, out)
	} else {
		VPXOR(a, b, out)
	}
}

// times multiplies 64-bit numbers by c. AVX2 can multiply only their lower halves.
func (k *kernel) times(z reg.VecVirtual, c uint64) {
	if k.is512() {
		VPMULLQ_BCST(quad(c), z, z)
		return
	}
	high, cross := k.vec(), k.vec()
	VPSRLQ(Imm(32), z, high)
	VPMULUDQ(quad(c), high, high)
	VPMULUDQ(quad(c>>32), z, cross)
	VPADDQ(cross, high, high)
	VPSLLQ(Imm(32), high, high)
	VPMULUDQ(quad(c), z, z)
	VPADDQ(high, z, z)
}

// fill fills a register with one 64-bit number in memory.
func (k *kernel) fill(m Mem) reg.VecVirtual {
	v := k.vec()
	VPBROADCASTQ(m, v)
	return v
}
