package kernel

import (
	"math"
	"unsafe"
)

// A pair is two bfloat16 numbers that are adjacent along k, the first in the lower half of 32 bits. Pairs are
// stored in slices of float32, which have the same size, so that the code that blocks products need not know what
// it moves.

// pairKernels are the functions that pack the operands of bfloat16 products. An odd last element is paired with
// 0.
type pairKernels struct {
	// The number of pairs packed along k is a multiple of block; missing pairs at the end are 0.
	block int
	// round stores the first k elements of each row of src as a row of pairs.
	round func(rows, k int, dst *float32, ldd int, src *float32, lds int)
	// turnA is for a transposed A. It reads k rows of src, where k is a multiple of twice the block, cut to lanes
	// columns, makes pairs of each element and the one below it, and stores the pairs of each column as a row. If
	// it is set, tiles of A are stored in rows, and there is no zipA.
	turnA func(k int, dst *float32, ldd int, src *float32, lds int, mask uint32)
	// zipA, for a transposed A, and zipB, for a B that is not transposed, store k rows of src, cut to the width
	// of a tile, as rows of pairs of an element and the one below it. Bit j of mask tells whether column j
	// exists; zipB sets the others to 0.
	zipA, zipB func(k int, dst, src *float32, lds int, mask uint32)
	// transpose, for a transposed B, stores the pairs of the first k elements of lanes rows of src as columns of
	// dst.
	transpose func(k int, dst *float32, ldd int, src *float32, lds int)

	// row and finish, if set, compute tiles in place of tileFuncs. finish adds a tile of a row's sums to C.
	row    rowFunc
	finish func(rows int, src, c *float32, ldc int, alpha, beta float32, mask uint32)
}

// padded rounds a number of pairs up to whole blocks.
func (p *pairKernels) padded(pairs int) int { return (pairs + p.block - 1) / p.block * p.block }

// roundBFloat16 returns the upper half of the nearest bfloat16 number, with ties to even. Like the processor's
// instructions, it treats subnormal numbers as zeros.
func roundBFloat16(x float32) uint32 {
	b := math.Float32bits(x)
	switch exponent := b >> 23 & 0xff; {
	case exponent == 0:
		return b >> 31 << 15
	case exponent == 0xff && b&0x7fffff != 0:
		return b>>16 | 0x40 // a quiet NaN
	}
	return (b + 0x7fff + b>>16&1) >> 16
}

// pairOf rounds two numbers to a pair.
func pairOf(first, second float32) uint32 { return roundBFloat16(first) | roundBFloat16(second)<<16 }

// pairsAt returns n pairs, beginning i pairs after p.
func pairsAt(p *float32, i, n int) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Add(unsafe.Pointer(p), i*4)), n)
}

// roundPairs is pairKernels.round.
func roundPairs(rows, k int, dst *float32, ldd int, src *float32, lds int) {
	for i := range rows {
		x, to := at(src, i*lds, k), pairsAt(dst, i*ldd, (k+1)/2)
		for p := range to {
			second := float32(0)
			if 2*p+1 < k {
				second = x[2*p+1]
			}
			to[p] = pairOf(x[2*p], second)
		}
	}
}

// zipPairs returns pairKernels.zipA or zipB for the given width.
func zipPairs(width int) func(k int, dst, src *float32, lds int, mask uint32) {
	return func(k int, dst, src *float32, lds int, mask uint32) {
		for p := 0; p < k; p += 2 {
			to := pairsAt(dst, p/2*width, width)
			clear(to)
			for j := range to {
				if mask>>j&1 == 0 {
					continue
				}
				second := float32(0)
				if p+1 < k {
					second = at(src, (p+1)*lds+j, 1)[0]
				}
				to[j] = pairOf(at(src, p*lds+j, 1)[0], second)
			}
		}
	}
}

