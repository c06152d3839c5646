package kernel

// packRows is how many rows of a matrix are copied to all packs before the next are. A row
// is then read over the width of several tiles while its page is at hand.
const packRows = 16

// tileA returns where the rows of a tile are, from the column from of the block.
func (p *product) tileA(row, rows, from, depth int) (a *float32, rsa, csa int) {
	if rows == p.isa.rows && len(p.packedA) > 0 {
		whole := p.rows / rows * rows // rows in p.packedA
		return &p.packedA[from*whole+row*depth], 1, rows
	}
	row += p.row
	from += p.from
	if p.transA {
		return &p.a[from*p.lda+row], 1, p.lda
	}
	return &p.a[row*p.lda+from], p.lda, 1
}

// packTiles packs the rows of the tiles lo to hi-1 of the block: column after column.
func (p *product) packTiles(lo, hi int) {
	rows := p.isa.rows
	whole := p.rows / rows * rows
	for from := 0; from < p.depth; from += p.step {
		depth := min(p.step, p.depth-from)
		dst := p.packedA[from*whole:]
		if !p.transA {
			for i := lo; i < hi; i++ {
				transpose(p.transposeA, rows, depth, dst[i*rows*depth:], rows, p.a[(p.row+i*rows)*p.lda+p.from+from:], p.lda)
			}
			continue
		}
		for q := 0; q < depth; q += packRows {
			for i := lo; i < hi; i++ {
				p.copyA(min(packRows, depth-q), &dst[(i*depth+q)*rows], &p.a[(p.from+from+q)*p.lda+p.row+i*rows], p.lda)
			}
		}
	}
}

// packAllPanels packs panels lo to hi-1 of the block to packedB.
func (p *product) packAllPanels(lo, hi int) {
	for from := 0; from < p.depth; from += p.step {
		depth := min(p.step, p.depth-from)
		p.packPanels(p.packedB[(from*p.panels()+lo*depth)*p.cols:], lo, hi, p.from+from, depth)
	}
}

// packPanels packs the rows from to from+depth-1 of the panels first to last-1 of B, one panel after
// the other, each row after row in rows of isa.cols. The elements of missing columns are 0.
func (p *product) packPanels(dst []float32, first, last, from, depth int) {
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

// packEdge packs the last panel, of which some columns do not exist.
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

// transposeRest does the rows lo to hi-1 and columns from to to-1 of a transposition.
func transposeRest(lo, hi, from, to int, dst []float32, ldd int, src []float32, lds int) {
	for i := lo; i < hi; i++ {
		for p := from; p < to; p++ {
			dst[p*ldd+i] = src[i*lds+p]
		}
	}
}
