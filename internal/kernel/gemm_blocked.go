package kernel

import "runtime"

// Sizes in elements, found by measurement on Sapphire Rapids (48 KiB of first-level and 2 MiB of second-level
// cache per core).
const (
	// smallProduct is the number of multiplications below which only one goroutine works.
	smallProduct = 1 << 19
	// maxDepth bounds the part of k that is summed in registers before C is updated.
	maxDepth = 384
	// block bounds the amount that is packed at once for all goroutines; it should stay in the third-level cache.
	block = 3 << 18
	// B is read in place if it has at most directDepth rows and directB elements, and C is at most directTiles
	// tiles high or narrow.
	directDepth = 256
	directB     = 1 << 17
	directTiles = 8
	// A is read in place if C has at most directColumns columns, or directColumnsT if A is transposed. With more
	// columns, its rows are read so often that packing them pays off.
	directColumns  = 1536
	directColumnsT = 128
	// largeA is a size of A that exceeds the second-level cache.
	largeA = 1 << 18
	// packGrain is the least number of tiles or panels that a goroutine packs at a time; it reads them side by
	// side.
	packGrain = 8
	// tallColumns bounds the columns of a C whose rows are shared out: a step of B should stay in the
	// second-level cache.
	tallColumns = 768
	// maxGroup is the number of panels that are packed at once; they should stay in the second-level cache.
	maxGroup = 12
)

// product is one call of Gemm and the block of it that is being computed.
//
// C is cut into tiles of isa.rows×isa.cols. Tiles in the same columns share a panel of B, which is isa.cols wide.
// Sums over more than step products are added to C step by step. If rows are read more often than packing them
// costs, they are packed: either by all goroutines for all, or by one for itself just before use, while they are
// in its caches.
//
// In bfloat16, A and B are always packed entirely, and everything that refers to elements along k, including k
// itself, steps and depths, refers to pairs of them.
type product struct {
	*isa
	transA, transB bool
	m, n, k        int
	length         int // k in numbers, not pairs
	alpha, beta    float32
	a, b, c        []float32
	lda, ldb, ldc  int

	row, rows   int // rows of the block
	from, depth int // the block's part of k
	step        int // depth of the sums in registers
	splits      int
	packedA     []float32 // A's whole tiles, one step after another; empty if A is read in place
	packedB     []float32 // all panels, one step after another; empty if each goroutine packs its own
}

// panels is the number of panels of B.
func (p *product) panels() int { return (p.n + p.cols - 1) / p.cols }

// heights is the number of rows of tiles in a block.
func (p *product) heights() int { return (p.rows + p.isa.rows - 1) / p.isa.rows }

// wholeTiles is the number of tiles in a column that can be packed: those with all rows, or all of them in
// bfloat16.
func (p *product) wholeTiles() int {
	if p.pairs != nil {
		return p.heights()
	}
	return p.rows / p.isa.rows
}

// setStep divides k evenly into the parts that are summed in registers. The parts, and with them the rounding,
// depend only on k.
func (p *product) setStep() {
	parts := (p.k + maxDepth - 1) / maxDepth
	p.step = ((p.k+parts-1)/parts + 15) &^ 15
}

// small computes everything in the calling goroutine.
func (p *product) small() {
	p.setStep()
	p.rows, p.depth = p.m, p.k
	s := workspaces.take()
	for j := 0; j < p.panels(); j += maxGroup {
		p.group(s, j, min(j+maxGroup, p.panels()), 0, p.heights())
	}
	workspaces.put(s)
}

// large computes everything with the pool.
func (p *product) large() {
	p.setStep()
	t := teams.take()
	t.product = *p
	if p.n <= min(tallColumns, p.m/2) && p.m/p.isa.rows >= 4*runtime.GOMAXPROCS(0) {
		t.tall()
	} else {
		t.wide()
	}
	t.product = product{}
	teams.put(t)
}

// tall computes a C with few panels: B is packed for all goroutines, and the rows of C are shared out.
func (t *team) tall() {
	t.rows = t.m
	width := t.panels() * t.cols
	most := max(block/width/t.step*t.step, t.step)
	for t.from = 0; t.from < t.k; t.from += t.depth {
		t.depth = min(most, t.k-t.from)
		t.packedB = nil
		if !t.readsB() {
			t.packedB = t.bufferB.sized(width * t.depth)
			For(t.panels(), packGrain, t.packB)
		}
		For(t.heights(), 4, t.computeRows)
	}
}

// wide computes a C with many panels: A is packed for all goroutines, block by block, and the panels are shared
// out.
func (t *team) wide() {
	maxRows, maxPart := t.blockSize()
	for t.row = 0; t.row < t.m; t.row += t.rows {
		t.rows = min(maxRows, t.m-t.row)
		for t.from = 0; t.from < t.k; t.from += t.depth {
			t.depth = min(maxPart, t.k-t.from)
			t.packedA = nil
			if whole := t.wholeTiles(); whole > 0 && !t.readsA() {
				t.packedA = t.bufferA.sized(whole * t.isa.rows * t.depth)
				For(whole, packGrain, t.packA)
			}
			t.setSplits()
			For(t.panels()*t.splits, t.grain(), t.computePanels)
		}
	}
}

