//go:build amd64 && !noasm

package kernel

import (
	"errors"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./gen/gemm -out gen_gemm_amd64.s -stubs gen_gemm_amd64.go -pkg kernel

var avx512 = isa{
	name: "avx512",
	rows: 14,
	cols: 32,
	tiles: []tileFunc{
		tile1x32AVX512, tile2x32AVX512, tile3x32AVX512, tile4x32AVX512, tile5x32AVX512,
		tile6x32AVX512, tile7x32AVX512, tile8x32AVX512, tile9x32AVX512, tile10x32AVX512,
		tile11x32AVX512, tile12x32AVX512, tile13x32AVX512, tile14x32AVX512,
	},
	masked:     true,
	copyA:      copy14AVX512,
	transposeA: transpose14AVX512,
	copyB:      copy32AVX512,
	transposeB: transpose16AVX512,
	lanes:      16,
	rowSums:    rowSumsAVX512,
	addSums:    addSumsAVX512,
	strips:     []stripFunc{strip1x96AVX512, strip2x96AVX512, strip3x96AVX512, strip4x96AVX512},
	stripCols:  96,
	sweeps: []sweepFunc{
		sweep1x32AVX512, sweep2x32AVX512, sweep3x32AVX512, sweep4x32AVX512, sweep5x32AVX512, sweep6x32AVX512,
		sweep7x32AVX512, sweep8x32AVX512, sweep9x32AVX512, sweep10x32AVX512, sweep11x32AVX512, sweep12x32AVX512,
	},
	swept:    [2]int{9, 36},
	dots:     [2]dotFunc{dot8AVX512, dot1AVX512},
	dotLanes: 16,
	dotTiles: []dotTileFunc{dots1x4AVX512, dots2x4AVX512, dots3x4AVX512, dots4x4AVX512},
	packed:   packedAVX512,
	vec:      vectorsAVX512,
}

var avx2 = isa{
	name: "avx2",
	rows: 6,
	cols: 16,
	tiles: []tileFunc{
		tile1x16AVX2, tile2x16AVX2, tile3x16AVX2, tile4x16AVX2, tile5x16AVX2, tile6x16AVX2,
	},
	copyA:      copy6AVX2,
	transposeA: transpose6AVX2,
	copyB:      copy16AVX2,
	transposeB: transpose8AVX2,
	lanes:      8,
	rowSums:    rowSumsAVX2,
	addSums:    addSumsAVX2,
	sweeps:     []sweepFunc{sweep1x16AVX2, sweep2x16AVX2, sweep3x16AVX2, sweep4x16AVX2, sweep5x16AVX2, sweep6x16AVX2},
	swept:      [2]int{2, 24},
	dots:       [2]dotFunc{dot8AVX2, dot1AVX2},
	dotLanes:   8,
	dotTiles:   []dotTileFunc{dots1x4AVX2, dots2x4AVX2},
	packed:     packedAVX2,
	vec:        vectorsAVX2,
}

var avx512bf16 = isa{
	name: "avx512bf16",
	rows: 14,
	cols: 32,
	tiles: []tileFunc{
		tile1x32AVX512BF16, tile2x32AVX512BF16, tile3x32AVX512BF16, tile4x32AVX512BF16, tile5x32AVX512BF16,
		tile6x32AVX512BF16, tile7x32AVX512BF16, tile8x32AVX512BF16, tile9x32AVX512BF16, tile10x32AVX512BF16,
		tile11x32AVX512BF16, tile12x32AVX512BF16, tile13x32AVX512BF16, tile14x32AVX512BF16,
	},
	masked: true,
	lanes:  16,
	vec:    vectorsAVX512,
	pairs:  &pairKernels{block: 1, round: roundPairsAVX512, zipA: zip14AVX512, zipB: zip32AVX512, transpose: transposePairs16AVX512},
}

// nativePairs returns the instruction sets of this machine that have products in bfloat16, best first, or the
// reason why there are none. Intel's Sapphire Rapids and Emerald Rapids implement VDPBF16PS in microcode, half as
// fast as float32 multiply-adds (libxsmm/tpp-mlir issues 1025 and 1078), so it is used only on AMD processors.
func nativePairs() (sets []*isa, why error) {
	rounds := cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasBMI2 && cpu.X86.HasAVX512BF16
	switch {
	case rounds && cpu.X86.HasAMXTile && cpu.X86.HasAMXBF16:
		if why = askForAMX(); why == nil {
			why = tryAMX()
		}
		if why == nil {
			sets = append(sets, &amx)
		}
	case rounds && isAMD():
		sets = append(sets, &avx512bf16)
	default:
		why = errors.New("this is neither")
	}
	return sets, why
}

// isAMD reports whether the processor was made by AMD, according to the vendor name in leaf 0 of CPUID.
func isAMD() bool {
	_, b, c, d := cpuid(0, 0)
	return b == 0x68747541 && d == 0x69746e65 && c == 0x444d4163 // AuthenticAMD, in the order b, d, c
}

// hasF16C reports whether the processor converts halves, as all processors with AVX2 do: bit 29 of ECX in leaf 1
// of CPUID.
func hasF16C() bool {
	_, _, c, _ := cpuid(1, 0)
	return c>>29&1 != 0
}

// native returns the instruction sets of this machine that have assembly, best first.
func native() []*isa {
	var sets []*isa
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasBMI2 {
		sets = append(sets, &avx512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && hasF16C() {
		sets = append(sets, &avx2)
	}
	return sets
}
