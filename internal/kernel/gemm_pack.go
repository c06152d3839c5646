package kernel

// packRows is the number of rows of a matrix that are copied to all packs before the next ones are. A row is then
// read over the width of several tiles while its page is in the TLB.
const packRows = 16

// packTiles packs depth columns of the tiles lo to hi-1 of the block, beginning at column from of the block: tile
// after tile, column after column.
func (p *product) packTiles(dst []float32, lo, hi, from, depth int) {
	if p.pairs != nil {
		p.roundTiles(dst, lo, hi, from, depth)
		return
	}
	rows := p.isa.rows
	from += p.from
	if !p.transA {
		for i := lo; i < hi; i++ {
			transpose(p.transposeA, rows, depth, dst[(i-lo)*rows*depth:], rows, p.a[(p.row+i*rows)*p.lda+from:], p.lda)
		}
		return
	}
	for q := 0; q < depth; q += packRows {
		for i := lo; i < hi; i++ {
			p.copyA(min(packRows, depth-q), &dst[((i-lo)*depth+q)*rows], &p.a[(from+q)*p.lda+p.row+i*rows], p.lda)
		}
	}
}

// packShareOfA packs the tiles lo to hi-1 of the block into packedA.
func (p *product) packShareOfA(lo, hi int) {
	for from := 0; from < p.depth; from += p.step {
		depth := min(p.step, p.depth-from)
		p.packTiles(p.packedA[p.tileAt(lo, from, depth):], lo, hi, from, depth)
	}
}

// tileAt is the index in packedA of a tile's columns beginning at column from.
func (p *product) tileAt(tile, from, depth int) int {
	return (from*p.wholeTiles() + tile*depth) * p.isa.rows
}

// packShareOfB packs the panels lo to hi-1 of the block into packedB.
func (p *product) packShareOfB(lo, hi int) {
	for from := 0; from < p.depth; from += p.step {
		depth := min(p.step, p.depth-from)
		p.packPanels(p.packedB[(from*p.panels()+lo*depth)*p.cols:], lo, hi, p.from+from, depth)
	}
}

// packPanels packs the rows from to from+depth-1 of the panels first to last-1 of B, panel after panel and,
// within a panel, row after row of isa.cols elements. The elements of missing columns are 0.
func (p *product) packPanels(dst []float32, first, last, from, depth int) {
	if p.pairs != nil {
		p.zipPanels(dst, first, last, from, depth)
		return
	}
	whole := min(last, p.n/p.cols)
	if p.transB {
		for j := first; j < whole; j++ {
			for i := 0; i < p.cols; i += p.lanes {
				transpose(p.transposeB, p.lanes, depth, dst[(j-first)*p.cols*depth+i:], p.cols, p.b[(j*p.cols+i)*p.ldb+from:], p.ldb)
			}
		}
	} else {
		for q := 0; q < depth; q += packRows {
			for j := first; j < whole; j++ {
				p.copyB(min(packRows, depth-q), &dst[((j-first)*depth+q)*p.cols], &p.b[(from+q)*p.ldb+j*p.cols], p.ldb)
			}
		}
	}
	if whole < last {
		p.packEdge(dst[(whole-first)*p.cols*depth:][:p.cols*depth], whole*p.cols, from, depth)
	}
}

// packEdge packs the last panel, some of whose columns do not exist.
func (p *product) packEdge(dst []float32, col, from, depth int) {
	clear(dst)
	width := p.n - col
	if !p.transB {
		for q := range depth {
			copy(dst[q*p.cols:], p.b[(from+q)*p.ldb+col:][:width])
		}
		return
	}
	i := 0
	for ; i+p.lanes <= width; i += p.lanes {
		transpose(p.transposeB, p.lanes, depth, dst[i:], p.cols, p.b[(col+i)*p.ldb+from:], p.ldb)
	}
	transposeRest(i, width, 0, depth, dst, p.cols, p.b[col*p.ldb+from:], p.ldb)
}

// transpose stores the first k columns of some rows of src as rows of dst.
func transpose(f transposeFunc, rows, k int, dst []float32, ldd int, src []float32, lds int) {
	whole := k &^ 3
	f(whole, &dst[0], ldd, &src[0], lds)
	transposeRest(0, rows, whole, k, dst, ldd, src, lds)
}

// transposeRest transposes the rows lo to hi-1 and the columns from to to-1.
func transposeRest(lo, hi, from, to int, dst []float32, ldd int, src []float32, lds int) {
	for i := lo; i < hi; i++ {
		for p := from; p < to; p++ {
			dst[p*ldd+i] = src[i*lds+p]
		}
	}
}
