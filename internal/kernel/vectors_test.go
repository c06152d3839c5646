package kernel

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elementCase is an element-wise kernel with two inputs; first is the index of their first element in a longer
// slice.
type elementCase struct {
	name string
	run  func(v *vectors, first int, out, a, b []float32)
	// want returns the exact value for elements of a and b, and the largest term.
	want func(i int, a, b float64) (y, term float64)
	ulps float64 // bound on the error in units of that term
}

const mean, rstd = 0.25, 1.5

var testMask = NewMask(0.3, 1, 2, 3)

// The bounds count roundings: half a unit for a product, up to one unit of its largest term for a sum, for an
// argument of exp as much as its magnitude, and twice these if a product is in the next binade.
var elementCases = []elementCase{
	{"add", func(v *vectors, _ int, out, a, b []float32) { v.add(out, a, b) },
		func(_ int, a, b float64) (y, term float64) { return a + b, max(math.Abs(a), math.Abs(b)) }, 1},
	{"mul", func(v *vectors, _ int, out, a, b []float32) { v.mul(out, a, b) },
		func(_ int, a, b float64) (y, term float64) { return a * b, a * b }, 0.5},
	{"sigmoidGrad", func(v *vectors, _ int, out, a, b []float32) { v.sigmoidGrad(out, a, b) },
		func(_ int, a, b float64) (y, term float64) { return b * a * (1 - a), b * a * (1 + math.Abs(a)) }, 3},
	{"softCapGrad", func(v *vectors, _ int, out, a, b []float32) { v.softCapGrad(out, a, b, 5) },
		func(_ int, a, b float64) (y, term float64) { return b * (1 - a*a/25), b * max(a*a/25, 1) }, 4},
	{"axpy", func(v *vectors, _ int, out, a, b []float32) { copy(out, a); v.axpy(out, 0.5, b) },
		func(_ int, a, b float64) (y, term float64) { return a + 0.5*b, max(math.Abs(a), math.Abs(b)) }, 1},
	{"scale", func(v *vectors, _ int, out, a, _ []float32) { v.scale(out, a, 3) },
		func(_ int, a, _ float64) (y, term float64) { return 3 * a, 3 * a }, 0.5},
	{"expScale", func(v *vectors, _ int, out, a, _ []float32) { v.expScale(out, a, 0.25, 3) },
		func(_ int, a, _ float64) (y, term float64) { y = 3 * math.Exp(a-0.25); return y, y }, 4},
	{"expSum", func(v *vectors, _ int, out, a, _ []float32) { v.expSum(out, a, 0.25) },
		func(_ int, a, _ float64) (y, term float64) { y = math.Exp(a - 0.25); return y, y }, 4},
	{"softmaxGrad", func(v *vectors, _ int, out, a, b []float32) { v.softmaxGrad(out, a, b, 0.5) },
		func(_ int, a, b float64) (y, term float64) { return a * (b - 0.5), a * max(math.Abs(b), 0.5) }, 3},
	{"logSoftmax", func(v *vectors, _ int, out, a, _ []float32) { v.logSoftmax(out, a, 3, 0x1p-25) },
		func(_ int, a, _ float64) (y, term float64) { return a - 3 - 0x1p-25, max(math.Abs(a), 3) }, 2},
	{"logSoftmaxGrad", func(v *vectors, _ int, out, a, b []float32) { v.logSoftmaxGrad(out, a, b, 0.5) },
		func(_ int, a, b float64) (y, term float64) {
			e := 0.5 * math.Exp(a)
			return b - e, max(math.Abs(b), e)
		}, 2.5},
	{"normalize", func(v *vectors, _ int, out, a, b []float32) { v.normalize(out, a, b, a, mean, rstd) },
		func(_ int, a, b float64) (y, term float64) {
			y = (a - mean) * rstd * b
			return y + a, max(math.Abs(y), math.Abs(a), math.Abs(rstd*b))
		}, 3},
	{"normalize without bias", func(v *vectors, _ int, out, a, b []float32) { v.normalize(out, a, b, nil, mean, rstd) },
		func(_ int, a, b float64) (y, term float64) {
			return (a - mean) * rstd * b, max(math.Abs(a), mean) * rstd * b
		}, 3},
	{"normGrad", func(v *vectors, _ int, out, a, b []float32) { v.normGrad(out, a, b, b, mean, rstd, 0.5, 0.125) },
		func(_ int, a, b float64) (y, term float64) {
			x := (b - mean) * rstd
			return rstd * (a*b - 0.5 - x*0.125), rstd * max(math.Abs(a*b), 0.5, math.Abs(b)*rstd*0.125)
		}, 4},
	{"dropout", func(v *vectors, first int, out, a, _ []float32) {
		v.dropout(out, a, testMask.key, uint64(testMask.threshold)<<32, testMask.scale, uint64(first))
	}, func(i int, a, _ float64) (y, term float64) { y = a * float64(testMask.At(uint64(i))); return y, y }, 0.5},
	{"adamW", func(v *vectors, _ int, out, a, b []float32) {
		copy(out, a)
		c := AdamW{Clip: 0.5, Shrink: 0.75, Fresh1: 0.5, Beta2: 0.5, Fresh2: 0.5, Rate: 0.25, Root: 2, Eps: 1}
		v.adamW(&c, out, slices.Clone(b), slices.Clone(b), make([]float32, len(a)))
	}, func(_ int, a, b float64) (y, term float64) {
		m, second := 0.75*b, 0.125*b*b
		step := 0.25 * m / (2*math.Sqrt(second) + 1)
		return 0.75*a - step, max(math.Abs(a), math.Abs(step))
	}, 3},
}

