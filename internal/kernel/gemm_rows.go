package kernel

import "runtime"

// fewRows is the largest number of rows of A for which packing a transposed B costs more than reading it in
// place. For a B that is not transposed, the limit is set by the instruction sets (swept).
const fewRows = 12

// dotRows computes a C of few rows, or of rows that must have the same bits as in a product of few rows, if A is
// not transposed and B is: it multiplies some rows of B at a time, which stay in the first-level cache, with all
// rows of A. The elements of C have the bits that a product of one row gives them.
func (p *product) dotRows() {
	t := teams.take()
	t.product = *p
	For(p.n, 1+readGrain/p.k, t.rowsDots)
	t.product = product{}
	teams.put(t)
}

// rowsScalars computes the columns lo to hi-1 of C for dotRows.
func (p *product) rowsScalars(lo, hi int) {
	s := workspaces.take()
	defer workspaces.put(s)
	sums := s.tile.sized(4 * max(len(p.dotTiles), 2))
	whole := p.k / p.dotLanes * p.dotLanes
	ends := whole == p.k && p.alpha == 1 && p.beta == 0 // scalar products are the elements of C
	for ; len(p.dotTiles) > 0 && whole > 0 && hi-lo >= 4; lo += 4 {
		for i := 0; i < p.m; i += len(p.dotTiles) {
			rows := min(len(p.dotTiles), p.m-i)
			y, ldy := sums, 4
			if ends {
				y, ldy = p.c[i*p.ldc+lo:], p.ldc
			}
			p.dotTiles[rows-1](whole, &p.a[i*p.lda], p.lda, &p.b[lo*p.ldb], p.ldb, &y[0], ldy)
			for r := 0; r < rows && !ends; r++ {
				p.finish(p.c[(i+r)*p.ldc+lo:][:4], p.a[(i+r)*p.lda:][:p.k], lo, whole, sums[4*r:])
			}
		}
	}
	for lo < hi {
		count := 8
		if hi-lo < count {
			count = 1
		}
		for i := range p.m {
			p.scalars(p.c[i*p.ldc+lo:][:count], p.a[i*p.lda:][:p.k], lo, sums[:8])
		}
		lo += count
	}
}

// stripRows computes a C of few rows if nothing is transposed, in strips of C. Under each strip, it reads a step
// of B in place. If there are more rows than a strip function handles, the remaining rows find the step in the
// second-level cache.
func (p *product) stripRows() {
	p.setStep()
	p.rows, p.depth = p.m, p.k
	t := teams.take()
	t.product = *p
	strips := (p.n + p.stripCols - 1) / p.stripCols
	// Neighboring strips go to one goroutine, since their pages are in its TLB.
	For(strips, 1+max(readGrain/(p.k*p.stripCols), strips/(4*runtime.GOMAXPROCS(0))), t.rowStrips)
	t.product = product{}
	teams.put(t)
}

// computeStrips computes the strips lo to hi-1 for stripRows.
func (p *product) computeStrips(lo, hi int) {
	whole := min(hi, p.n/p.stripCols)
	for from := 0; from < p.k; from += p.step {
		depth, beta := min(p.step, p.k-from), p.beta
		if from > 0 {
			beta = 1
		}
		for j := lo; j < whole; j++ {
			col := j * p.stripCols
			for i := 0; i < p.m; i += len(p.strips) {
				rows := min(len(p.strips), p.m-i)
				p.strips[rows-1](depth, &p.a[i*p.lda+from], p.lda, &p.b[from*p.ldb+col], p.ldb, &p.c[i*p.ldc+col], p.ldc, p.alpha, beta)
			}
		}
	}
	if whole < hi { // the last strip is too narrow
		s := workspaces.take()
		p.group(s, whole*p.stripCols/p.cols, p.panels(), 0, p.heights())
		workspaces.put(s)
	}
}
