// Command mxfp4 writes the assembly that decodes MXFP4 for amd64; see the go:generate line in
// the package kernel.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The offsets of mxfp4Tables.
const first, second, powers = 64, 128, 192

func main() {
	ConstraintExpr("amd64,!noasm")
	TEXT("decodeMXFP4AVX512", NOSPLIT, "func(dst []float32, blocks, scales []byte, tables *float32)")
	Pragma("noescape")
	Doc("decodeMXFP4AVX512 is decodeMXFP4: of 16 codes, their low halves and their high ones choose each a number of a table that is a register.")
	dst, left, blocks, scales := GP64(), GP64(), GP64(), GP64()
	Load(Param("dst").Base(), dst)
	Load(Param("dst").Len(), left)
	Load(Param("blocks").Base(), blocks)
	Load(Param("scales").Base(), scales)
	tables := Mem{Base: Load(Param("tables"), GP64())}
	codes, low, high := ZMM(), ZMM(), ZMM()
	VMOVUPS(tables, codes)
	VMOVUPS(tables.Offset(first), low)
	VMOVUPS(tables.Offset(second), high)
	SHRQ(Imm(5), left)
	JZ(LabelRef("done"))

	Label("block")
	code, scale, even, odd, begin := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	VPMOVZXBD(Mem{Base: blocks}, code)
	s := GP64()
	MOVBQZX(Mem{Base: scales}, s)
	VBROADCASTSS(Mem{Base: tables.Base, Index: s, Scale: 4, Disp: powers}, scale)
	VPERMPS(codes, code, even) // looks at the low four bits of each
	VPSRLD(Imm(4), code, code)
	VPERMPS(codes, code, odd)
	VMULPS(scale, even, even)
	VMULPS(scale, odd, odd)
	VMOVAPS(even, begin)
	VPERMT2PS(odd, low, begin)
	VPERMT2PS(odd, high, even)
	VMOVUPS(begin, Mem{Base: dst})
	VMOVUPS(even, Mem{Base: dst, Disp: 64})
	ADDQ(Imm(16), blocks)
	INCQ(scales)
	ADDQ(U32(128), dst)
	DECQ(left)
	JNZ(LabelRef("block"))

	Label("done")
	VZEROUPPER()
	RET()
	Generate()
}
