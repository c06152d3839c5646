//go:build amd64 && !noasm

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestAMX compares the instructions with their model in plain Go on 10⁶ sums of random and special numbers. It
// has not run yet: it is skipped on machines without AMX, and no other test checks what these instructions
// compute. Note here when it has run, and on which machine.
func TestAMX(t *testing.T) {
	if best := supportedPairs[0]; best != &amx {
		t.Skipf("AMX's instructions are not tested: the best of this machine are %s (%v)", best.name, noPairs)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	const most = 3
	for range 1_000_000 / (amxTile * amxTile * 2) {
		rows, blocks, panels := 1+rng.IntN(amxTile), 1+rng.IntN(most), 1+rng.IntN(3)
		rsa, next := blocks*amxBlock, blocks*amxBlock*amxTile
		a, b := make([]float32, rows*rsa), make([]float32, panels*next)
		roundPairs(1, 2*len(a), &a[0], 0, &bits16(rng, 2*len(a))[0], 0)
		roundPairs(1, 2*len(b), &b[0], 0, &bits16(rng, 2*len(b))[0], 0)
		got, want := make([]float32, panels*amxTile*amxTile), make([]float32, panels*amxTile*amxTile)
		rowOfTilesAMX(rows, blocks, &a[0], rsa, &b[0], next, panels, &got[0])
		rowOfTiles(rows, blocks, &a[0], rsa, &b[0], next, panels, &want[0])
		for i := range got {
			if !sameBits(got[i], want[i]) {
				t.Fatalf("%d rows, %d blocks: element %d is %v (%08x), want %v (%08x)", rows, blocks, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
			}
		}
	}
}

// TestAMXRefused: if CPUID reports no tiles, the system grants none, which must be an error and must not end the
// process.
func TestAMXRefused(t *testing.T) {
	if cpu.X86.HasAMXTile {
		t.Skip("the processor has AMX")
	}
	if err := askForAMX(); err == nil {
		t.Error("the system gives what the processor does not have")
	}
}

// TestAMXConfig: tiles of C and A are configured with their actual numbers of rows, and tiles without rows are
// not configured.
func TestAMXConfig(t *testing.T) {
	for rows, want := range map[int][8]byte{1: {1, 1, 0, 0, 1, 0, 16, 16}, 16: {16, 16, 0, 0, 16, 0, 16, 16}, 17: {16, 16, 1, 1, 16, 1, 16, 16}, 32: {16, 16, 16, 16, 16, 16, 16, 16}} {
		c := amxConfigs[rows]
		if [8]byte(c[48:56]) != want || c[0] != 1 {
			t.Errorf("%d rows: palette %d, rows %v, want 1 and %v", rows, c[0], c[48:56], want)
		}
		for tile, rows := range want {
			if bytes := int(c[16+2*tile]) + 256*int(c[17+2*tile]); bytes != min(64, 64*int(rows)) {
				t.Errorf("tile %d of %d rows has %d bytes in each", tile, rows, bytes)
			}
		}
		clear(c[:1])
		clear(c[16:32])
		clear(c[48:56])
		if c != [64]byte{} {
			t.Errorf("%d rows: bytes are set that are reserved: %v", rows, c)
		}
	}
}

// TestAMXHelpers compares the AVX-512 kernels around the tiles with plain Go.
func TestAMXHelpers(t *testing.T) {
	if !cpu.X86.HasAVX512BF16 {
		t.Skip("no AVX512_BF16")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for width := 1; width <= 16; width++ {
		src := bits16(rng, 64*20)
		got, want := make([]float32, 16*33), make([]float32, 16*33)
		turnPairs16AVX512(64, &got[0], 33, &src[0], 20, columnMask(width))
		turnPairs(64, &want[0], 33, &src[0], 20, columnMask(width))
		wantSameWords(t, "A", got, want)
	}
	for rows := 1; rows <= amxTile; rows++ {
		src, c := bits16(rng, amxTile*amxTile), bits16(rng, amxTile*35)
		for _, beta := range []float32{0, 1, -0.5} {
			got, want := append([]float32(nil), c...), append([]float32(nil), c...)
			finishTileAVX512(rows, &src[0], &got[0], 35, 0.7, beta, columnMask(rows))
			finishTile(rows, &src[0], &want[0], 35, 0.7, beta, columnMask(rows))
			for i := range got {
				if !sameBits(got[i], want[i]) {
					t.Fatalf("%d rows, beta %v: element %d is %v, want %v", rows, beta, i, got[i], want[i])
				}
			}
		}
	}
}
