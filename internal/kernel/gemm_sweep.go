package kernel

import "runtime"

const (
	// sweepDepth is the number of rows of B in a sweep. While these are used, the same number of further rows is
	// prefetched.
	sweepDepth = 8
	// sweepColumns is the width of a sweep: its rows of B stay in the first-level cache for all groups of rows of
	// A.
	sweepColumns = 1 << 10
)

// sweepRows computes a C of few rows if nothing is transposed: it reads B once, a few rows at a time from left to
// right, and keeps the sums of all columns of C.
func (p *product) sweepRows() {
	p.setStep()
	p.rows, p.depth = p.m, p.k
	t := teams.take()
	t.product = *p
	strips := (p.n + p.cols - 1) / p.cols
	For(strips, max(1+readGrain/(p.k*p.cols), strips/(2*runtime.GOMAXPROCS(0))), t.rowSweeps)
	t.product = product{}
	teams.put(t)
}

// computeSweeps computes the strips lo to hi-1 for sweepRows.
func (p *product) computeSweeps(lo, hi int) {
	s := workspaces.take()
	defer workspaces.put(s)
	whole := min(hi, p.n/p.cols)
	for first := lo; first < whole; first += sweepColumns / p.cols {
		strips := min(sweepColumns/p.cols, whole-first)
		sums := s.tile.sized(p.m * strips * p.cols)
		for from := 0; from < p.k; from += p.step {
			beta := p.beta
			if from > 0 {
				beta = 1
			}
			clear(sums)
			p.sweep(sums, first, strips, from, min(from+p.step, p.k))
			p.endSweep(sums, first, strips, beta)
		}
	}
	if whole < hi { // the last strip is too narrow
		p.group(s, whole, p.panels(), 0, p.heights())
	}
}

// sweptGroup returns the number of rows of A, beginning with row i, that the next kernel takes. All groups have
// about the same size.
func (p *product) sweptGroup(i int) (rows int) {
	left := p.m - i
	groups := (left + len(p.sweeps) - 1) / len(p.sweeps)
	return (left + groups - 1) / groups
}

// sweep adds the products along k, from from to to-1, to the sums of the strips.
func (p *product) sweep(sums []float32, first, strips, from, to int) {
	for ; from < to; from += sweepDepth {
		depth, at := min(sweepDepth, to-from), 0
		for i := 0; i < p.m; {
			rows := p.sweptGroup(i)
			p.sweeps[rows-1](depth, &p.a[i*p.lda+from], p.lda, &p.b[from*p.ldb+first*p.cols], p.ldb, strips, &sums[at])
			at += rows * strips * p.cols
			i += rows
		}
	}
}

// endSweep adds the sums of a step to C.
func (p *product) endSweep(sums []float32, first, strips int, beta float32) {
	for i := 0; i < p.m; {
		rows := p.sweptGroup(i)
		for j := range strips {
			for r := range rows {
				p.addSums(p.cols, &sums[0], 1, &p.c[(i+r)*p.ldc+(first+j)*p.cols], p.alpha, beta)
				sums = sums[p.cols:]
			}
		}
		i += rows
	}
}