// transposePairs is pairKernels.transpose for 16 rows.
func transposePairs(k int, dst *float32, ldd int, src *float32, lds int) {
	for i := range 16 {
		columnOfPairs(at(src, i*lds, k), at(dst, i, ((k+1)/2-1)*ldd+1), ldd)
	}
}

// columnOfPairs stores the pairs of a row as a column of dst.
func columnOfPairs(row, dst []float32, ldd int) {
	for p := 0; p < len(row); p += 2 {
		second := float32(0)
		if p+1 < len(row) {
			second = row[p+1]
		}
		pairsAt(&dst[p/2*ldd], 0, 1)[0] = pairOf(row[p], second)
	}
}

// addPairs adds to acc the products of two pairs as VDPBF16PS does: first the product of the second numbers, then
// that of the first ones. Each sum is rounded once to the nearest float32. Subnormal numbers, including sums, are
// treated as zeros.
func addPairs(acc float32, x, y uint32) float32 {
	acc = fuseFlushed(math.Float32frombits(x&0xffff0000), math.Float32frombits(y&0xffff0000), acc)
	return fuseFlushed(math.Float32frombits(x<<16), math.Float32frombits(y<<16), acc)
}

// fuseFlushed is x·y + z, rounded once, with subnormal numbers flushed to zero.
func fuseFlushed(x, y, z float32) float32 { return flush(fuse(flush(x), flush(y), flush(z))) }

// flush returns x, or zero with the sign of x if x is subnormal.
func flush(x float32) float32 {
	if b := math.Float32bits(x); b>>23&0xff == 0 {
		return math.Float32frombits(b &^ 0x7fffff)
	}
	return x
}

// fuse is x·y + z, rounded once to the nearest float32.
func fuse(x, y, z float32) float32 {
	p, z64 := float64(x)*float64(y), float64(z) // both exact
	sum := p + z64
	// The error of the rounded sum (Knuth, The Art of Computer Programming, volume 2, §4.2.2, theorem B). An
	// inexact sum is made odd, so that the second rounding cannot mistake it for a tie (Boldo & Melquiond 2008,
	// "Emulation of FMA and correctly rounded sums").
	back := sum - p
	lost := (p - (sum - back)) + (z64 - back)
	if bits := math.Float64bits(sum); lost != 0 && lost-lost == 0 && bits&1 == 0 {
		if (lost > 0) == (sum > 0) {
			sum = math.Float64frombits(bits | 1)
		} else {
			sum = math.Float64frombits(bits - 1)
		}
	}
	return float32(sum)
}

// tilePairs returns a tileFunc for the given number of rows of 32 columns of pairs.
func tilePairs(rows int) tileFunc {
	return func(k int, a *float32, rsa, csa int, b *float32, rsb int, c *float32, ldc int, alpha, beta float32, mask uint32, _ uintptr, _, _ int) {
		for i := range rows {
			for j := range 32 {
				if mask>>j&1 == 0 {
					continue
				}
				sum := float32(0)
				for p := range k {
					sum = addPairs(sum, pairsAt(a, i*rsa+p*csa, 1)[0], pairsAt(b, p*rsb+j, 1)[0])
				}
				to := at(c, i*ldc+j, 1)
				sum *= alpha
				if beta != 0 {
					sum = fuse(to[0], beta, sum)
				}
				to[0] = sum
			}
		}
	}
}

// tilesOfPairs returns the tile functions for 1 to n rows.
func tilesOfPairs(n int) (tiles []tileFunc) {
	for rows := 1; rows <= n; rows++ {
		tiles = append(tiles, tilePairs(rows))
	}
	return tiles
}

// genericPairs is the set of bfloat16 kernels in plain Go. They give the same bits as those of AVX512_BF16.
var genericPairs = isa{
	name:   "generic",
	rows:   14,
	cols:   32,
	tiles:  tilesOfPairs(14),
	masked: true,
	lanes:  16,
	vec:    vectorsGeneric,
	pairs:  &pairKernels{block: 1, round: roundPairs, zipA: zipPairs(14), zipB: zipPairs(32), transpose: transposePairs},
}
