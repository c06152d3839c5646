package kernel

// An A of pairs is packed tile after tile. If A is not transposed, a tile is stored in rows, as in A, since
// rounding alone is cheaper than turning rows into columns. A transposed A is stored as one row of pairs after
// another, each as wide as a tile, or in rows too if the tile functions require that.

// roundTiles packs the tiles lo to hi-1 of the block: depth pairs along k, beginning at pair from of the block.
func (p *product) roundTiles(dst []float32, lo, hi, from, depth int) {
	first := 2 * (p.from + from)
	p.roundA(dst, lo, hi, first, min(2*depth, p.length-first), 0)
}

// roundA packs the tiles lo to hi-1 of the block: count elements along k, beginning at element first of A, after
// lead zeros, which are fewer than a block of pairs holds.
func (p *product) roundA(dst []float32, lo, hi, first, count, lead int) {
	depth := p.pairs.padded((lead + count + 1) / 2)
	if !p.transA {
		p.roundRows(dst, lo, hi, first, count, lead, depth)
		return
	}
	for i := lo; i < hi; i++ {
		row := p.row + i*p.isa.rows
		a := strip{data: p.a[first*p.lda+row:], ld: p.lda, rows: count, cols: min(p.isa.rows, p.rows-i*p.isa.rows), lead: lead}
		to := dst[(i-lo)*p.isa.rows*depth:][:p.isa.rows*depth]
		if p.pairs.turnA != nil {
			a.turn(p.pairs, to, depth)
		} else {
			a.zip(p.pairs, to, p.isa.rows)
		}
	}
}

// roundRows is roundA for an A that is not transposed.
func (p *product) roundRows(dst []float32, lo, hi, first, count, lead, depth int) {
	row, rows := p.row+lo*p.isa.rows, min(hi*p.isa.rows, p.rows)-lo*p.isa.rows
	a, skip, end := p.a[row*p.lda+first:], lead/2, (lead+count+1)/2
	for i := range rows {
		clear(dst[i*depth:][:skip])
		if lead%2 > 0 {
			pairsAt(&dst[i*depth+skip], 0, 1)[0] = pairOf(0, a[i*p.lda])
		}
		clear(dst[i*depth+end : (i+1)*depth])
	}
	if lead%2 > 0 {
		skip, count = skip+1, count-1
	}
	if count > 0 {
		p.pairs.round(rows, count, &dst[skip], depth, &a[lead%2], p.lda)
	}
}

// strip is the columns of a transposed A that make up one tile: rows of them, after lead rows of zeros.
type strip struct {
	data                 []float32
	ld, rows, cols, lead int
}

// zip packs the strip in rows of pairs that are as wide as a tile. lead must be 0 or 1.
func (a strip) zip(kernels *pairKernels, dst []float32, width int) {
	if a.lead > 0 {
		for j, v := range a.data[:a.cols] {
			pairsAt(&dst[j], 0, 1)[0] = pairOf(0, v)
		}
		if a.rows--; a.rows == 0 {
			return
		}
		dst, a.data = dst[width:], a.data[a.ld:]
	}
	kernels.zipA(a.rows, &dst[0], &a.data[0], a.ld, columnMask(a.cols))
}

// turn packs the strip in columns of pairs, one after another: whole blocks in place, and a partial first or last
// block from a copy that is padded with zeros.
func (a strip) turn(kernels *pairKernels, dst []float32, depth int) {
	const lanes = 16
	height := 2 * kernels.block
	whole, end := (a.lead+height-1)/height*height, (a.lead+a.rows)/height*height
	for col := 0; col < a.cols; col += lanes {
		to, width := dst[col*depth:], min(lanes, a.cols-col)
		if end > whole {
			kernels.turnA(end-whole, &to[whole/2], depth, &a.data[(whole-a.lead)*a.ld+col], a.ld, columnMask(width))
		}
		for at := 0; at < 2*depth; at += height {
			if at >= whole && at < end {
				continue
			}
			var block [lanes * 2 * amxBlock]float32
			for r := max(at, a.lead); r < min(at+height, a.lead+a.rows); r++ {
				copy(block[(r-at)*lanes:][:width], a.data[(r-a.lead)*a.ld+col:])
			}
			kernels.turnA(height, &to[at/2], depth, &block[0], lanes, columnMask(width))
		}
	}
}

// tileOfPairs returns the address and the strides of tile t of a band, as tileA does.
func (p *product) tileOfPairs(b *band, t int) (a *float32, rsa, csa int) {
	a = &b.a[(t-b.lo)*p.isa.rows*b.depth]
	if p.transA && p.pairs.turnA == nil {
		return a, 1, p.isa.rows
	}
	return a, b.depth, 1
}

// zipPanels is packPanels for pairs: it packs depth pairs along k, beginning at pair from.
func (p *product) zipPanels(dst []float32, first, last, from, depth int) {
	from *= 2
	count := min(2*depth, p.length-from)
	if p.transB {
		for j := first; j < last; j++ {
			p.transposePanel(dst[(j-first)*p.cols*depth:][:p.cols*depth], j*p.cols, from, count)
		}
		return
	}
	for j, end := first, (count+1)/2; j < last; j++ {
		clear(dst[((j-first)*depth+end)*p.cols : (j-first+1)*depth*p.cols])
	}
	for q := 0; q < count; q += packRows {
		for j := first; j < last; j++ {
			p.pairs.zipB(min(packRows, count-q), &dst[((j-first)*depth+q/2)*p.cols], &p.b[(from+q)*p.ldb+j*p.cols], p.ldb, columnMask(p.n-j*p.cols))
		}
	}
}

// columnMask has one bit for each of n columns, at most 32.
func columnMask(n int) uint32 { return uint32(1<<min(n, 32) - 1) }

// transposePanel packs the panel of a transposed B that begins at column col. The elements of missing columns are
// 0.
func (p *product) transposePanel(dst []float32, col, from, count int) {
	width := min(p.cols, p.n-col)
	clear(dst[(count+1)/2*p.cols:])
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
