// Command packed writes the assembly for amd64 that reads packed matrices; see the go:generate line in the
// package kernel.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile is the number of rows of the matrix that are read side by side, and group is the number of numbers that
// share a scale.
const tile, group = 4, 32

// ahead is the least distance in bytes from the tile that is read to the tile whose codes are prefetched. The
// actual distance is a whole number of tiles, since their rows are read side by side. On two cores of a Zen 5,
// measured alternately, rows of 3,072 numbers of Q8_0 were read at 42 GB/s with a distance of exactly 6144 bytes
// and at 52 GB/s with whole tiles, and rows of BF16 at 39 and 47; 12288 and 24576 bytes gave the same speed.
const ahead = 6144

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, f := range formats {
		for vectors := 1; vectors <= 4; vectors++ {
			dotsAVX512(f, vectors)
		}
		if f.evenOdd {
			f.order()
		}
		decodeAVX512(f)
		dotsAVX2(f)
		decodeAVX2(f)
	}
	halvesAVX512()
	halvesAVX2()
	exponentsAVX512()
	exponentsAVX2()
	Generate()
}

// format describes how numbers are stored: the number of bytes of a group's codes, and whether there are scales
// and offsets.
type format struct {
	name            string
	bytes           int
	scaled, offset  bool
	table           bool // codes are looked up in a table of 16 numbers
	evenOdd, signed bool // for 4-bit codes: neighbors share a byte; code 8 stands for 0
}

var formats = []format{
	{name: "BF16", bytes: 64},
	{name: "Q8_0", bytes: 32, scaled: true},
	{name: "Q4_0", bytes: 16, scaled: true, table: true, signed: true},
	{name: "Q4_1", bytes: 16, scaled: true, offset: true, table: true},
	{name: "MXFP4", bytes: 16, scaled: true, table: true, evenOdd: true},
}

// scaleBytes is the stored size of a group's scale, and of its offset.
func (f format) scaleBytes() int {
	if f.evenOdd {
		return 1
	}
	return 2
}

// rows holds the addresses of the rows of a tile, which are stored one after another.
type rows struct {
	first, last, stride reg.GPVirtual
}

func newRows(first, stride reg.GPVirtual) rows {
	last := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, last)
	ADDQ(first, last)
	return rows{first, last, stride}
}

// row returns the address of row i.
func (r rows) row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: r.first}
	case 3:
		return Mem{Base: r.last}
	}
	return Mem{Base: r.first, Index: r.stride, Scale: uint8(i)}
}

// advance moves the rows by a number of bytes.
func (r rows) advance(by Op) {
	ADDQ(by, r.first)
	ADDQ(by, r.last)
}

// next moves the rows from the end of a tile to the next tile.
func (r rows) next() {
	for range tile - 1 {
		r.advance(r.stride)
	}
}

// walk is the position of a scalar product function in the matrix and the vectors.
type walk struct {
	f                      format
	codes, scales, offsets rows
	x                      rows
	soon                   reg.GPVirtual   // codes to prefetch
	next                   []reg.GPVirtual // scales and offsets to prefetch, with one vector only: computing with more takes longer
}

// begin declares the function and loads its arguments.
func begin(name, doc string, f format, vectors int) walk {
	TEXT(name, NOSPLIT, "func(tiles, k int, x *float32, ldx int, codes *byte, ldb int, scales, offsets *float32, y *float32, ldy int, nextScales, nextOffsets uintptr)")
	Doc(name + " " + doc)
	Pragma("noescape")
	w := walk{f: f}
	ldx := load("ldx")
	SHLQ(Imm(2), ldx)
	w.x = rows{first: load("x"), stride: ldx}
	if vectors > 3 {
		w.x = newRows(w.x.first, ldx)
	}
	w.codes = newRows(load("codes"), load("ldb"))
	w.soon = askFrom(w.codes)
	if f.scaled {
		lds := load("k")
		SHRQ(Imm(3), lds) // 4 bytes for each group
		w.scales = newRows(load("scales"), lds)
		if f.offset {
			w.offsets = newRows(load("offsets"), lds)
		}
	}
	if f.scaled && vectors == 1 {
		w.next = append(w.next, load("nextScales"))
		if f.offset {
			w.next = append(w.next, load("nextOffsets"))
		}
	}
	return w
}

// askFrom returns the address of the first codes to prefetch: the tile that begins at least ahead bytes after
// this one.
func askFrom(codes rows) reg.GPVirtual {
	soon, enough, size := GP64(), GP64(), GP64()
	MOVQ(codes.first, soon)
	LEAQ(Mem{Base: soon, Disp: ahead}, enough)
	MOVQ(codes.stride, size)
	IMUL3Q(U8(tile), size, size)
	Label("ahead")
	ADDQ(size, soon)
	CMPQ(soon, enough)
	JLT(LabelRef("ahead"))
	return soon
}

// step moves to the next group.
func (w walk) step() {
	w.codes.advance(Imm(uint64(w.f.bytes)))
	ADDQ(Imm(128), w.x.first)
	if w.x.last != nil {
		ADDQ(Imm(128), w.x.last)
	}
	if w.f.scaled {
		w.scales.advance(Imm(4))
	}
	if w.f.offset {
		w.offsets.advance(Imm(4))
	}
}

// ask prefetches what one group of each row of a later tile will read.
func (w walk) ask() {
	for at := 0; at < tile*w.f.bytes; at += 64 {
		PREFETCHT0(Mem{Base: w.soon, Disp: at})
	}
	ADDQ(U32(uint32(tile*w.f.bytes)), w.soon)
	for _, next := range w.next {
		PREFETCHT0(Mem{Base: next})
		ADDQ(Imm(uint64(tile*w.f.scaleBytes())), next)
	}
}

// nextTile moves to the next tile, and back to the beginning of the vectors.
func (w walk) nextTile() {
	w.codes.next()
	if w.f.scaled {
		w.scales.next()
	}
	if w.f.offset {
		w.offsets.next()
	}
	k := load("k")
	SHLQ(Imm(2), k)
	SUBQ(k, w.x.first)
	if w.x.last != nil {
		SUBQ(k, w.x.last)
	}
}

// loop writes the loop over tiles. body adds a group to the sums, and store stores the sums of a tile.
func (w walk) loop(clear, body func(), store func(y, ldy reg.GPVirtual)) {
	Label("tile")
	clear()
	left := load("k")
	Label("group")
	body()
	w.step()
	SUBQ(Imm(group), left)
	JNZ(LabelRef("group"))
	y, ldy := load("y"), load("ldy")
	SHLQ(Imm(2), ldy)
	store(y, ldy)
	w.nextTile()
	ADDQ(Imm(4*tile), address("y"))
	DECQ(address("tiles"))
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

func load(param string) reg.GPVirtual {
	r := GP64()
	Load(Param(param), r)
	return r
}

func address(param string) Mem {
	p, err := Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

func describe(vectors int, f format) string {
	return fmt.Sprintf("computes scalar products of %d vectors and rows in %s; see packedFunc.", vectors, f.name)
}
