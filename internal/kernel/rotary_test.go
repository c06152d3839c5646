package kernel

import (
	"math/cmplx"
	"slices"
	"testing"
)

// TestTurns: rotating heads multiplies complex numbers by e^(i·angle), and rotating back restores them. The bits
// are those of plain Go, and nothing outside the row is written.
func TestTurns(t *testing.T) {
	const heads, position, factor, sentinel = 3, 5, 1.25, 12345
	for pairs := 1; pairs <= 50; pairs++ {
		frequencies := make([]float64, pairs)
		for m := range frequencies {
			frequencies[m] = 1 / float64(m+1)
		}
		for _, more := range []int{0, 3} { // columns that stay
			for _, interleaved := range []bool{false, true} {
				turns := Turns{Size: 2*pairs + more, Pairs: pairs, Interleaved: interleaved}
				table := turns.Table(position+1, frequencies, factor)
				x := normals(uint64(pairs), heads*turns.Size)
				var plain []float32
				for _, s := range append([]*isa{{name: "plain Go", vec: vectorsGeneric}}, supported...) {
					before := active
					active = s
					out := slices.Repeat([]float32{sentinel}, len(x)+40)
					turns.Row(out[20:20+len(x)], x, table, position, 1)
					back := slices.Clone(out[20 : 20+len(x)])
					turns.Row(back, back, table, position, -1)
					active = before
					if plain == nil {
						plain = out
						checkTurned(t, turns, out[20:], x, frequencies, position, factor)
					}
					if !slices.Equal(bitsOf(out), bitsOf(plain)) {
						t.Fatalf("%s: %+v gives other bits than plain Go, or writes beside the row", s.name, turns)
					}
					for i, v := range back {
						want := float64(x[i])
						if i%turns.Size < 2*pairs {
							want *= factor * factor
						}
						if d := float64(v) - want; !(d*d < 1e-12*(1+want*want)) {
							t.Fatalf("%s: %+v: element %d is %v, turned back %v", s.name, turns, i, x[i], v)
						}
					}
				}
			}
		}
	}
}

// checkTurned compares a row with complex numbers.
func checkTurned(t *testing.T, turns Turns, out, x []float32, frequencies []float64, position int, factor float64) {
	for at := 0; at < len(x); at += turns.Size {
		want := slices.Clone(x[at : at+turns.Size])
		for m, f := range frequencies {
			i, j := m, m+turns.Pairs
			if turns.Interleaved {
				i, j = 2*m, 2*m+1
			}
			z := complex(float64(x[at+i]), float64(x[at+j])) * cmplx.Rect(factor, float64(position)*f)
			want[i], want[j] = float32(real(z)), float32(imag(z))
		}
		for i, v := range want {
			if d := float64(out[at+i] - v); !(d*d < 1e-12*(1+float64(v*v))) {
				t.Fatalf("%+v: column %d of the head from %d on is %v, want %v", turns, i, at, out[at+i], v)
			}
		}
	}
}
