package kernel

import (
	"runtime"
	"unsafe"
)

// Sizes, in elements, by measurement on Sapphire Rapids (48 KiB of first-level and 2
// MiB of second-level cache a core).
const (
	// smallProduct is the number of multiplications below which one goroutine works.
	smallProduct = 1 << 19
	// maxDepth bounds the part of k that is summed in registers before C is touched.
	maxDepth = 384
	// blockA bounds the part of A that is packed at once; it should stay in the
	// third-level cache.
	blockA = 3 << 19
	// directB is the size of B up to which few rows of C read it where it is.
	directB = 1 << 14
	// directPanels is the number of panels up to which A is read where it is.
	directPanels = 4
	// maxGroup is the number of panels
	maxGroup = 8
	splits   = 2
)

// product is one call of Gemm and the block of it that is being computed.
//
// C is cut into tiles of isa.rows×isa.cols, and tiles one above the other share a panel of B,
// isa.cols wide. A panel is packed by the goroutine that needs it, right before use, while it
// is in the first-level cache; a block of A is packed before, by all, for all.
type product struct {
	*isa
	transA, transB bool
	m, n, k        int
	alpha, beta    float32
	a, b, c        []float32
	lda, ldb, ldc  int

	row, rows   int // rows of the block
	from, depth int // the block's part of k
	step        int // depth of what is summed in registers
	splits      int
	packed      []float32 // A's whole tiles, for each step in turn; empty if A is read directly
}

// panels is the number of panels of B.
func (p *product) panels() int { return (p.n + p.cols - 1) / p.cols }

// heights is the number of tiles one above the other in a block.
func (p *product) heights() int { return (p.rows + p.isa.rows - 1) / p.isa.rows }

// setStep divides k evenly into the parts that are summed in registers. They depend on
// k only, and with them the rounding.
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

// large goes through the blocks and computes each with the pool.
func (p *product) large() {
	p.setStep()
	t := teams.take()
	t.product = *p
	p = &t.product
	maxRows, maxPart := p.blockSize()
	for p.row = 0; p.row < p.m; p.row += p.rows {
		p.rows = min(maxRows, p.m-p.row)
		for p.from = 0; p.from < p.k; p.from += p.depth {
			p.depth = min(maxPart, p.k-p.from)
			p.packed = nil
			if whole := p.rows / p.isa.rows; whole > 0 && p.panels() > directPanels {
				p.packed = t.packed.sized(whole * p.isa.rows * p.depth)
				For(whole, 1+(1<<14)/(p.depth*p.isa.rows), t.packA)
			}
			For(p.panels()*p.setSplits(), p.grain(), t.compute)
		}
	}
	t.product = product{}
	teams.put(t)
}

// blockSize returns the rows and the part of k of a block: all, if A fits, and otherwise
// about equal parts.
func (p *product) blockSize() (rows, part int) {
	if p.m*p.k <= blockA {
		return p.m, p.k
	}
	if p.m*p.step <= blockA {
		return p.m, blockA / (p.m * p.step) * p.step
	}
	most := blockA / p.step
	parts := (p.m + most - 1) / most
	rows = (p.m + parts - 1) / parts
	return (rows + p.isa.rows - 1) / p.isa.rows * p.isa.rows, p.step
}

// setSplits cuts the columns of tiles, if there are too few to keep all goroutines busy.
func (p *product) setSplits() int {
	procs, panels := runtime.GOMAXPROCS(0), p.panels()
	p.splits = 1
	if panels%procs != 0 && panels < 8*procs {
		p.splits = min(p.heights(), 1+4*procs/panels)
	}
	return p.splits
}

// grain is the number of parts of panels that a goroutine shall do at least at once: enough to use
// what is packed more than once, and little enough for all to end together.
func (p *product) grain() int {
	fair := p.panels() * p.splits / (4 * runtime.GOMAXPROCS(0))
	short := smallProduct / (p.rows * p.depth * p.cols / p.splits)
	return max(min(fair, maxGroup*p.splits), 1+short)
}

// team is what the goroutines that compute a product share. Its functions are made
// once, so that a product allocates nothing.
type team struct {
	product
	packed  buffer
	packA   func(lo, hi int)
	compute func(lo, hi int)

	x                 []float32 // the row of A
	vector            buffer
	rowTiles, rowDots func(lo, hi int)
}

func newTeam() *team {
	t := new(team)
	t.packA = func(lo, hi int) { t.packTiles(lo, hi) }
	t.rowTiles = func(lo, hi int) { t.product.rowColumns(lo, hi) }
	t.rowDots = func(lo, hi int) { t.product.rowScalars(lo, hi, t.x) }
	t.compute = func(lo, hi int) {
		s := workspaces.take()
		for lo < hi {
			panel, part := lo/t.splits, lo%t.splits
			if whole := min((hi-lo)/t.splits, maxGroup); part == 0 && whole > 0 {
				t.group(s, panel, panel+whole, 0, t.heights())
				lo += whole * t.splits
				continue
			}
			end := min(part+hi-lo, t.splits)
			t.group(s, panel, panel+1, part*t.heights()/t.splits, end*t.heights()/t.splits)
			lo += end - part
		}
		workspaces.put(s)
	}
	return t
}

