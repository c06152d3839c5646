package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// allFormats are those that there are.
var allFormats = []Format{BF16, Q8_0, Q4_0, Q4_1, MXFP4}

// randomPacked returns a matrix with random codes and with scales of all magnitudes, including subnormal ones,
// and of both signs.
func randomPacked(t testing.TB, rng *rand.Rand, f Format, rows, cols int) *Packed {
	t.Helper()
	b, err := NewPacked(f, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Codes {
		b.Codes[i] = byte(rng.Uint32())
	}
	for _, part := range [][]byte{b.Scales, b.Offsets} {
		for i := range part {
			part[i] = byte(rng.Uint32())
			switch {
			case f == MXFP4 && rng.IntN(4) > 0:
				part[i] = byte(120 + rng.IntN(16))
			case f == MXFP4 && part[i] > 250:
				part[i] = byte(rng.IntN(3))
			case f != MXFP4 && i%2 == 1 && part[i]&0x7c == 0x7c:
				part[i] &^= 0x40
			case f != MXFP4 && rng.IntN(8) == 0:
				part[i] = 0
			}
		}
	}
	if f == BF16 {
		for i := 1; i < len(b.Codes); i += 2 {
			if b.Codes[i]&0x7f == 0x7f {
				b.Codes[i] &^= 0x30
			}
		}
	}
	if i := b.NotFinite(); i >= 0 {
		t.Fatalf("%v: number %d is not finite", f, i)
	}
	return b
}

// differ returns the first index at which two slices differ in bits, where NaNs count as equal, or -1.
func differ(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && !(a[i] != a[i] && b[i] != b[i]) {
			return i
		}
	}
	return -1
}

// TestDecodePacked: the assembly gives the bits of plain Go, on a million random numbers of each format and on
// all scales.
func TestDecodePacked(t *testing.T) {
	withISA(t, "decode", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, f := range allFormats {
			for _, shape := range [][2]int{{1, 32}, {3, 96}, {5, 1056}, {1024, 1024}} {
				b := randomPacked(t, rng, f, shape[0], shape[1])
				for s := 0; f.Groups() && f != MXFP4 && shape[0] == 1024 && s < len(b.Scales)/2; s++ {
					if half(b.Scales[2*s:]); s < 0x7c00 {
						b.Scales[2*s], b.Scales[2*s+1] = byte(s), byte(s>>8)
					}
				}
				got, want := make([]float32, b.Rows*b.Cols), make([]float32, b.Rows*b.Cols)
				b.Decode(got)
				func() {
					defer func(before *isa) { active = before }(active)
					active = &generic
					b.Decode(want)
				}()
				if i := differ(got, want); i >= 0 {
					t.Fatalf("%v %v: number %d is %v, want %v", f, shape, i, got[i], want[i])
				}
			}
		}
	})
}

// TestGemmPacked: the bits are those of the product with the decoded matrix, for any number of rows and any
// number of rows whose bits they must have, for shapes that are not whole tiles, and for special values in the
// vectors.
func TestGemmPacked(t *testing.T) {
	withISA(t, "product", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		outputs, inputs := []int{1, 3, 4, 5, 37, 300}, []int{32, 96, 576, 1056}
		if raceEnabled { // which is for what goroutines do, and takes thirty times as long
			outputs, inputs = []int{5, 37}, []int{96, 576}
		}
		for _, f := range allFormats {
			for _, n := range outputs {
				for _, k := range inputs {
					b := randomPacked(t, rng, f, n, k)
					decoded := make([]float32, n*k)
					b.Decode(decoded)
					for _, m := range []int{1, 2, 3, 4, 5, 8, 12, 13, 30} {
						for _, rows := range []int{m, 1, 100} {
							checkGemmPacked(t, rng, rows, m, b, decoded)
						}
					}
				}
			}
		}
	})
}

