package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func init() { settlePairs() }

// withPairs runs f as a subtest for each instruction set that has products in bfloat16: those of this machine and
// two in plain Go. The other kernels are the best available. f is told whether the set is plain Go, which is
// slow.
func withPairs(t *testing.T, name string, f func(t *testing.T, plain bool)) {
	before := activePairs
	defer func() { activePairs = before }()
	for _, s := range append(supportedPairs[:len(supportedPairs):len(supportedPairs)], &amxModel) {
		plain := s == &genericPairs || s == &amxModel
		set := *s
		set.vec = supported[0].vec
		activePairs = &set
		kind := s.name
		if plain && s != &genericPairs {
			kind += " in plain Go"
		}
		t.Run(name+"/"+kind, func(t *testing.T) { f(t, plain) })
	}
}

// sums names the order of additions, which an instruction set and its twin in plain Go have in common.
func sums() string {
	if activePairs.pairs.row != nil {
		return "amx"
	}
	return "avx512bf16"
}

// bits16 returns n float32s, some of which are special cases for arithmetic: zeros, subnormal numbers,
// infinities, NaN, ties between two bfloat16 numbers, and the largest and smallest numbers.
func bits16(rng *rand.Rand, n int) []float32 {
	special := []uint32{
		0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
		0x7fc00000, 0xffc00001, 0x7f800001, 0x3f808000, 0x3f818000, 0xbf808000, 0x3f807fff, 0x3f808001, 0x7f7f8000, 0x7f7f7fff, 0x1f800000, 0x9f810000, 0x20000000,
	}
	x := make([]float32, n)
	for i := range x {
		switch rng.IntN(8) {
		case 0:
			x[i] = math.Float32frombits(special[rng.IntN(len(special))])
		case 1:
			x[i] = math.Float32frombits(rng.Uint32())
		case 2: // sums of products about the smallest normal number
			x[i] = float32(math.Ldexp(rng.NormFloat64(), -63-rng.IntN(4)))
		default:
			x[i] = float32(math.Ldexp(rng.NormFloat64(), rng.IntN(12)-6))
		}
	}
	return x
}

// sameBits reports whether two numbers have the same bits or are both NaN.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// TestRoundBFloat16 compares with the definition: the nearer of the two neighboring numbers, or the even one.
func TestRoundBFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range bits16(rng, 100000) {
		got := math.Float32frombits(roundBFloat16(x) << 16)
		b := math.Float32bits(x)
		low, high := math.Float32frombits(b&0xffff0000), math.Float32frombits(b&0xffff0000+0x10000)
		down, up := math.Abs(float64(x)-float64(low)), math.Abs(float64(high)-float64(x))
		if math.IsInf(float64(high), 0) { // as if there were a next number
			up = math.Abs(math.Copysign(0x1p128, float64(x)) - float64(x))
		}
		want := low
		switch {
		case x != x:
			if got == got || b>>31 != math.Float32bits(got)>>31 {
				t.Fatalf("NaN %08x became %08x", b, math.Float32bits(got))
			}
			continue
		case b&0x7f800000 == 0:
			want = float32(math.Copysign(0, float64(x)))
		case math.IsInf(float64(x), 0):
		case up < down, up == down && b>>16&1 == 1:
			want = high
		}
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("%v (%08x) became %v, want %v", x, b, got, want)
		}
	}
}

// TestPairsAsAssembly packs and multiplies 10⁶ random and special numbers in plain Go and in assembly, and
// requires the same bits.
func TestPairsAsAssembly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, s := range supportedPairs {
		if s == &genericPairs {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			const cols = 32
			rows := genericPairs.rows
			for range 1_000_000 / (rows * cols) {
				k := 1 + rng.IntN(7)
				a, b := bits16(rng, rows*k), bits16(rng, cols*k)
				c := bits16(rng, rows*cols)
				beta := []float32{0, 1, -0.5}[rng.IntN(3)]
				pack := func(set *isa, width int, zip func(k int, dst, src *float32, lds int, mask uint32), src []float32) []float32 {
					dst := make([]float32, width*(k+1)/2+width)
					zip(k, &dst[0], &src[0], width, columnMask(width))
					return dst[:(k+1)/2*width]
				}
				pa, wantA := pack(s, rows, s.pairs.zipA, a), pack(&genericPairs, rows, genericPairs.pairs.zipA, a)
				pb, wantB := pack(s, cols, s.pairs.zipB, b), pack(&genericPairs, cols, genericPairs.pairs.zipB, b)
				wantSameWords(t, "A", pa, wantA)
				wantSameWords(t, "B", pb, wantB)
				got, want := slices.Clone(c), slices.Clone(c)
				s.tiles[rows-1]((k+1)/2, &pa[0], 1, rows, &pb[0], cols, &got[0], cols, 1, beta, math.MaxUint32, nowhere, 0, 1)
				genericPairs.tiles[rows-1]((k+1)/2, &pa[0], 1, rows, &pb[0], cols, &want[0], cols, 1, beta, math.MaxUint32, nowhere, 0, 1)
				for i := range got {
					if !sameBits(got[i], want[i]) {
						t.Fatalf("sum of %d, beta %v: element %d is %v (%08x) in assembly, %v (%08x) in Go", k, beta, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
					}
				}
			}
		})
	}
}

