package weights

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		got := kernel.FromHalf(uint16(h))
		fraction, exponent := float64(h&0x3ff), h>>10&0x1f
		var want float64
		switch {
		case exponent == 0x1f && fraction != 0:
			want = math.NaN()
		case exponent == 0x1f:
			want = math.Inf(1)
		case exponent == 0:
			want = math.Ldexp(fraction/1024, -14)
		default:
			want = math.Ldexp(1+fraction/1024, exponent-15)
		}
		if h>>15 == 1 {
			want = math.Copysign(want, -1)
		}
		if math.IsNaN(want) != (got != got) || got == got && math.Float64bits(float64(got)) != math.Float64bits(want) {
			t.Fatalf("half %#04x = %v, want %v", h, got, want)
		}
	}
}

// portable runs a test twice, the second time as on a big-endian machine, where numbers are converted one by one.
func portable(t *testing.T, f func(t *testing.T)) {
	t.Run("native", f)
	t.Run("portable", func(t *testing.T) {
		was := littleEndian
		littleEndian = false
		defer func() { littleEndian = was }()
		f(t)
	})
}

// nearest finds the nearest of two neighbors with float64 arithmetic; ties go to the even one.
func nearest(v float32, below, above uint16, value func(uint16) float32) uint16 {
	lower, upper := float64(v)-float64(value(below)), float64(value(above))-float64(v)
	if lower < upper || lower == upper && below%2 == 0 {
		return below
	}
	return above
}

// TestNarrow converts every F16 and every BF16 number, and numbers between neighbors.
func TestNarrow(t *testing.T) {
	for _, kind := range []struct {
		name     string
		infinite uint16 // the bits of infinity; smaller ones are finite
		widen    func(uint16) float32
		narrow   func(float32) uint16
	}{
		{"F16", 0x7c00, kernel.FromHalf, kernel.ToHalf},
		{"BF16", 0x7f80, func(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }, kernel.ToBrain},
	} {
		for h := range kind.infinite {
			v := kind.widen(h)
			for sign, s := range map[uint16]float32{0: 1, 0x8000: -1} {
				if got := kind.narrow(s * v); got != h|sign {
					t.Fatalf("%s: %v becomes %#04x, want %#04x", kind.name, s*v, got, h|sign)
				}
			}
			if h+1 == kind.infinite {
				continue
			}
			above := kind.widen(h + 1)
			middle := v + (above-v)/2
			for _, x := range []float32{middle, math.Nextafter32(middle, 0), math.Nextafter32(middle, above), math.Nextafter32(v, above)} {
				if got, want := kind.narrow(x), nearest(x, h, h+1, kind.widen); got != want {
					t.Fatalf("%s: %v becomes %#04x, want %#04x", kind.name, x, got, want)
				}
			}
		}
		if got := kind.narrow(float32(math.Inf(1))); got != kind.infinite {
			t.Errorf("%s: infinity becomes %#04x", kind.name, got)
		}
		if got := kind.widen(kind.narrow(float32(math.NaN()))); got == got {
			t.Errorf("%s: NaN becomes %v", kind.name, got)
		}
	}
}

func TestEncode(t *testing.T) {
	portable(t, func(t *testing.T) {
		want := make([]float32, 40_001) // more than one conversion buffer holds
		for i := range want {
			want[i] = float32(i%256-128) / 64
		}
		for _, kind := range []DType{F32, F16, BF16} {
			var b bytes.Buffer
			if err := Write(&b, want, kind); err != nil {
				t.Fatal(err)
			}
			if b.Len() != len(want)*kind.Width() {
				t.Errorf("%s: %d bytes", kind, b.Len())
			}
			got := make([]float32, len(want))
			f := NewFile("x", bytes.NewReader(append([]byte{1, 2}, b.Bytes()...)), int64(b.Len()+2))
			if err := f.Floats(got, kind, 2); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: values differ", kind)
			}
		}
		odd := []float32{float32(math.Copysign(0, -1)), math.Float32frombits(0x7fc00123), math.SmallestNonzeroFloat32}
		bits, got := make([]byte, 12), make([]float32, 3)
		if err := Encode(bits, odd, F32); err != nil {
			t.Fatal(err)
		}
		Decode(got, bits, F32)
		for i := range odd {
			if math.Float32bits(got[i]) != math.Float32bits(odd[i]) {
				t.Errorf("%#08x becomes %#08x", math.Float32bits(odd[i]), math.Float32bits(got[i]))
			}
		}
	})
}

func TestEncodeErrors(t *testing.T) {
	b := make([]byte, 8)
	for _, test := range []struct {
		x    float32
		kind DType
		want string
	}{
		{65519, F16, ""},
		{-65520, F16, "-65520 is too large for F16, whose largest is 65504"},
		{math.MaxFloat32, BF16, "3.4028235e+38 is too large for BF16, whose largest is 3.3895314e+38"},
		{float32(math.Inf(1)), F16, ""},
		{1, "F64", "cannot write F64, only F32, F16, BF16, Q8_0, Q4_0, Q4_1 and MXFP4"},
	} {
		err := Encode(b, []float32{test.x}, test.kind)
		if got := fmt.Sprint(err); err != nil && got != test.want || err == nil && test.want != "" {
			t.Errorf("%v as %s: error %v, want %q", test.x, test.kind, err, test.want)
		}
		if err := Write(io.Discard, []float32{test.x}, test.kind); (err == nil) != (test.want == "") {
			t.Errorf("Write of %v as %s: %v", test.x, test.kind, err)
		}
	}
}
