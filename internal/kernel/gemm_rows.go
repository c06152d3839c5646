package kernel

// fewRows is the number of rows of A up to which a product with a transposed B is made of
// scalar products: B is read once, where it is, and packing it would take longer.
const fewRows = 10

// dotRows computes a C of few rows if neither A nor, but for its transposition, B needs
// packing: 8 rows of B at a time, which stay in the first-level cache, with each row of A.
// The elements of C have the bits that a product of one row gives them.
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
	sums := s.tile.sized(8)
	for lo < hi {
		count := 8
		if hi-lo < count {
			count = 1
		}
		for i := range p.m {
			p.scalars(p.c[i*p.ldc+lo:][:count], p.a[i*p.lda:][:p.k], lo, sums)
		}
		lo += count
	}
}