func wantSameWords(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range got {
		if g, w := math.Float32bits(got[i]), math.Float32bits(want[i]); g != w {
			t.Fatalf("pair %d of %s is %08x in assembly, %08x in Go", i, what, g, w)
		}
	}
}

// TestFuse compares with the fused multiply-add of float64 where that is exact, and at ties that two roundings would miss.
func TestFuse(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200000 {
		x, y, z := float32(rng.NormFloat64()), float32(rng.NormFloat64()), float32(math.Ldexp(rng.NormFloat64(), rng.IntN(4)))
		if got, want := fuse(x, y, z), float32(math.FMA(float64(x), float64(y), float64(z))); got != want {
			// The float64 result has already been rounded once; if both differ, the exact sum lies between them.
			exact := math.FMA(float64(x), float64(y), float64(z))
			if math.Abs(float64(got)-exact) > math.Abs(float64(want)-exact) {
				t.Fatalf("fuse(%v, %v, %v) is %v, want %v", x, y, z, got, want)
			}
		}
	}
	for _, c := range []struct{ x, y, z, want float32 }{
		{1 + 0x1p-12, 1 + 0x1p-12, 0x1p30, 0x1p30},                                  // lost
		{0x1p-40, 1, 1 + 0x1p-23, 1 + 0x1p-23},                                      // below half a unit
		{1 + 0x1p-7, 0x1p-24, 1, 1 + 0x1p-23},                                       // just above a tie
		{-0x1p-60, 1, 1 + 0x1p-24*0 + 0x1p-23, 1 + 0x1p-23},                         // a hair below
		{0x1p-24, 1 + 0x1p-7, 1 + 0x1p-23, 1 + 0x1p-22},                             // above a tie, to an even one
		{0x1p-24, 1 - 0x1p-8, 1 + 0x1p-23, 1 + 0x1p-23},                             // below it
		{0x1p-24, 1, 1 + 0x1p-23, 1 + 0x1p-22},                                      // a tie
		{0x1p127, 2, float32(math.Inf(-1)), float32(math.Inf(-1))},                  // infinite
		{math.MaxFloat32, 1, 0x1p103, float32(math.Inf(1))},                         // beyond
		{math.MaxFloat32, 1, 0x1p103 - 0x1p80, math.MaxFloat32},                     // not quite
		{-math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, float32(math.Inf(-1))}, // a product that is beyond
	} {
		if got := fuse(c.x, c.y, c.z); got != c.want {
			t.Errorf("fuse(%v, %v, %v) is %v, want %v", c.x, c.y, c.z, got, c.want)
		}
	}
}

// TestChoosePairs asks for every name there may be in GORGPT_ISA.
func TestChoosePairs(t *testing.T) {
	best := supportedPairs[0]
	if best == &genericPairs { // never chosen unless it is named
		best = nil
	}
	for _, name := range []string{"", "sse9", "AVX2"} {
		if got := choosePairs(name); got != best {
			t.Errorf("choosePairs(%q) is %v, want %v", name, got, best)
		}
	}
	for _, s := range supportedPairs {
		if got := choosePairs(s.name); got != s {
			t.Errorf("choosePairs(%q) is %v", s.name, got)
		}
	}
	for _, s := range supported[:len(supported)-1] {
		if got := choosePairs(s.name); got != nil {
			t.Errorf("choosePairs(%q) is %s, want none", s.name, got.name)
		}
	}
}

// TestPrecisionMissing checks the error if there are no products in bfloat16.
func TestPrecisionMissing(t *testing.T) {
	before := activePairs
	defer func() { activePairs = before }()
	activePairs = nil
	if err := BFloat16.Check(); err == nil || BFloat16.ISA() != "" {
		t.Errorf("it is missing, but Check says %v and ISA %q", err, BFloat16.ISA())
	}
	if err := Float32.Check(); err != nil || Float32.ISA() != active.name {
		t.Errorf("float32: %v, %q", err, Float32.ISA())
	}
	if err := Precision(7).Check(); err == nil {
		t.Error("Precision(7) passes")
	}
}
