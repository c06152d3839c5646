package kernel

// panels is a matrix B of k rows and n columns, packed once for several products in one goroutine, each of which
// uses a part of it. Missing columns of the last panel are 0.
//
// In bfloat16, a row of a panel consists of pairs, and a step, unless it covers everything, is an even number of
// rows of B.
type panels struct {
	*isa
	n, k int
	// step is the number of rows of panels that are packed together. The sums of a product are added to C step by
	// step.
	step int
	data []float32
}

// newPanels describes a matrix of k rows and n columns, which pack fills; size says how much memory that takes.
func newPanels(set *isa, n, k, step int) panels {
	b := panels{isa: set, n: n, k: k}
	b.step = b.padded(step)
	return b
}

// each is the number of rows of B in a row of a panel, and rowOf is the row of a panel that contains a row of B.
func (b *panels) each() int {
	if b.pairs != nil {
		return 2
	}
	return 1
}

func (b *panels) rowOf(row int) int { return row / b.each() }

// height is the number of rows of a panel.
func (b *panels) height() int { return b.padded(b.k) }

// padded is the number of rows of a panel that the given number of rows of B takes.
func (b *panels) padded(rows int) int {
	if b.pairs == nil {
		return rows
	}
	return b.pairs.padded((rows + 1) / 2)
}

// blockOf is the first row of B that is packed together with the given row.
func (b *panels) blockOf(row int) int {
	if b.pairs == nil {
		return row
	}
	return row / (2 * b.pairs.block) * (2 * b.pairs.block)
}

// count is the number of panels.
func (b *panels) count() int { return (b.n + b.cols - 1) / b.cols }

// size is the number of elements of the packed matrix.
func (b *panels) size() int { return b.count() * b.cols * b.height() }

// pack fills the panels, in the memory data, from a matrix whose rows are ld apart. If trans is set, that matrix
// is the transpose of B.
func (b *panels) pack(data []float32, trans bool, src []float32, ld int) {
	b.data = data[:b.size()]
	p := product{isa: b.isa, transB: trans, n: b.n, k: b.height(), length: b.k, b: src, ldb: ld}
	for from := 0; from < p.k; from += b.step {
		p.packPanels(b.data[from*b.count()*b.cols:], 0, b.count(), from, min(b.step, p.k-from))
	}
}

// factor is the other factor of a product with panels, and its destination: C = alpha·A·B + beta·C for an A of m
// rows. Element (0, 0) of A belongs to row 0 of B.
type factor struct {
	transA      bool
	m           int
	alpha, beta float32
	a           []float32
	lda         int
	c           []float32
	ldc         int
}

// multiply computes the columns of the panels first to last-1, with the rows from to to-1 of B. Column 0 of C
// belongs to the first column of panel first, and column 0 of A to row from. wide says that the rows of C also
// have room for the missing columns of B's last panel, which are computed then.
func (b *panels) multiply(s *workspace, f factor, first, last, from, to int, wide bool) {
	n := (last - first) * b.cols
	if !wide {
		n = min(n, b.n-first*b.cols)
	}
	p := product{
		isa: b.isa, transA: f.transA, m: f.m, n: n, rows: f.m,
		alpha: f.alpha, beta: f.beta, a: f.a, lda: f.lda, c: f.c, ldc: f.ldc,
	}
	height := b.height()
	for at := from; at < to; {
		start := b.rowOf(at) / b.step * b.step
		whole := min(b.step, height-start)
		end := min((start+whole)*b.each(), to)
		top := b.blockOf(at)
		d := band{last: last - first, hi: p.heights(), from: at - from, depth: b.padded(end - top)}
		d.b = b.data[(start*b.count()+first*whole+b.rowOf(top)-start)*b.cols:]
		d.rsb, d.nextB = b.cols, whole*b.cols
		if b.pairs != nil {
			d.a = s.rows.sized(d.hi * p.isa.rows * d.depth)
			p.roundA(d.a, 0, d.hi, at-from, end-at, at-top)
		}
		p.compute(s, &d)
		at = end
	}
}
