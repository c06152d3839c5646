package kernel

import "runtime"

// readGrain is the least number of elements of B that a goroutine reads.
const readGrain = 1 << 15

// maxSums is the number of columns of a row of C whose sums are kept at once; they should stay in the first-level
// cache.
const maxSums = 1 << 12

// oneRow computes a C of one row. It reads all of B once and nothing else of similar size, so packing would cost
// as much as computing.
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
		t.sumRow()
	}
	t.product = product{}
	teams.put(t)
}

// sumRow computes a row of C if B is not transposed. The steps are the parts of B that are contiguous, so they
// are shared out, and their sums are added up at the end.
func (t *team) sumRow() {
	whole := t.n / t.cols * t.cols
	if whole > 0 {
		steps := (t.k + t.step - 1) / t.step
		t.sums = t.vector.sized(steps * whole)
		t.blocks = (whole + maxSums - 1) / maxSums
		if procs := runtime.GOMAXPROCS(0); t.blocks*steps < procs {
			t.blocks = (procs + steps - 1) / steps
		}
		For(steps*t.blocks, 1+readGrain*steps*t.blocks/(t.k*whole), t.rowSteps)
		t.addSums(whole, &t.sums[0], steps, &t.c[0], t.alpha, t.beta)
	}
	if whole < t.n { // the last columns, which do not fill a panel
		s := workspaces.take()
		t.group(s, whole/t.cols, t.panels(), 0, 1)
		workspaces.put(s)
	}
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

// computeSums computes the parts lo to hi-1 of the sums of a row of C. A part is a block of columns of one step;
// the blocks of one step follow those of the step before.
func (t *team) computeSums(lo, hi int) {
	csa, n := 1, t.n/t.cols
	if t.transA {
		csa = t.lda
	}
	for i := lo; i < hi; i++ {
		step, block := i/t.blocks, i%t.blocks
		from, first, last := step*t.step, block*n/t.blocks*t.cols, (block+1)*n/t.blocks*t.cols
		if first == last {
			continue
		}
		sums := t.sums[step*n*t.cols:][first:last]
		clear(sums)
		t.rowSums(min(t.step, t.k-from), &t.a[from*csa], csa, &t.b[from*t.ldb+first], t.ldb, last-first, &sums[0])
	}
}

// rowScalars computes the elements lo to hi-1 of a row of C if B is transposed: scalar products with x.
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

// scalars computes 8 elements of a row of C, or one: the scalar products of x with rows of B, beginning at the
// given row. sums holds 8 elements.
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

// finish completes elements of a row of C whose scalar products over the first whole elements are in sums.
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
