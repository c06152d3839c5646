package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"

	"github.com/gorgpt/gorgpt/internal/kernel/minimax"
)

// roundUp, added to a small number, leaves the nearest integer in the lowest bits.
const roundUp = constant(3 << 22)

// Limits beyond which exp overflows, or rounds to 0.
const (
	expMax = constant(89)
	expMin = constant(-104)
)

// split returns c as the sum of two float32s.
func split(c float64) (high, low constant) {
	high = constant(c)
	return high, constant(c - float64(high))
}

// horner evaluates a polynomial in x, given the coefficients from the highest to the lowest.
func (k *kernel) horner(x group, c ...constant) group {
	p := k.copy(c[0])
	for _, next := range c[1:] {
		k.mulAdd(p, x, next)
	}
	return p
}

// expPolynomial returns (eʳ − 1 − r)/r² for |r| ≤ ½ ln 2.
func (k *kernel) expPolynomial(r group) group {
	return k.horner(r, minimax.Exp6, minimax.Exp5, minimax.Exp4, minimax.Exp3, minimax.Exp2)
}

// expReduced returns eʳ for |r| ≤ ½ ln 2.
func (k *kernel) expReduced(r group) group {
	q := k.expPolynomial(r)
	k.mulAdd(q, r, constant(1))
	k.mulAdd(q, r, constant(1))
	return q
}

// fixExp keeps the constants that exp needs in registers.
func (k *kernel) fixExp() {
	k.fix(expMax)
	k.fix(expMin)
}

// exp returns eˣ for any x.
func (k *kernel) exp(x group) group {
	x = k.atLeast(k.atMost(x, k.fix(expMax)), k.fix(expMin))
	r, bits := k.reduceExp(x)
	return k.timesPower2(k.expReduced(r), bits)
}

// reduceExp splits x = n·ln 2 + r, so that eˣ = 2ⁿ·eʳ, and returns r and n + roundUp. |x| must be at most some
// hundreds; x is overwritten.
func (k *kernel) reduceExp(x group) (r, bits group) {
	ln2, ln2Low := split(math.Ln2)
	bits = k.copy(roundUp)
	k.accumulate(bits, x, constant(math.Log2E))
	n := k.sub(bits, roundUp)
	// The first product and difference are exact: ln2 has 24 bits, and few bits of the difference are left.
	k.deduct(x, n, ln2)
	k.deduct(x, n, ln2Low)
	return x, bits
}

// timesPower2 returns x·2ⁿ, which may be subnormal or infinite; bits is n + roundUp.
func (k *kernel) timesPower2(x, bits group) group {
	if k.is512() {
		n := k.sub(bits, roundUp)
		for i := range n {
			VSCALEFPS(n[i], x[i], n[i])
		}
		return n
	}
	// Two factors are used, since 2ⁿ alone may be out of range. The shifts drop the bits of roundUp.
	out := k.new()
	for i := range out {
		half, rest := k.vec(), k.vec()
		VPSRAD(Imm(1), bits[i], half)
		VPSUBD(half, bits[i], rest)
		for _, v := range []Op{half, rest} {
			VPSLLD(Imm(23), v, v)
			VPADDD(number(1), v, v)
		}
		VMULPS(half, x[i], out[i])
		VMULPS(rest, out[i], out[i])
	}
	return out
}