func init() {
	for _, c := range functionCases {
		elementCases = append(elementCases, elementCase{
			c.name,
			func(v *vectors, _ int, out, a, _ []float32) { c.run(v, out, a) },
			func(_ int, a, _ float64) (y, term float64) { return c.want(a) },
			c.ulps,
		})
	}
}

// bitsOf returns the bits of x, so that NaNs can be compared.
func bitsOf(x []float32) []uint32 {
	bits := make([]uint32, len(x))
	for i, v := range x {
		bits[i] = math.Float32bits(v)
	}
	return bits
}

func TestElementKernels(t *testing.T) {
	const n = 5000
	a, b := normals(1, n), normals(2, n)
	for _, s := range supported {
		for _, c := range elementCases {
			out := make([]float32, n)
			c.run(&s.vec, 0, out, a, b)
			for i := range out {
				want, term := c.want(i, float64(a[i]), float64(b[i]))
				if u := ulps(out[i], want, term); !(u <= c.ulps) {
					t.Errorf("%s: %s of %v, %v is %v, want %v: off by %.1f units, allowed are %v", s.name, c.name, a[i], b[i], out[i], want, u, c.ulps)
					break
				}
			}
		}
	}
}

// TestElementKernelsAnywhere: an element has the same bits wherever the slice that holds it begins and ends, and
// nothing outside the slice is written.
func TestElementKernelsAnywhere(t *testing.T) {
	const n, sentinel = 132, 12345
	a, b := normals(1, n), normals(2, n)
	a[40], a[77], b[50], a[90] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-41
	for _, s := range supported {
		for _, c := range elementCases {
			whole := make([]float32, n)
			c.run(&s.vec, 0, whole, a, b)
			out := make([]float32, n)
			for lo := range 32 {
				for hi := lo; hi <= lo+100; hi++ {
					for i := range out {
						out[i] = sentinel
					}
					c.run(&s.vec, lo, out[lo:hi], a[lo:hi], b[lo:hi])
					want := slices.Repeat([]float32{sentinel}, n)
					copy(want[lo:hi], whole[lo:hi])
					if !slices.Equal(bitsOf(out), bitsOf(want)) {
						t.Fatalf("%s: %s on elements %d to %d gives other bits than on all, or writes beside them", s.name, c.name, lo, hi)
					}
				}
			}
		}
	}
}

// rowCase is a kernel that sums over a row, or takes its maximum.
type rowCase struct {
	name  string
	run   func(v *vectors, a, b []float32) float64
	want  func(a, b float64) float64 // a term of the sum
	start float64
}

var rowCases = []rowCase{
	{"sum", func(v *vectors, a, _ []float32) float64 { return float64(v.sum(a)) }, func(a, _ float64) float64 { return a }, 0},
	{"dot", func(v *vectors, a, b []float32) float64 { return float64(v.dot(a, b)) }, func(a, b float64) float64 { return a * b }, 0},
	{"sumExp", func(v *vectors, a, _ []float32) float64 { return float64(v.sumExp(a, 0.5)) },
		func(a, _ float64) float64 { return math.Exp(a - 0.5) }, 0},
	{"expSum", func(v *vectors, a, _ []float32) float64 { return float64(v.expSum(make([]float32, len(a)), a, 0.5)) },
		func(a, _ float64) float64 { return math.Exp(a - 0.5) }, 0},
	{"squares", func(v *vectors, a, _ []float32) float64 { return float64(v.squares(a, mean)) },
		func(a, _ float64) float64 { return (a - mean) * (a - mean) }, 0},
	{"normSums s", func(v *vectors, a, b []float32) float64 {
		s, _ := v.normSums(a, a, b, mean, rstd)
		return float64(s)
	}, func(a, b float64) float64 { return a * b }, 0},
	{"normSums d", func(v *vectors, a, b []float32) float64 {
		_, d := v.normSums(a, a, b, mean, rstd)
		return float64(d)
	}, func(a, b float64) float64 { return a * b * (a - mean) * rstd }, 0},
	{"sumSquares", func(v *vectors, a, _ []float32) float64 { return v.sumSquares(a) },
		func(a, _ float64) float64 { return a * a }, 0},
}

