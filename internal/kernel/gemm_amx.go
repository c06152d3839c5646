package kernel

import "math"

// AMX multiplies tiles of registers: 16 rows of 16 pairs of A with 16 rows of pairs of 16 columns of B, to 16×16 float32s. Two by two of them make one of our
// tiles. Their shapes are set by an instruction that takes as long as some products, and no state may outlive a call, so that a call goes
// along a row of panels; it leaves the sums in memory, from which they are added to C.

// rowFunc computes rows of a whole tile, or fewer, of A·B for some panels of B, next elements apart: of blocks·amxBlock pairs along k. The rows of A are
// rsa elements apart. dst gets tiles of rows×32, each in the room of a whole one; rows that A does not have stay as they are.
type rowFunc func(rows, blocks int, a *float32, rsa int, b *float32, next, panels int, dst *float32)

const (
	// amxTile is the number of rows, and of columns, of a tile of C; amxBlock that of the pairs that an instruction sums.
	amxTile  = 32
	amxBlock = 16
)

// computeRows adds a band to C, as compute does, if the isa has a rowFunc.
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

// rowOfTiles is a rowFunc in plain Go, as Intel describes TDPBF16PS: of 16 pairs the products of first and of second numbers are summed apart,
// from 0 on, then those two sums are added up, and what comes of it to C. Subnormal numbers are zeros.
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

// finishTile computes C = alpha·src + beta·C for rows of 32 columns, of which bit j of mask tells whether column j exists.
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

// turnPairs makes pairs of k rows of src, a multiple of 32, cut to 16 columns, of which bit j of mask tells whether column j exists, and stores
// those of a column as a row of dst.
func turnPairs(k int, dst *float32, ldd int, src *float32, lds int, mask uint32) {
	for j := 0; mask>>j != 0; j++ {
		for p, to := 0, pairsAt(dst, j*ldd, k/2); p < k/2; p++ {
			to[p] = pairOf(at(src, 2*p*lds+j, 1)[0], at(src, (2*p+1)*lds+j, 1)[0])
		}
	}
}

// amxConfig is what the processor is told of its tiles: of the first of each two the rows above 16 of a C or an A are missing. See the Software
// Developer's Manual, volume 1, §18.2: byte 0 is the palette, bytes 16 on are two for the bytes of a tile's row, bytes 48 on its rows.
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

// amxModel is the set of kernels of AMX in plain Go.
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