// TestGemmPackedProcs: the bits do not depend on the number of processors.
func TestGemmPackedProcs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, f := range allFormats {
		const n, k = 4099, 192
		b := randomPacked(t, rng, f, n, k)
		for _, m := range []int{1, 8, 40} {
			a := make([]float32, m*k)
			for i := range a {
				a[i] = float32(rng.NormFloat64())
			}
			var want []float32
			for _, procs := range []int{1, 2, 4} {
				got := make([]float32, m*n)
				withProcs(procs, func() { GemmPacked(Float32, m, m, a, b, got) })
				if want == nil {
					want = got
				}
				if i := differ(got, want); i >= 0 {
					t.Errorf("%v, %d rows, %d processors: element %d is %v, %v with one", f, m, procs, i, got[i], want[i])
				}
			}
		}
	}
}

// TestHalves: all 65,536 halves are converted correctly.
func TestHalves(t *testing.T) {
	withISA(t, "halves", func(t *testing.T) {
		if active.packed.halves == nil {
			t.Skip("plain Go alone")
		}
		var src []byte
		for h := range 1 << 16 {
			src = binary.LittleEndian.AppendUint16(src, uint16(h))
		}
		got := make([]float32, 1<<16)
		halves(got, src)
		for h, v := range got {
			if want := FromHalf(uint16(h)); math.Float32bits(v) != math.Float32bits(want) && !(v != v && want != want) {
				t.Fatalf("half %#04x is %v, want %v", h, v, want)
			}
		}
	})
}

func checkGemmPacked(t *testing.T, rng *rand.Rand, rows, m int, b *Packed, decoded []float32) {
	t.Helper()
	n, k := b.Rows, b.Cols
	a := make([]float32, m*k)
	for i := range a {
		a[i] = float32(rng.NormFloat64())
		if m == 3 { // special ones
			a[i] = []float32{0, float32(math.Copysign(0, -1)), 1e-42, -1e-45, 3e38, 1, -2.5}[rng.IntN(7)]
		}
		if m == 5 && rng.IntN(400) == 0 {
			a[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
		}
	}
	got, want := make([]float32, m*n), make([]float32, m*n)
	for i := range got {
		got[i] = 7
	}
	GemmPacked(Float32, rows, m, a, b, got)
	GemmLike(Float32, rows, false, true, m, n, k, 1, a, k, decoded, k, 0, want, n)
	if i := differ(got, want); i >= 0 {
		t.Fatalf("%v, %d×%d×%d like %d rows: element %d is %v, want %v", b.Format, m, n, k, rows, i, got[i], want[i])
	}
}

// BenchmarkGemmPacked reads matrices of GPT-2's size that together do not fit into a cache.
func BenchmarkGemmPacked(b *testing.B) {
	const count = 40
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range []struct{ m, n, k int }{{1, 3072, 768}, {1, 768, 3072}, {8, 3072, 768}} {
		a, c := make([]float32, s.m*s.k), make([]float32, s.m*s.n)
		for i := range a {
			a[i] = float32(rng.NormFloat64())
		}
		for _, f := range allFormats {
			w := randomPacked(b, rng, f, s.n*count, s.k)
			b.Run(fmt.Sprintf("%v/%dx%dx%d", f, s.m, s.n, s.k), func(b *testing.B) {
				b.SetBytes(int64(w.Bytes() / count))
				at := 0
				for b.Loop() {
					part := w.Part(at*s.n, s.n)
					GemmPacked(Float32, s.m, s.m, a, &part, c)
					at = (at + 1) % count
				}
			})
		}
	}
}

// TestPackError: if several numbers cannot be packed, the error names the first of them, whichever goroutine is
// faster.
func TestPackError(t *testing.T) {
	const rows, cols = 64, decodeGrain / 2
	x := make([]float32, rows*cols)
	for row := 1; row < rows; row++ {
		x[row*cols] = float32(math.Inf(1))
	}
	want := fmt.Sprintf("element %d: +Inf cannot be encoded in Q8_0", cols)
	for range 20 {
		if _, err := Pack(Q8_0, rows, cols, x); err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
}