// tolSum bounds the error of a sum of up to 5000 terms in at least 8 partial sums, relative to the sum of their
// absolute values: some roundings of each term, and of the partial sums as they grow.
const tolSum = 5e-7

func TestRowKernels(t *testing.T) {
	for _, n := range []int{0, 1, 2, 15, 16, 17, 63, 65, 768, 5000} {
		a, b := normals(uint64(n), n), normals(uint64(n)+1, n)
		for _, s := range supported {
			for _, c := range rowCases {
				var want, size float64
				for i := range a {
					term := c.want(float64(a[i]), float64(b[i]))
					want += term
					size += math.Abs(term)
				}
				if got := c.run(&s.vec, a, b); !(math.Abs(got-want) <= tolSum*size) {
					t.Errorf("%s: %s of %d elements is %v, want %v", s.name, c.name, n, got, want)
				}
			}
			if n > 0 {
				if got, want := s.vec.maximum(a), slices.Max(a); got != want {
					t.Errorf("%s: maximum of %d elements is %v, want %v", s.name, n, got, want)
				}
			}
		}
	}
}

// TestRowKernelsAnywhere: the bits of a sum do not depend on where the row is in memory.
func TestRowKernelsAnywhere(t *testing.T) {
	for n := range 101 {
		a, b := normals(uint64(n), n), normals(uint64(n)+1, n)
		for _, s := range supported {
			for _, c := range rowCases {
				want := c.run(&s.vec, a, b)
				for at := range 17 {
					x, y := append(normals(9, at), a...)[at:], append(normals(9, 2*at), b...)[2*at:]
					if got := c.run(&s.vec, x, y); got != want {
						t.Fatalf("%s: %s of %d elements at %d is %v, elsewhere %v", s.name, c.name, n, at, got, want)
					}
				}
			}
		}
	}
}

// TestRowKernelsKeepNaN: a NaN at any place in a row reaches every result.
func TestRowKernelsKeepNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, n := range []int{1, 2, 15, 16, 17, 64, 65, 100, 130} {
		for at := range n {
			a, b := normals(1, n), normals(2, n)
			a[at] = nan
			for _, s := range supported {
				for _, c := range rowCases {
					if got := c.run(&s.vec, a, b); got == got {
						t.Fatalf("%s: %s of %d elements with NaN at %d is %v", s.name, c.name, n, at, got)
					}
				}
				if got := s.vec.maximum(a); got == got {
					t.Fatalf("%s: maximum of %d elements with NaN at %d is %v", s.name, n, at, got)
				}
			}
		}
	}
}

func TestMaximumOfInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, s := range supported {
		for _, c := range []struct {
			x    []float32
			want float32
		}{
			{slices.Repeat([]float32{-inf}, 37), -inf},
			{append(slices.Repeat([]float32{-inf}, 37), -1e38), -1e38},
			{append([]float32{inf}, normals(1, 40)...), inf},
			{slices.Repeat([]float32{-3}, 9), -3}, // not the 0 of lanes that do not exist
		} {
			if got := s.vec.maximum(c.x); got != c.want {
				t.Errorf("%s: maximum of %v is %v, want %v", s.name, c.x, got, c.want)
			}
		}
	}
}