// blockSize returns the rows and the part of k of a block: everything if A fits, and otherwise about equal parts.
func (p *product) blockSize() (rows, part int) {
	if p.m*p.k <= block {
		return p.m, p.k
	}
	if p.m*p.step <= block {
		return p.m, block / (p.m * p.step) * p.step
	}
	most := block / p.step
	parts := (p.m + most - 1) / most
	rows = (p.m + parts - 1) / parts
	return (rows + p.isa.rows - 1) / p.isa.rows * p.isa.rows, p.step
}

// setSplits divides the columns of tiles if there are too few of them to keep all goroutines busy.
func (p *product) setSplits() {
	procs, panels := runtime.GOMAXPROCS(0), p.panels()
	p.splits = 1
	if panels%procs != 0 && panels < 8*procs {
		p.splits = min(p.heights(), 1+4*procs/panels)
	}
}

// grain is the least number of parts of panels that a goroutine computes at a time: enough to use what is packed
// more than once, and few enough that all goroutines end together. An A that does not fit into the second-level
// cache is read again each time.
func (p *product) grain() int {
	pieces := 4 * runtime.GOMAXPROCS(0)
	if p.rows*p.depth > largeA {
		pieces /= 2
	}
	short := smallProduct / (p.rows * p.depth * p.cols / p.splits)
	return max(min(p.panels()*p.splits/pieces, maxGroup*p.splits), 1+short)
}

// team is what the goroutines that compute a product share. Its functions are created once, so that a product
// does not allocate.
type team struct {
	product
	bufferA, bufferB           buffer
	packA, packB               func(lo, hi int)
	computePanels, computeRows func(lo, hi int)

	x                 []float32 // the row of A
	sums              []float32 // one step after another
	blocks            int       // of columns
	vector            buffer
	rowSteps, rowDots func(lo, hi int)
	rowsDots          func(lo, hi int)
	rowStrips         func(lo, hi int)
	rowSweeps         func(lo, hi int)
}

func newTeam() *team {
	t := new(team)
	t.packA = func(lo, hi int) { t.packShareOfA(lo, hi) }
	t.packB = func(lo, hi int) { t.packShareOfB(lo, hi) }
	t.computePanels = func(lo, hi int) { t.panelParts(lo, hi) }
	t.computeRows = func(lo, hi int) { t.tileRows(lo, hi) }
	t.rowSteps = func(lo, hi int) { t.computeSums(lo, hi) }
	t.rowDots = func(lo, hi int) { t.product.rowScalars(lo, hi, t.x) }
	t.rowStrips = func(lo, hi int) { t.product.computeStrips(lo, hi) }
	t.rowSweeps = func(lo, hi int) { t.product.computeSweeps(lo, hi) }
	t.rowsDots = func(lo, hi int) { t.product.rowsScalars(lo, hi) }
	return t
}

// panelParts computes the parts lo to hi-1 of the panels, and whole panels together where possible.
func (p *product) panelParts(lo, hi int) {
	s := workspaces.take()
	for lo < hi {
		panel, part := lo/p.splits, lo%p.splits
		if whole := min((hi-lo)/p.splits, maxGroup); part == 0 && whole > 0 {
			p.group(s, panel, panel+whole, 0, p.heights())
			lo += whole * p.splits
			continue
		}
		end := min(part+hi-lo, p.splits)
		p.group(s, panel, panel+1, part*p.heights()/p.splits, end*p.heights()/p.splits)
		lo += end - part
	}
	workspaces.put(s)
}

// tileRows computes the tiles lo to hi-1 of all panels of the block. B is already packed or read in place.
func (p *product) tileRows(lo, hi int) {
	s := workspaces.take()
	for from := 0; from < p.depth; from += p.step {
		b := band{last: p.panels(), from: from, depth: min(p.step, p.depth-from)}
		if len(p.packedB) > 0 {
			b.packed(p, p.packedB[from*p.panels()*p.cols:])
		} else {
			b.direct(p)
		}
		for b.lo = lo; b.lo < hi; b.lo = b.hi {
			b.hi = min(b.lo+packGrain, hi)
			if !p.readsA() {
				b.a = s.rows.sized(packGrain * p.isa.rows * b.depth)
				p.packTiles(b.a, b.lo, min(b.hi, p.wholeTiles()), from, b.depth)
			}
			p.compute(s, &b)
		}
	}
	workspaces.put(s)
}

