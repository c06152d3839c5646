package graph

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestLend: loans of the same moment never overlap and begin at a cache line. largestFirst takes little more memory
// than the largest sum of the loans of one moment, and inTurn takes no more than that if all sizes are equal.
func TestLend(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		various, alike := randomLoans(random, 100), randomLoans(random, 1)
		var largest, turns, same layout
		largest.largestFirst(slices.Clone(various))
		checkLoans(t, largest, various, 1.3)
		turns.inTurn(slices.Clone(various))
		checkLoans(t, turns, various, math.Inf(1))
		same.inTurn(slices.Clone(alike))
		checkLoans(t, same, alike, 1)
	}
}

const moments = 40

// randomLoans returns loans of up to sizes different sizes, in the order of their first moments.
func randomLoans(random *rand.Rand, sizes int) (loans []loan) {
	for range 1 + random.IntN(60) {
		from := random.IntN(moments)
		r := &result{shape: tensor.Shape{1 + random.IntN(sizes), 1 + random.IntN(10)}}
		loans = append(loans, loan{r, from, from + random.IntN(min(8, moments-from))})
	}
	slices.SortStableFunc(loans, func(x, y loan) int { return x.from - y.from })
	return loans
}

// checkLoans checks the places of loans in a layout, and that its size is at most times the largest sum.
func checkLoans(t *testing.T, in layout, loans []loan, times float64) {
	t.Helper()
	var least int
	for m := range moments {
		var now []loan
		sum := 0
		for _, l := range loans {
			if l.from <= m && m <= l.to {
				now = append(now, l)
				sum += (l.shape.TotalSize() + lineFloats - 1) / lineFloats * lineFloats
			}
		}
		least = max(least, sum)
		slices.SortFunc(now, func(x, y loan) int { return x.at - y.at })
		for i, l := range now {
			if l.at%lineFloats != 0 || l.at+l.shape.TotalSize() > in.size {
				t.Fatalf("%v lies at %d of %d", l.shape, l.at, in.size)
			}
			if i > 0 && now[i-1].at+now[i-1].shape.TotalSize() > l.at {
				t.Fatalf("moment %d: %v at %d overlaps %v at %d", m, now[i-1].shape, now[i-1].at, l.shape, l.at)
			}
		}
	}
	if float64(in.size) > float64(least)*times {
		t.Errorf("%d elements for a peak of %d", in.size, least)
	}
}

// TestShare: programs share memory of the size that the largest of them needs, even if that one
// joins after others have run.
func TestShare(t *testing.T) {
	compile := func(size int) (*Program, *G.Node) {
		s := New(NewParams(1))
		y := double(s, double(s, s.Floats("x", size)))
		p, err := s.Compile(y)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.SetFloats("x", slices.Repeat([]float32{float32(size)}, size)); err != nil {
			t.Fatal(err)
		}
		return p, y
	}
	var shared Arena
	var programs []*Program
	var outs G.Nodes
	for _, size := range []int{16, 64, 8, 128} {
		p, y := compile(size)
		p.Share(&shared)
		programs, outs = append(programs, p), append(outs, y)
		for range 2 {
			for i, p := range programs {
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				got := p.Value(outs[i])
				if want := slices.Repeat([]float32{4 * float32(len(got))}, len(got)); !slices.Equal(got, want) {
					t.Fatalf("%v, want %v", got, want)
				}
			}
		}
	}
	largest := programs[3]
	if shared.Bytes() != largest.PlannedBytes() || shared.Bytes() != 2*4*128 {
		t.Errorf("%d bytes, of which the largest needs %d", shared.Bytes(), largest.PlannedBytes())
	}
	for _, p := range programs {
		if p.layout.base != &shared.data[0] {
			t.Errorf("a program of %d bytes lies elsewhere", p.PlannedBytes())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
