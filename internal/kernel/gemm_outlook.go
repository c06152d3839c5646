package kernel

import "unsafe"

// outlook is memory that will be read soon: rows of pieces of 128 bytes. Tiles ask for it while they
// compute. It need not exist, so that addresses are no pointers.
type outlook struct {
	at           uintptr
	ld           int // elements from row to row
	rows, pieces int
	share        int // rows that one tile asks for
}

// piece is the number of elements in a piece.
const piece = 128 / 4

// newOutlook returns rows of some elements each, to be asked for by tiles of a depth.
func (p *product) newOutlook(first *float32, ld, rows, length, depth int) outlook {
	// A tile asks for a piece every four steps, after the rows of C.
	pieces, questions := length/piece, depth/4-p.isa.rows
	if pieces == 0 || questions <= 0 {
		return outlook{}
	}
	return outlook{at: uintptr(unsafe.Pointer(first)), ld: ld, rows: rows, pieces: pieces, share: 1 + questions/pieces}
}

// outlookA returns tile t of A, which is read after the one before, if there is such a tile and it
// is packed.
func (p *product) outlookA(t, tiles, from, depth int) outlook {
	rows := p.isa.rows
	if len(p.packedA) == 0 || t >= tiles || (t+1)*rows > p.rows {
		return outlook{}
	}
	const length = 8 * piece // any: the tile is one piece of memory
	a, _, _ := p.tileA(t*rows, rows, from, depth)
	return p.newOutlook(a, length, (rows*depth+length-1)/length, length, depth)
}

// outlookB returns what is packed after a part of the panels first to last-1: the next
// part, or the first of the panels that follow.
func (p *product) outlookB(first, last, from, depth int) outlook {
	width := (last - first) * p.cols
	next := from + depth
	if next >= p.depth {
		first, next = last, 0
	}
	col := first * p.cols
	width = min(width, p.n-col)
	if width <= 0 || len(p.packedB) > 0 {
		return outlook{}
	}
	rows := min(p.step, p.depth-next)
	next += p.from
	if p.transB {
		return p.newOutlook(&p.b[col*p.ldb+next], p.ldb, width, rows, depth)
	}
	return p.newOutlook(&p.b[next*p.ldb+col], p.ldb, rows, width, depth)
}

// next removes what one tile asks for and returns its first row.
func (o *outlook) next() (at uintptr, ld, pieces int) {
	if o.rows <= 0 {
		return nowhere, 0, 1
	}
	at = o.at
	o.at += uintptr(4 * o.share * o.ld)
	o.rows -= o.share
	return at, o.ld, o.pieces
}

// nowhere is asked for when there is nothing to ask for.
var (
	nothing [piece]float32
	nowhere = uintptr(unsafe.Pointer(&nothing))
)
