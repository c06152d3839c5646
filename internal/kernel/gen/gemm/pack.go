package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// ahead is how many bytes before their use a transposition prefetches the elements of a row, and aheadRows is how
// many rows before their use a copy prefetches them.
const (
	ahead     = 256
	aheadRows = 8
)

// transposition writes a kernel that turns rows of a matrix into columns. A register holds four columns, so that
// the shuffles stay within 128-bit lanes: lane l holds rows 4l to 4l+3, which are loaded lane by lane.
type transposition struct {
	isa     string
	rows    int
	vectors []reg.VecPhysical
	prepare func()
	insert  func(lane int, from Mem, to reg.VecPhysical)
	store   func(v reg.VecPhysical, to Mem)
}

func (t transposition) write() {
	name := fmt.Sprintf("transpose%d%s", t.rows, t.isa)
	TEXT(name, NOSPLIT, "func(k int, dst *float32, ldd int, src *float32, lds int)")
	Doc(fmt.Sprintf("%s stores the first k columns of %d rows of src as rows of dst. k must be a multiple of 4.", name, t.rows))
	Pragma("noescape")
	k, dst, ldd := load("k"), load("dst"), loadBytes("ldd")
	src := newStrided(load("src"), loadBytes("lds"), t.rows)
	t.prepare()

	four := func(offset int) {
		in, tmp := t.vectors[:4], t.vectors[4:]
		for s := range in {
			VMOVUPS(src.row(s).Offset(offset), in[s].AsX())
			for lane := 1; 4*lane+s < t.rows; lane++ {
				t.insert(lane, src.row(4*lane+s).Offset(offset), in[s])
			}
		}
		transposeLanes(in, tmp)
		for _, v := range in {
			t.store(v, Mem{Base: dst})
			ADDQ(ldd, dst)
		}
	}
	Label("sixteen")
	CMPQ(k, Imm(16))
	JL(LabelRef("few"))
	for part := range 4 {
		for i := part; i < t.rows; i += 4 {
			PREFETCHT0(src.row(i).Offset(ahead))
		}
		four(16 * part)
	}
	src.advance(Imm(64))
	SUBQ(Imm(16), k)
	JMP(LabelRef("sixteen"))

	Label("few")
	TESTQ(k, k)
	JZ(LabelRef("done"))
	four(0)
	src.advance(Imm(16))
	SUBQ(Imm(4), k)
	JMP(LabelRef("few"))

	Label("done")
	VZEROUPPER()
	RET()
}

// transposeAVX512 writes the transposition of up to 16 rows.
func transposeAVX512(rows int) {
	transposition{
		isa: "AVX512", rows: rows, vectors: zmm,
		prepare: func() {
			mask := GP32()
			MOVL(U32(1<<rows-1), mask)
			KMOVW(mask, reg.K1)
		},
		insert: func(lane int, from Mem, to reg.VecPhysical) { VINSERTF32X4(Imm(uint64(lane)), from, to, to) },
		store:  func(v reg.VecPhysical, to Mem) { VMOVUPS(v, reg.K1, to) },
	}.write()
}

// transposeAVX2 writes the transposition of 8 rows or of 6.
func transposeAVX2(rows int) {
	t := transposition{
		isa: "AVX2", rows: rows, vectors: ymm,
		prepare: func() {},
		insert:  func(lane int, from Mem, to reg.VecPhysical) { VINSERTF128(Imm(uint64(lane)), from, to, to) },
		store:   func(v reg.VecPhysical, to Mem) { VMOVUPS(v, to) },
	}
	if rows == 6 {
		t.store = func(v reg.VecPhysical, to Mem) {
			VMOVUPS(v.AsX(), to)
			VEXTRACTF128(Imm(1), v, reg.X4)
			VMOVSD(reg.X4, to.Offset(16))
		}
	}
	t.write()
}

// transposeLanes transposes the 4×4 matrices in the lanes of the four registers in, with tmp as scratch.
func transposeLanes(in, tmp []reg.VecPhysical) {
	VUNPCKLPS(in[1], in[0], tmp[0])
	VUNPCKHPS(in[1], in[0], tmp[1])
	VUNPCKLPS(in[3], in[2], tmp[2])
	VUNPCKHPS(in[3], in[2], tmp[3])
	VUNPCKLPD(tmp[2], tmp[0], in[0])
	VUNPCKHPD(tmp[2], tmp[0], in[1])
	VUNPCKLPD(tmp[3], tmp[1], in[2])
	VUNPCKHPD(tmp[3], tmp[1], in[3])
}

// copyRows writes a kernel that copies rows of the given width.
func copyRows(isa string, width int, move func(src, dst Mem)) {
	name := fmt.Sprintf("copy%d%s", width, isa)
	TEXT(name, NOSPLIT, "func(k int, dst, src *float32, lds int)")
	Doc(fmt.Sprintf("%s copies the first %d elements of k rows of src to dst. k must be positive.", name, width))
	Pragma("noescape")
	k, dst, src, lds := load("k"), load("dst"), load("src"), loadBytes("lds")
	far := GP64()
	IMUL3Q(Imm(aheadRows), lds, far)

	Label("row")
	for line := 0; line < 4*width; line += 64 {
		PREFETCHT0(Mem{Base: src, Index: far, Scale: 1, Disp: line})
	}
	move(Mem{Base: src}, Mem{Base: dst})
	ADDQ(lds, src)
	ADDQ(Imm(uint64(4*width)), dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// copies writes the copy kernels for the tiles.
func copies() {
	copyRows("AVX512", 32, func(src, dst Mem) {
		VMOVUPS(src, reg.Z0)
		VMOVUPS(src.Offset(64), reg.Z1)
		VMOVUPS(reg.Z0, dst)
		VMOVUPS(reg.Z1, dst.Offset(64))
	})
	copyRows("AVX512", 14, func(src, dst Mem) {
		VMOVUPS(src, reg.Y0)
		VMOVUPS(src.Offset(32), reg.X1)
		VMOVSD(src.Offset(48), reg.X2)
		VMOVUPS(reg.Y0, dst)
		VMOVUPS(reg.X1, dst.Offset(32))
		VMOVSD(reg.X2, dst.Offset(48))
	})
	copyRows("AVX2", 16, func(src, dst Mem) {
		VMOVUPS(src, reg.Y0)
		VMOVUPS(src.Offset(32), reg.Y1)
		VMOVUPS(reg.Y0, dst)
		VMOVUPS(reg.Y1, dst.Offset(32))
	})
	copyRows("AVX2", 6, func(src, dst Mem) {
		VMOVUPS(src, reg.X0)
		VMOVSD(src.Offset(16), reg.X1)
		VMOVUPS(reg.X0, dst)
		VMOVSD(reg.X1, dst.Offset(16))
	})
}
