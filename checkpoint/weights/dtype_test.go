package weights

import (
	"math"
	"testing"
)

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		got := fromHalf(uint16(h))
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
