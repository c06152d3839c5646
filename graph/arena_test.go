package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/tensor"
)

// TestLend: what is lent at one moment never overlaps, begins at a cache line, and takes
// little more than the largest sum of what is needed at one moment.
func TestLend(t *testing.T) {
	const moments = 40
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var loans []loan
		for range 1 + random.IntN(60) {
			from := random.IntN(moments)
			r := &result{shape: tensor.Shape{1 + random.IntN(100), 1 + random.IntN(10)}}
			loans = append(loans, loan{r, from, from + random.IntN(min(8, moments-from))})
		}
		a := new(arena)
		a.lend(slices.Clone(loans))
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
				if l.at%lineFloats != 0 || l.at+l.shape.TotalSize() > a.size {
					t.Fatalf("%v lies at %d of %d", l.shape, l.at, a.size)
				}
				if i > 0 && now[i-1].at+now[i-1].shape.TotalSize() > l.at {
					t.Fatalf("moment %d: %v at %d overlaps %v at %d", m, now[i-1].shape, now[i-1].at, l.shape, l.at)
				}
			}
		}
		if a.size > least*13/10 {
			t.Errorf("%d elements for a peak of %d", a.size, least)
		}
	}
}
