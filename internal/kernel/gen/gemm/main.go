// Command gemm writes the assembly of Gemm for amd64; see the go:generate line in
// the package kernel.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!noasm")
	for rows := 1; rows <= 14; rows++ {
		tileAVX512(rows, "AVX512", func(b, a, acc reg.VecPhysical) { VFMADD231PS(b, a, acc) })
	}
	for rows := 1; rows <= 6; rows++ {
		tileAVX2(rows)
	}
	transposeAVX512(16)
	transposeAVX512(14)
	transposeAVX2(8)
	transposeAVX2(6)
	copies()
	for _, f := range []func(isa string, vectors []reg.VecPhysical, lanes int){rowSums, addSums} {
		f("AVX512", zmm, 16)
		f("AVX2", ymm, 8)
	}
	for rows := 1; rows <= 4; rows++ {
		stripTile(rows)
		dotTile("AVX512", zmm, 16, rows)
	}
	for rows := 1; rows <= 6; rows++ {
		sweepTile("AVX2", ymm, 8, rows)
	}
	for rows := 1; rows <= 12; rows++ {
		sweepTile("AVX512", zmm, 16, rows)
	}
	for _, vectors := range []int{1, 2} { // with three, loads would cost more than the multiply-adds
		dotTile("AVX2", ymm, 8, vectors)
	}
	for _, rows := range []int{1, 8} {
		dot("AVX512", zmm, 16, rows)
		dot("AVX2", ymm, 8, rows)
	}
	pairKernels()
	pause()
	cpuid()
	Generate()
}
