package kernel

import "runtime"

// readGrain is the number of elements of B that a goroutine shall read at least.
const readGrain = 1 << 15

// oneRow computes a C of one row. It reads all of B once and nothing else of size, so
// that packing would cost as much as computing.
func (p *product) oneRow() {
	p.setStep()
	p.rows, p.depth = 1, p.k
	t := teams.take()
	t.product = *p
	if p.transB {
		t.x = t.vector.sized(p.k)
		t.gather(t.x)
		For(p.n, 1+readGrain/p.k, t.rowDots)
	} else {
		// Long pieces of the rows: their pages are not at hand for long.
		tiles := (p.n + p.rowCols - 1) / p.rowCols
		For(tiles, 1+max(readGrain/(p.k*p.rowCols), tiles/(2*runtime.GOMAXPROCS(0))), t.rowTiles)
	}
	t.product = product{}
	teams.put(t)
}

// gather copies A, one row or one column, to x.
func (p *product) gather(x []float32) {
	if !p.transA {
		copy(x, p.a)
		return
	}
	for i := range x {
		x[i] = p.a[i*p.lda]
	}
}

// rowColumns computes the tiles lo to hi-1 of a row of C if B is not transposed.
func (p *product) rowColumns(lo, hi int) {
	csa := 1
	if p.transA {
		csa = p.lda
	}
	whole := min(hi, p.n/p.rowCols)
	for from := 0; from < p.k; from += p.step {
		beta := p.beta
		if from > 0 {
			beta = 1
		}
		for i := lo; i < whole; i++ {
			col := i * p.rowCols
			p.rowTile(min(p.step, p.k-from), &p.a[from*csa], csa, &p.b[from*p.ldb+col], p.ldb, &p.c[col], p.alpha, beta)
		}
	}
	if whole < hi { // the last is too narrow
		s := workspaces.take()
		p.group(s, whole*p.rowCols/p.cols, p.panels(), 0, 1)
		workspaces.put(s)
	}
}

// rowScalars computes the elements lo to hi-1 of a row of C if B is transposed: scalar products of x.
func (p *product) rowScalars(lo, hi int, x []float32) {
	s := workspaces.take()
	defer workspaces.put(s)
	sums := s.tile.sized(8)
	for lo < hi {
		count := 8
		if hi-lo < count {
			count = 1
		}
		p.scalars(p.c[lo:lo+count], x, lo, sums)
		lo += count
	}
}

// scalars computes 8 elements or one of a row of C: the scalar products of x with rows of B
// from row on. sums holds 8 elements.
func (p *product) scalars(c, x []float32, row int, sums []float32) {
	dot := p.dots[0]
	if len(c) < 8 {
		dot = p.dots[1]
	}
	whole := p.k / p.dotLanes * p.dotLanes
	clear(sums)
	if whole > 0 {
		dot(whole, &x[0], &p.b[row*p.ldb], p.ldb, &sums[0])
	}
	p.finish(c, x, row, whole, sums)
}

// finish makes elements of a row of C of the scalar products of the first whole elements.
func (p *product) finish(c, x []float32, row, whole int, sums []float32) {
	for i, sum := range sums[:len(c)] {
		for q := whole; q < p.k; q++ {
			sum += x[q] * p.b[(row+i)*p.ldb+q]
		}
		sum *= p.alpha
		if p.beta != 0 {
			sum += p.beta * c[i]
		}
		c[i] = sum
	}
}
