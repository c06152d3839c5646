package kernel

// panelElements is the number of elements of B that are decoded at once; they should stay in the second-level
// cache. The number of their rows is a multiple of panelRows, so that tiles of C are whole.
const panelElements, panelRows = 1 << 16, 32

// decoded lends buffers for decoded rows, for scales and sums, and for vectors in the order of a kernel.
var decoded scratch

// GemmPacked is GemmLike for C = A·Bᵀ with a packed B (n, k) and without gaps between rows. The bits are those of
// the product with the decoded B. With few rows, numbers are decoded and multiplied as they are read; with more,
// some rows of B at a time are decoded to a buffer.
func GemmPacked(precision Precision, rows, m int, a []float32, b *Packed, c []float32) {
	n, k := b.Rows, b.Cols
	if m <= 0 || n <= 0 {
		return
	}
	check("A", m, k, a, k)
	check("C", m, n, c, n)
	p := packedProducts.take()
	p.precision, p.rows, p.m, p.a, p.b, p.c = precision, rows, m, a, b, c
	if p.kernel = &active.packed.of[b.Format]; p.direct() {
		p.x = p.a
		if p.kernel.order != nil {
			p.x = decoded.borrow(m * k)
			p.kernel.order(m*k, &p.x[0], &a[0])
		}
		For((n+packedTile-1)/packedTile, 1+readGrain/(packedTile*k), p.tiles)
		if p.kernel.order != nil {
			decoded.giveBack(p.x)
		}
	} else {
		p.height = max(panelElements/k/panelRows, 1) * panelRows
		For((n+p.height-1)/p.height, 1, p.panels)
	}
	p.a, p.x, p.b, p.c = nil, nil, nil, nil
	packedProducts.put(p)
}

// packedProduct is what the goroutines that compute a product with a packed matrix share. Its functions are
// created once, so that a product does not allocate.
type packedProduct struct {
	precision     Precision
	rows, m       int
	a, x          []float32 // x has the elements in the order of the kernel
	b             *Packed
	c             []float32
	kernel        *packedKernel
	height        int // rows of B that are decoded at once
	tiles, panels func(lo, hi int)
}

var packedProducts = shelf[packedProduct]{make: func() *packedProduct {
	p := new(packedProduct)
	p.tiles = func(lo, hi int) { p.computeTiles(lo, hi) }
	p.panels = func(lo, hi int) { p.decodePanels(lo, hi) }
	return p
}}

// direct reports whether numbers are multiplied as they are read: if the rows of C must have the bits of a
// product with few rows, for which a float32 matrix is multiplied in the same order, and the rows of B are whole
// groups.
func (p *packedProduct) direct() bool {
	return p.precision == Float32 && p.rows <= fewRows && p.m <= p.kernel.most && p.b.Cols%Group == 0 && p.b.Rows >= packedTile
}

// decodePanels computes the columns of C for the parts lo to hi-1 of B.
func (p *packedProduct) decodePanels(lo, hi int) {
	k := p.b.Cols
	panel := decoded.borrow(p.height * k)
	for i := lo; i < hi; i++ {
		from := i * p.height
		count := min(p.height, p.b.Rows-from)
		b := panel[:count*k]
		p.b.DecodeRows(b, from)
		GemmLike(p.precision, p.rows, false, true, p.m, count, k, 1, p.a, k, b, k, 0, p.c[from:], p.b.Rows)
	}
	decoded.giveBack(panel)
}
