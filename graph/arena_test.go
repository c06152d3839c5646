package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
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

// TestBorrow: programs take turns in one memory, also one that borrows from a borrower; a larger
// one keeps its own, and one that has run cannot borrow any more.
func TestBorrow(t *testing.T) {
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
	long, ofLong := compile(64)
	short, ofShort := compile(16)
	longer, ofLonger := compile(128)
	shorter, ofShorter := compile(8)
	for p, from := range map[*Program]*Program{short: long, longer: long} {
		if err := p.Borrow(from); err != nil {
			t.Fatal(err)
		}
	}
	if err := shorter.Borrow(short); err != nil { // of what short has borrowed itself
		t.Fatal(err)
	}
	for range 2 {
		for _, c := range []struct {
			p    *Program
			y    *G.Node
			want float32
		}{{short, ofShort, 64}, {long, ofLong, 256}, {longer, ofLonger, 512}, {shorter, ofShorter, 32}} {
			if err := c.p.Run(); err != nil {
				t.Fatal(err)
			}
			for _, v := range c.p.Value(c.y) {
				if v != c.want {
					t.Fatalf("%v, want %v", v, c.want)
				}
			}
		}
	}
	for p, want := range map[*Program]bool{short: true, shorter: true, longer: false} {
		if got := &p.arena.memory()[0] == &long.arena.memory()[0]; got != want {
			t.Errorf("%d bytes in the memory of %d: %v, want %v", p.PlannedBytes(), long.PlannedBytes(), got, want)
		}
	}
	for what, err := range map[string]error{"after a run": short.Borrow(longer), "from itself": long.Borrow(long), "from none": long.Borrow(nil)} {
		if err == nil {
			t.Errorf("borrowed %s", what)
		}
	}
	late, ofLate := compile(16)
	if err := late.Borrow(long); err != nil { // which has run
		t.Fatal(err)
	}
	if err := late.Run(); err != nil || late.Value(ofLate)[15] != 64 {
		t.Errorf("%v, %v", late.Value(ofLate), err)
	}
}
