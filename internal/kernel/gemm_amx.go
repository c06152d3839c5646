package kernel

import "math"

// AMX multiplies tiles held in registers: 16 rows of 16 pairs of A times 16 rows of pairs of 16 columns of B give
// 16×16 float32s. Two by two of these make one of our tiles. The shapes of the registers are configured by an
// instruction that takes as long as several products, and no state may outlive a call, so one call goes along a
// row of panels. It leaves the sums in memory, from where they are added to C.

// rowFunc computes up to a whole tile of rows of A·B for some panels of B that are next elements apart, over
// blocks·amxBlock pairs along k. The rows of A are rsa elements apart. dst gets tiles of rows×32, each in the
// space of a whole tile; rows that A does not have are left unchanged.
type rowFunc func(rows, blocks int, a *float32, rsa int, b *float32, next, panels int, dst *float32)

const (
	// amxTile is the number of rows, and of columns, of a tile of C; amxBlock is the number of pairs that an
	// instruction sums.
	amxTile  = 32
	amxBlock = 16
)

// computeRows adds a band to C, as compute does. It is used if the isa has a rowFunc.
func (p *product) computeRows(s *workspace, b *band) {
	beta := p.beta
	if p.from+b.from > 0 {
		beta = 1
	}
	sums := s.tile.sized(maxGroup * amxTile * amxTile)
	for t := b.lo; t < b.hi; t++ {
		row := t * p.isa.rows
		rows := min(p.isa.rows, p.rows-row)
		a, rsa, _ := p.tileOfPairs(b, t)
		c := p.c[(p.row+row)*p.ldc:]
		for first := b.first; first < b.last; first += maxGroup {
			last := min(first+maxGroup, b.last)
			p.pairs.row(rows, b.depth/amxBlock, a, rsa, &b.b[(first-b.first)*b.nextB], b.nextB, last-first, &sums[0])
			for j := first; j < last; j++ {
				p.pairs.finish(rows, &sums[(j-first)*amxTile*amxTile], &c[j*p.cols], p.ldc, p.alpha, beta, columnMask(p.n-j*p.cols))
			}
		}
	}
}

// rowOfTiles is a rowFunc in plain Go that follows Intel's description of TDPBF16PS: over 16 pairs, the products
// of the first numbers and those of the second numbers are summed separately, beginning with 0; then the two sums
// are added together, and the result is added to C. Subnormal numbers are treated as zeros.
func rowOfTiles(rows, blocks int, a *float32, rsa int, b *float32, next, panels int, dst *float32) {
	for j := range panels {
		for i := range rows {
			for col, to := 0, at(dst, (j*amxTile+i)*amxTile, amxTile); col < amxTile; col++ {
				sum := float32(0)
				for q := range blocks {
					var even, odd float32
					for p := q * amxBlock; p < (q+1)*amxBlock; p++ {
						x, y := pairsAt(a, i*rsa+p, 1)[0], pairsAt(b, j*next+p*amxTile+col, 1)[0]
						even = fuseFlushed(math.Float32frombits(x<<16), math.Float32frombits(y<<16), even)
						odd = fuseFlushed(math.Float32frombits(x&0xffff0000), math.Float32frombits(y&0xffff0000), odd)
					}
					sum = flush(sum + flush(even+odd))
				}
				to[col] = sum
			}
		}
	}
}

// finishTile computes C = alpha·src + beta·C for rows of 32 columns. Bit j of mask tells whether column j exists.
func finishTile(rows int, src, c *float32, ldc int, alpha, beta float32, mask uint32) {
	for i := range rows {
		for j, sum := range at(src, i*amxTile, amxTile) {
			if mask>>j&1 == 0 {
				continue
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

// turnPairs makes pairs of k rows of src, where k is a multiple of 32, cut to 16 columns, and stores the pairs of
// each column as a row of dst. Bit j of mask tells whether column j exists.
func turnPairs(k int, dst *float32, ldd int, src *float32, lds int, mask uint32) {
	for j := 0; mask>>j != 0; j++ {
		for p, to := 0, pairsAt(dst, j*ldd, k/2); p < k/2; p++ {
			to[p] = pairOf(at(src, 2*p*lds+j, 1)[0], at(src, (2*p+1)*lds+j, 1)[0])
		}
	}
}

// amxConfig is the configuration of the processor's tiles. Of each two tiles of C, or of A, the first has up to
// 16 rows, and the second the rows after these. See the Software Developer's Manual, volume 1, §18.2: byte 0 is
// the palette, the bytes from 16 on are pairs of bytes with the width of a tile's row in bytes, and those from 48
// on its number of rows.
func amxConfig(rows int) (config [64]byte) {
	config[0] = 1
	tile := func(number, rows int) {
		if rows > 0 {
			config[16+2*number], config[48+number] = 64, byte(rows)
		}
	}
	top, bottom := min(rows, 16), max(rows-16, 0)
	for number, rows := range [8]int{top, top, bottom, bottom, top, bottom, amxBlock, amxBlock} {
		tile(number, rows)
	}
	return config
}

// amxModel is the set of AMX kernels in plain Go.
var amxModel = isa{
	name:   "amx",
	rows:   amxTile,
	cols:   amxTile,
	masked: true,
	lanes:  16,
	vec:    vectorsGeneric,
	pairs: &pairKernels{
		block: amxBlock, round: roundPairs, turnA: turnPairs, zipB: zipPairs(amxTile), transpose: transposePairs,
		row: rowOfTiles, finish: finishTile,
	},
}
