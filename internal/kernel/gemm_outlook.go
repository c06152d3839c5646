package kernel

import "unsafe"

// outlook is the part of B that will be packed next, as rows of pieces of 128 bytes. Tiles prefetch it while they
// compute, which pays off where few rows of C wait for much of B. The prefetched memory need not exist, so its
// addresses are not pointers.
type outlook struct {
	at           uintptr
	ld           int // elements from row to row
	rows, pieces int
	share        int // rows that one tile prefetches
}

const (
	// piece is the number of elements in a piece.
	piece = 128 / 4
	// outlookTiles is the largest number of rows of tiles for which tiles prefetch more of B.
	outlookTiles = 8
)

// outlook returns what is packed after a step of the panels first to last-1: the next step, or the first step of
// the panels that follow.
func (p *product) outlook(first, last, from, depth int) outlook {
	width := (last - first) * p.cols
	next := from + depth
	if next >= p.depth {
		first, next = last, 0
	}
	col := first * p.cols
	width = min(width, p.n-col)
	if width <= 0 || p.heights() > outlookTiles {
		return outlook{}
	}
	rows := min(p.step, p.depth-next)
	next += p.from
	if p.pairs != nil {
		rows, next = 2*rows, 2*next
	}
	at := next*p.ldb + col
	if p.transB {
		at = col*p.ldb + next
		rows, width = width, rows
	}
	// A tile prefetches a piece every four steps, after the rows of C.
	pieces, questions := width/piece, depth/4-p.isa.rows
	if pieces == 0 || questions <= 0 {
		return outlook{}
	}
	return outlook{at: uintptr(unsafe.Pointer(&p.b[at])), ld: p.ldb, rows: rows, pieces: pieces, share: 1 + questions/pieces}
}

// next returns the first row that one tile prefetches, and removes the tile's share.
func (o *outlook) next() (at uintptr, ld, pieces int) {
	if o.rows <= 0 {
		return nowhere, 0, 1
	}
	at = o.at
	o.at += uintptr(4 * o.share * o.ld)
	o.rows -= o.share
	return at, o.ld, o.pieces
}

// nowhere is prefetched when there is nothing to prefetch.
var (
	nothing [piece]float32
	nowhere = uintptr(unsafe.Pointer(&nothing))
)