// group computes the tiles lo to hi-1 of panels first to last-1 in the block.
func (p *product) group(s *workspace, first, last, lo, hi int) {
	for from := 0; from < p.depth; from += p.step {
		depth := min(p.step, p.depth-from)
		beta := p.beta
		if p.from+from > 0 {
			beta = 1
		}
		direct := !p.transB && hi-lo <= 4 && p.k*p.n <= directB && (p.masked || p.n%p.cols == 0)
		var panels []float32
		if !direct {
			panels = p.packPanels(s, first, last, p.from+from, depth)
		}
		soonB := p.outlookB(first, last, from+depth)
		for t := lo; t < hi; t++ {
			row := t * p.isa.rows
			rows := min(p.isa.rows, p.rows-row)
			a, rsa, csa := p.tileA(row, rows, from, depth)
			soonA := p.outlookA(t+1, hi, from, depth)
			for j := first; j < last; j++ {
				col := j * p.cols
				width := min(p.cols, p.n-col)
				var b *float32
				var rsb int
				if direct {
					b, rsb = &p.b[(p.from+from)*p.ldb+col], p.ldb
				} else {
					b, rsb = &panels[(j-first)*p.cols*depth], p.cols
				}
				c := p.c[(p.row+row)*p.ldc+col:]
				if width < p.cols && !p.masked {
					p.edge(s, depth, a, rsa, csa, b, rsb, c, beta, rows, width)
					continue
				}
				next := soonA.next(depth/4 - rows)
				if next.rows == 0 {
					next = soonB.next(depth/4 - rows)
				}
				p.tiles[rows-1](depth, a, rsa, csa, b, rsb, &c[0], p.ldc, p.alpha, beta, uint32(1<<width-1), next.at, next.ld, next.pieces)
			}
		}
	}
}

// edge computes a tile of which some columns do not exist, in a place where they do.
func (p *product) edge(s *workspace, depth int, a *float32, rsa, csa int, b *float32, rsb int, c []float32, beta float32, rows, width int) {
	tile := s.tile.sized(p.isa.rows * p.cols)
	for i := range rows {
		copy(tile[i*p.cols:][:width], c[i*p.ldc:])
	}
	p.tiles[rows-1](depth, a, rsa, csa, b, rsb, &tile[0], p.cols, p.alpha, beta, 0, b, 0, 1)
	for i := range rows {
		copy(c[i*p.ldc:][:width], tile[i*p.cols:])
	}
}

// outlook is memory that will be read soon: rows of pieces of 128 bytes. At most left
// elements from at on are there.
type outlook struct {
	at               *float32
	left             int
	ld, rows, pieces int
}

// outlookA returns what will be read after a tile of the block.
func (p *product) outlookA(t, tiles, from, depth int) outlook {
	const pieces = 8
	rows := p.isa.rows
	if t >= tiles || (t+1)*rows > p.rows || len(p.packed) == 0 {
		return outlook{}
	}
	a, _, _ := p.tileA(t*rows, rows, from, depth)
	end := uintptr(unsafe.Pointer(unsafe.SliceData(p.packed))) + 4*uintptr(len(p.packed))
	left := int(end-uintptr(unsafe.Pointer(a))) / 4
	return outlook{at: a, left: left, ld: pieces * 32, rows: 1 + rows*depth/(pieces*32), pieces: pieces}
}

// outlookB returns what will be packed after the part of k that ends at from in the block.
func (p *product) outlookB(first, last, from int) outlook {
	width := (last - first) * p.cols
	if from >= p.depth {
		first, from = last, 0
	}
	col := first * p.cols
	depth := min(p.step, p.depth-from)
	from += p.from
	if width = min(width, p.n-col); width < 32 || depth < 32 {
		return outlook{}
	}
	if p.transB {
		at := col*p.ldb + from
		return outlook{at: &p.b[at], left: len(p.b) - at, ld: p.ldb, rows: width, pieces: depth / 32}
	}
	at := from*p.ldb + col
	return outlook{at: &p.b[at], left: len(p.b) - at, ld: p.ldb, rows: depth, pieces: width / 32}
}

// next removes the first rows, of about count pieces, and returns them.
func (o *outlook) next(count int) outlook {
	if o.rows <= 0 || count <= 0 {
		return outlook{at: &nowhere[0], pieces: 1}
	}
	taken := *o
	rows := 1 + count/o.pieces
	o.left -= rows * o.ld
	if o.left <= 0 {
		o.rows = 0 // a pointer past the end would be one to somebody else's memory
		return taken
	}
	o.at = (*float32)(unsafe.Add(unsafe.Pointer(o.at), 4*rows*o.ld))
	o.rows -= rows
	return taken
}

// nowhere is asked for when there is nothing to ask for.
var nowhere [32]float32
