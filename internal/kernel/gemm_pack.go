package kernel

// tileA returns where the rows of a tile are, from the column from of the block.
func (p *product) tileA(row, rows, from, depth int) (a *float32, rsa, csa int) {
	if rows == p.isa.rows && len(p.packed) > 0 {
		whole := p.rows / rows * rows // rows in p.packed
		return &p.packed[from*whole+row*depth], 1, rows
	}
	row += p.row
	from += p.from
	if p.transA {
		return &p.a[from*p.lda+row], 1, p.lda
	}
	return &p.a[row*p.lda+from], p.lda, 1
}

// packTile packs the rows of tile i of the block: column after column.
func (p *product) packTile(i int) {
	rows := p.isa.rows
	whole := p.rows / rows * rows
	row := p.row + i*rows
	for from := 0; from < p.depth; from += p.step {
		depth := min(p.step, p.depth-from)
		dst := p.packed[from*whole+i*rows*depth:][:rows*depth]
		if p.transA {
			p.copyA(depth, &dst[0], &p.a[(p.from+from)*p.lda+row], p.lda)
		} else {
			transpose(p.transposeA, rows, depth, dst, rows, p.a[row*p.lda+p.from+from:], p.lda)
		}
	}
}

// panelB returns where the rows from to from+depth-1 of a panel of B are. It packs
// them, row after row, unless B is small and they are needed only a few times.
func (p *product) panelB(s *workspace, col, width, from, depth, times int) (b *float32, rsb int) {
	if !p.transB && times <= 4 && p.k*p.n <= directB && (width == p.cols || p.masked) {
		return &p.b[from*p.ldb+col], p.ldb
	}
	dst := s.panel.sized(p.cols * p.step)[:p.cols*depth]
	switch {
	case p.transB:
		if width < p.cols {
			clear(dst)
		}
		i := 0
		for ; i+p.lanes <= width; i += p.lanes {
			transpose(p.transposeB, p.lanes, depth, dst[i:], p.cols, p.b[(col+i)*p.ldb+from:], p.ldb)
		}
		transposeRest(i, width, 0, depth, dst, p.cols, p.b[col*p.ldb+from:], p.ldb)
	case width == p.cols:
		p.copyB(depth, &dst[0], &p.b[from*p.ldb+col], p.ldb)
	default:
		clear(dst)
		for q := range depth {
			copy(dst[q*p.cols:][:width], p.b[(from+q)*p.ldb+col:])
		}
	}
	return &dst[0], p.cols
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
