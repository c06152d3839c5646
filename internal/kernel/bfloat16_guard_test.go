//go:build unix

package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestPacksPairs compares what the assembly packs with plain Go, for all lengths around those of registers, with
// inaccessible memory after the operands.
func TestPacksPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range supportedPairs[:len(supportedPairs)-1] {
		for k := 1; k < 70; k++ {
			src := bits16(rng, 16*k)
			both := func(what string, size int, f func(p *pairKernels, dst *float32)) {
				got, want := guarded(t, size, true), make([]float32, size)
				f(s.pairs, &got[0])
				f(genericPairs.pairs, &want[0])
				wantSameWords(t, what, got, want)
			}
			fenced := guarded(t, len(src), true)
			copy(fenced, src)
			half := (k + 1) / 2
			both("round", 16*half, func(p *pairKernels, dst *float32) { p.round(16, k, dst, half, &fenced[0], k) })
			both("transpose", 16*half, func(p *pairKernels, dst *float32) { p.transpose(k, dst, 16, &fenced[0], k) })
			for _, width := range []int{1, 13, 14} {
				both("zipA", 14*half, func(p *pairKernels, dst *float32) {
					p.zipA(k, dst, &fenced[len(src)-k*width], width, columnMask(width))
				})
			}
			for _, width := range []int{1, 15, 16} {
				both("zipB", 32*half, func(p *pairKernels, dst *float32) {
					p.zipB(k, dst, &fenced[len(src)-k*width], width, columnMask(width))
				})
			}
		}
	}
}