// TestColumnKernels compares sums over rows with float64, for parts of the columns: any part gives the same bits,
// and nothing outside it is written.
func TestColumnKernels(t *testing.T) {
	const width, sentinel = 75, 12345
	for _, rows := range []int{0, 1, 2, 3, 4, 5, 9} {
		dy, x := normals(1, rows*width), normals(2, rows*width)
		means, rstds := normals(3, rows), normals(4, rows)
		sums, gains, size := make([]float64, width), make([]float64, width), make([]float64, width)
		for r := range rows {
			for i := range width {
				d := float64(dy[r*width+i])
				g := d * (float64(x[r*width+i]) - float64(means[r])) * float64(rstds[r])
				sums[i] += d
				gains[i] += g
				size[i] += math.Abs(d) + math.Abs(g) + math.Abs(d*float64(means[r])*float64(rstds[r]))
			}
		}
		for _, s := range supported {
			whole, wholeGain := make([]float32, width), make([]float32, width)
			s.vec.sumRows(whole, dy, rows, width)
			if rows > 0 {
				s.vec.normGradParams(wholeGain, make([]float32, width), dy, x, means, rstds, width)
			}
			for i := range width {
				if d := math.Abs(float64(whole[i]) - sums[i]); !(d <= tolSum*size[i]) {
					t.Fatalf("%s: sumRows of %d rows: column %d is %v, want %v", s.name, rows, i, whole[i], sums[i])
				}
				if d := math.Abs(float64(wholeGain[i]) - gains[i]); !(d <= tolSum*size[i]) {
					t.Fatalf("%s: normGradParams of %d rows: column %d is %v, want %v", s.name, rows, i, wholeGain[i], gains[i])
				}
			}
			for lo := range width {
				for hi := lo; hi <= width; hi++ {
					parts := make([][]float32, 4)
					for i := range parts {
						parts[i] = slices.Repeat([]float32{sentinel}, width)
						clear(parts[i][lo:hi])
					}
					if rows > 0 {
						s.vec.sumRows(parts[0][lo:hi], dy[lo:], rows, width)
						s.vec.normGradParams(parts[1][lo:hi], parts[2][lo:hi], dy[lo:], x[lo:], means, rstds, width)
						s.vec.normGradParams(parts[3][lo:hi], nil, dy[lo:], x[lo:], means, rstds, width)
					}
					for i, want := range [][]float32{whole, wholeGain, whole, wholeGain} {
						full := slices.Repeat([]float32{sentinel}, width)
						copy(full[lo:hi], want[lo:hi])
						if !slices.Equal(parts[i], full) {
							t.Fatalf("%s: %d rows: result %d for columns %d to %d differs from that of all, or writes beside them", s.name, rows, i, lo, hi)
						}
					}
				}
			}
		}
	}
}

// TestSameBitsOnAnyISA: dropout and the updates of AdamW give the same bits on every machine.
func TestSameBitsOnAnyISA(t *testing.T) {
	const n = 1003
	x, key := normals(1, n), uint64(0x0123456789abcdef)
	for _, first := range []uint64{0, 5, 1<<32 - 500, 1<<63 - 500, math.MaxUint64 - 500} {
		for _, limit := range []uint64{1 << 32, 1 << 62, 1 << 63, 1<<63 + 1<<62, math.MaxUint32 << 32} {
			want := make([]float32, n)
			dropout(want, x, key, limit, 1.25, first)
			for _, s := range supported {
				got := make([]float32, n)
				s.vec.dropout(got, x, key, limit, 1.25, first)
				if !slices.Equal(bitsOf(got), bitsOf(want)) {
					t.Errorf("%s: dropout from %d on with limit %d differs from plain Go", s.name, first, limit)
				}
			}
		}
	}
	run := func(v *vectors) []float32 {
		w, m, second := normals(2, n), normals(3, n), normals(4, n)
		for i := range second {
			second[i] *= second[i]
		}
		m[3], second[3], m[4], second[4] = 0x1p-101, 0x1p-101, 0x1p-140, 0x1p-140 // become 0
		m[5] = float32(math.NaN())
		for step := range 3 {
			g := normals(uint64(step)+5, n)
			clear(g[:6])
			c := adamWConstants(step+1, 0.7, 0.1)
			v.adamW(&c, w, g, m, second)
		}
		return slices.Concat(w, m, second)
	}
	want := run(&vectorsGeneric)
	for _, s := range supported {
		if !slices.Equal(bitsOf(run(&s.vec)), bitsOf(want)) {
			t.Errorf("%s: adamW differs from plain Go", s.name)
		}
	}
}

// TestAVX2IsAVX2: the AVX2 kernels use no AVX-512 instructions. The assembler emits these silently, for example
// for registers from 16 on.
func TestAVX2IsAVX2(t *testing.T) {
	text, err := os.ReadFile("gen_vector_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	beyond := regexp.MustCompile(`\b[XYZ](1[6-9]|2\d|3[01])\b|\bK[0-7]\b|\bZ\d`)
	functions := 0
	for _, f := range strings.Split(string(text), "\n// func ")[1:] {
		name, _, _ := strings.Cut(f, "(")
		if !strings.HasSuffix(name, "AVX2") {
			continue
		}
		functions++
		if found := beyond.FindString(f); found != "" || strings.Contains(f, "Requires: AVX512") || strings.Contains(f, ", AVX512") {
			t.Errorf("%s uses AVX-512: %s", name, found)
		}
	}
	if functions < 20 {
		t.Errorf("%d functions found", functions)
	}
}

func ExampleISA() {
	fmt.Println(slices.Contains([]string{"avx512", "avx2", "generic"}, ISA()))
	// Output: true
}