// group computes the tiles lo to hi-1 of the panels first to last-1 in the block. It packs the panels unless B is
// read in place.
func (p *product) group(s *workspace, first, last, lo, hi int) {
	direct := hi-lo <= directTiles && p.readsB()
	for from := 0; from < p.depth; from += p.step {
		b := band{first: first, last: last, lo: lo, hi: hi, from: from, depth: min(p.step, p.depth-from)}
		if direct {
			b.direct(p)
		} else {
			b.packed(p, s.panels.sized((last-first)*p.cols*b.depth))
			p.packPanels(b.b, first, last, p.from+from, b.depth)
		}
		if len(p.packedA) > 0 {
			b.a = p.packedA[p.tileAt(lo, from, b.depth):]
		} else if p.pairs != nil {
			b.a = s.rows.sized((hi - lo) * p.isa.rows * b.depth)
			p.packTiles(b.a, lo, hi, from, b.depth)
		}
		b.soon = p.outlook(first, last, from, b.depth)
		p.compute(s, &b)
	}
}

// band is the tiles lo to hi-1 of the panels first to last-1 in the block, summed over one step: depth columns of
// A from column from of the block on.
type band struct {
	first, last, lo, hi int
	from, depth         int
	a                   []float32 // packed tiles beginning at lo; empty if A is read in place
	b                   []float32 // panels beginning at first
	rsb, nextB          int       // distances, in elements, to the next row of a panel and to the next panel
	soon                outlook
}

// direct lets a band read B in place, and packed lets it read packed panels.
func (b *band) direct(p *product) {
	b.b = p.b[(p.from+b.from)*p.ldb+b.first*p.cols:]
	b.rsb, b.nextB = p.ldb, p.cols
}

func (b *band) packed(p *product, panels []float32) {
	b.b = panels
	b.rsb, b.nextB = p.cols, b.depth*p.cols
}

// compute adds a band to C. It goes along the rows of C: a tile's part of A stays in the first-level cache, and
// the panels stay in the second-level cache.
func (p *product) compute(s *workspace, b *band) {
	if p.pairs != nil && p.pairs.row != nil {
		p.computeRows(s, b)
		return
	}
	beta := p.beta
	if p.from+b.from > 0 {
		beta = 1
	}
	for t := b.lo; t < b.hi; t++ {
		row := t * p.isa.rows
		rows := min(p.isa.rows, p.rows-row)
		tile := p.tiles[rows-1]
		a, rsa, csa := p.tileA(b, t, rows)
		c := p.c[(p.row+row)*p.ldc:]
		for j := b.first; j < b.last; j++ {
			width := min(p.cols, p.n-j*p.cols)
			panel := &b.b[(j-b.first)*b.nextB]
			if width < p.cols && !p.masked {
				p.edge(s, tile, b.depth, a, rsa, csa, panel, c[j*p.cols:], beta, rows, width)
				continue
			}
			next, ldn, pieces := b.soon.next()
			tile(b.depth, a, rsa, csa, panel, b.rsb, &c[j*p.cols], p.ldc, p.alpha, beta, uint32(1<<width-1), next, ldn, pieces)
		}
	}
}

// tileA returns the address and the strides of the elements of A for tile t of a band.
func (p *product) tileA(b *band, t, rows int) (a *float32, rsa, csa int) {
	if p.pairs != nil {
		return p.tileOfPairs(b, t)
	}
	if rows == p.isa.rows && len(b.a) > 0 {
		return &b.a[(t-b.lo)*rows*b.depth], 1, rows
	}
	row, col := p.row+t*p.isa.rows, p.from+b.from
	if p.transA {
		return &p.a[col*p.lda+row], 1, p.lda
	}
	return &p.a[row*p.lda+col], p.lda, 1
}

// readsA reports whether A is read in place.
func (p *product) readsA() bool {
	if p.pairs != nil {
		return false
	}
	if p.transA {
		return p.n <= directColumnsT
	}
	return p.n <= directColumns && !p.collides()
}

// collides reports whether the rows of a tile of A compete for the same place in the first-level cache because
// they are about a multiple of 4 KB apart, which is the size of one of its 8 or 12 ways.
func (p *product) collides() bool {
	const way, line, ways = 4096 / 4, 64 / 4, 8
	apart := (p.lda + line) % way
	return apart < 2*line && p.isa.rows > ways && p.n > directColumnsT
}

// readsB reports whether B can be read in place: it has so few rows and elements that they stay in the cache.
func (p *product) readsB() bool {
	return p.pairs == nil && !p.transB && p.k <= directDepth && p.k*p.n <= directB && (p.masked || p.n%p.cols == 0)
}

// edge computes a tile some of whose columns do not exist in C, by way of a buffer in which they do.
func (p *product) edge(s *workspace, tile tileFunc, depth int, a *float32, rsa, csa int, b *float32, c []float32, beta float32, rows, width int) {
	whole := s.tile.sized(p.isa.rows * p.cols)
	for i := range rows {
		copy(whole[i*p.cols:][:width], c[i*p.ldc:])
	}
	tile(depth, a, rsa, csa, b, p.cols, &whole[0], p.cols, p.alpha, beta, 0, nowhere, 0, 1)
	for i := range rows {
		copy(c[i*p.ldc:][:width], whole[i*p.cols:])
	}
}
