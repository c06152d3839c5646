package kernel

// panels is a matrix B of k rows and n columns, packed once for several products in one
// goroutine, each of which uses a part of it. Missing columns of the last panel are 0.
type panels struct {
	*isa
	n, k int
	// step is the number of rows that are packed together; a product's sums are added to C
	// step by step.
	step int
	data []float32
}

// newPanels describes a matrix of k rows and n columns; size tells what pack fills.
func newPanels(set *isa, n, k, step int) panels { return panels{isa: set, n: n, k: k, step: step} }

// count is the number of panels.
func (b *panels) count() int { return (b.n + b.cols - 1) / b.cols }

// size is the number of elements of the packed matrix.
func (b *panels) size() int { return b.count() * b.cols * b.k }

// pack fills the panels, in the memory data, from a matrix in rows of length ld, which is
// the transpose of B if trans says so.
func (b *panels) pack(data []float32, trans bool, src []float32, ld int) {
	b.data = data[:b.size()]
	p := product{isa: b.isa, transB: trans, n: b.n, k: b.k, b: src, ldb: ld}
	for from := 0; from < b.k; from += b.step {
		p.packPanels(b.data[from*b.count()*b.cols:], 0, b.count(), from, min(b.step, b.k-from))
	}
}

// factor is the other factor of a product with panels, and its destination: C = alpha·A·B +
// beta·C for an A of m rows. Element (0, 0) of A belongs to row 0 of B.
type factor struct {
	transA      bool
	m           int
	alpha, beta float32
	a           []float32
	lda         int
	c           []float32
	ldc         int
}

// multiply computes the columns of panels first to last-1, with the rows from to to-1 of B.
// Column 0 of C belongs to the first column of panel first, and column 0 of A to row from. In the
// last panel of B the columns that do not exist are computed if C's rows have them, which wide says.
func (b *panels) multiply(s *workspace, f factor, first, last, from, to int, wide bool) {
	n := (last - first) * b.cols
	if !wide {
		n = min(n, b.n-first*b.cols)
	}
	p := product{
		isa: b.isa, transA: f.transA, m: f.m, n: n, rows: f.m,
		alpha: f.alpha, beta: f.beta, a: f.a, lda: f.lda, c: f.c, ldc: f.ldc,
	}
	for at := from; at < to; {
		start := at / b.step * b.step
		whole := min(b.step, b.k-start)
		d := band{last: last - first, hi: p.heights(), from: at - from, depth: min(start+whole, to) - at}
		d.b = b.data[(start*b.count()+first*whole+at-start)*b.cols:]
		d.rsb, d.nextB = b.cols, whole*b.cols
		p.compute(s, &d)
		at += d.depth
	}
}
