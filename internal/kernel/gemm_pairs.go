package kernel

// An A of pairs is packed tile after tile: one that is not transposed in rows as it lies, since rounding alone costs less than
// turning rows into columns, and a transposed one pair of rows after the other, as wide as a tile.

// roundTiles packs the tiles lo to hi-1 of the block: depth pairs along k, from pair from of the block on.
func (p *product) roundTiles(dst []float32, lo, hi, from, depth int) {
	first := 2 * (p.from + from)
	p.roundA(dst, lo, hi, first, min(2*depth, p.length-first), 0)
}

// roundA packs the tiles lo to hi-1 of the block: count elements along k, from A's element first on, after lead zeros, 0 or 1.
func (p *product) roundA(dst []float32, lo, hi, first, count, lead int) {
	depth, tile := (lead+count+1)/2, p.isa.rows*((lead+count+1)/2)
	if lead > 0 {
		p.roundLead(dst, lo, hi, first, depth)
		first, count = first+1, count-1
	}
	row, end := p.row+lo*p.isa.rows, p.row+min(hi*p.isa.rows, p.rows)
	switch {
	case count == 0:
	case !p.transA:
		p.pairs.round(end-row, count, &dst[lead], depth, &p.a[row*p.lda+first], p.lda)
	default:
		for q := 0; q < count; q += packRows {
			for i := lo; i < hi; i++ {
				at := p.row + i*p.isa.rows
				p.pairs.zipA(min(packRows, count-q), &dst[(i-lo)*tile+(lead+q/2)*p.isa.rows], &p.a[(first+q)*p.lda+at], p.lda, columnMask(min(end-at, p.isa.rows)))
			}
		}
	}
}

// roundLead packs the first pair of each row: 0, and A's element first.
func (p *product) roundLead(dst []float32, lo, hi, first, depth int) {
	for i := lo * p.isa.rows; i < min(hi*p.isa.rows, p.rows); i++ {
		to, from := (i-lo*p.isa.rows)*depth, (p.row+i)*p.lda+first
		if p.transA {
			to, from = (i/p.isa.rows-lo)*p.isa.rows*depth+i%p.isa.rows, first*p.lda+p.row+i
		}
		pairsAt(&dst[to], 0, 1)[0] = pairOf(0, p.a[from])
	}
}

// tileOfPairs returns where tile t of a band is, as tileA does.
func (p *product) tileOfPairs(b *band, t int) (a *float32, rsa, csa int) {
	a = &b.a[(t-b.lo)*p.isa.rows*b.depth]
	if p.transA {
		return a, 1, p.isa.rows
	}
	return a, b.depth, 1
}

// zipPanels is packPanels for pairs: depth of them along k, from pair from on.
func (p *product) zipPanels(dst []float32, first, last, from, depth int) {
	from *= 2
	count := min(2*depth, p.length-from)
	if p.transB {
		for j := first; j < last; j++ {
			p.transposePanel(dst[(j-first)*p.cols*depth:][:p.cols*depth], j*p.cols, from, count)
		}
		return
	}
	for q := 0; q < count; q += packRows {
		for j := first; j < last; j++ {
			p.pairs.zipB(min(packRows, count-q), &dst[((j-first)*depth+q/2)*p.cols], &p.b[(from+q)*p.ldb+j*p.cols], p.ldb, columnMask(p.n-j*p.cols))
		}
	}
}

// columnMask has a bit for each of n columns, at most 32.
func columnMask(n int) uint32 { return uint32(1<<min(n, 32) - 1) }

// transposePanel packs the panel of a transposed B that begins at column col; the elements of missing columns are 0.
func (p *product) transposePanel(dst []float32, col, from, count int) {
	width := min(p.cols, p.n-col)
	i := 0
	for ; i+p.lanes <= width; i += p.lanes {
		p.pairs.transpose(count, &dst[i], p.cols, &p.b[(col+i)*p.ldb+from], p.ldb)
	}
	for ; i < width; i++ {
		columnOfPairs(p.b[(col+i)*p.ldb+from:][:count], dst[i:], p.cols)
	}
	for ; i < p.cols; i++ {
		for q := i; q < len(dst); q += p.cols {
			dst[q] = 0
		}
	}
}
