package graph_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// TestMemorySelect: sequences can continue from one another, even if they exchange places.
func TestMemorySelect(t *testing.T) {
	const batch, capacity, width = 3, 4, 2
	m := graph.NewCache(batch, capacity)
	s := graph.New(graph.NewParams(1), graph.Incremental(m))
	kept := s.At("a").Remember("x", width)
	if again := s.At("a").Remember("x", width); &again()[0] != &kept()[0] {
		t.Error("a second graph remembers elsewhere")
	}
	if want := int64(4 * batch * capacity * width); m.Bytes() != want {
		t.Errorf("%d bytes, want %d", m.Bytes(), want)
	}
	x := kept()
	for i := range x {
		x[i] = float32(i)
	}
	m.Select([]int{2, 0, 0}, 3)
	want := []float32{
		16, 17, 18, 19, 20, 21, 6, 7, // the fourth position was not used
		0, 1, 2, 3, 4, 5, 14, 15,
		0, 1, 2, 3, 4, 5, 22, 23,
	}
	if !slices.Equal(x, want) {
		t.Errorf("%v, want %v", x, want)
	}
	// A part of the cache is one of its sequences.
	part := m.Part(1, 1)
	s = graph.New(graph.NewParams(1), graph.Incremental(part))
	kept = s.At("a").Remember("x", width)
	if got := kept(); !slices.Equal(got, want[8:16]) || s.Past().Shape()[0] != 1 {
		t.Errorf("sequence 1 is %v, want %v", got, want[8:16])
	}
	part.MoveTo(2)
	if got := kept(); !slices.Equal(got, want[16:]) {
		t.Errorf("sequence 2 is %v, want %v", got, want[16:])
	}
	m.Copy(2, 0, 1)
	if got := kept(); !slices.Equal(got, append([]float32{16, 17}, want[18:]...)) {
		t.Errorf("sequence 2 with the first position of sequence 0 is %v", got)
	}
	if want := int64(4 * capacity * width); m.Part(1, 1).Bytes() != want {
		t.Errorf("%d bytes of a sequence, want %d", m.Part(1, 1).Bytes(), want)
	}
}

// TestRing: a layer with a window keeps only as many rows as the window has, and sequences that continue from
// one another copy all of them.
func TestRing(t *testing.T) {
	m := graph.NewCache(3, 8)
	s := graph.New(graph.NewParams(1), graph.Incremental(m))
	kept, rows := s.RememberLast("x", 1, 3)
	all, none := s.RememberLast("y", 1, 0)
	if _, wide := s.RememberLast("z", 1, 9); rows != 3 || none != 8 || wide != 8 || m.Bytes() != 4*3*(3+8+8) {
		t.Errorf("%d, %d and %d rows, %d bytes", rows, none, wide, m.Bytes())
	}
	fill := func() {
		for i := range kept() {
			kept()[i] = float32(i)
		}
		for i := range all() {
			all()[i] = float32(i)
		}
	}
	fill()
	m.Select([]int{1, 0, 2}, 2)
	if x := kept(); !slices.Equal(x, []float32{3, 4, 2, 0, 1, 5, 6, 7, 8}) {
		t.Errorf("2 positions exchanged: %v", x)
	}
	fill()
	m.Select([]int{2, 2, 0}, 5)
	if x := kept(); !slices.Equal(x, []float32{6, 7, 8, 6, 7, 8, 0, 1, 2}) {
		t.Errorf("5 positions exchanged: %v", x)
	}
	if x := all()[:8]; !slices.Equal(x, []float32{16, 17, 18, 19, 20, 5, 6, 7}) {
		t.Errorf("without a window: %v", x)
	}
	part := m.Part(1, 1)
	last, _ := graph.New(graph.NewParams(1), graph.Incremental(part)).RememberLast("x", 1, 3)
	fill()
	if part.MoveTo(2); !slices.Equal(last(), []float32{6, 7, 8}) || part.Bytes() != 4*(3+8+8) {
		t.Errorf("sequence 2 is %v, %d bytes", last(), part.Bytes())
	}
	m.Copy(2, 0, 7)
	if !slices.Equal(last(), []float32{0, 1, 2}) {
		t.Errorf("a copy of sequence 0 is %v", last())
	}
	fill()
	m.CopyRest(2, 0, 2, 5) // the rows of a window hold other positions, so they are all copied
	if x := all()[16:]; !slices.Equal(x, []float32{16, 17, 2, 3, 4, 21, 22, 23}) || !slices.Equal(last(), []float32{0, 1, 2}) {
		t.Errorf("a copy of positions 2 to 4 is %v, in a window %v", x, last())
	}
	if m.CopyRest(1, 0, 7, 5); !slices.Equal(all()[8:16], []float32{8, 9, 10, 11, 12, 13, 14, 15}) {
		t.Errorf("a copy of nothing is %v", all()[8:16])
	}
}

// TestGoingBack: a sequence cannot continue from a position whose window has been overwritten, nor can a copy
// of it; it may start over, repeat its last position, and pad a piece.
func TestGoingBack(t *testing.T) {
	m := graph.NewCache(2, 20)
	programs := make(map[int]*graph.Program)
	run := func(past, n int, counts ...int) error {
		if programs[n] == nil {
			s := graph.New(graph.NewParams(1), graph.Incremental(m))
			s.SetSequence(2, n)
			x := ops.AllHeads(s, s.Floats("x", 2*n, 2), 1)
			p, err := s.Compile(ops.Attention(s, x, x, x, ops.AttentionOptions{Window: 4}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			if err := p.SetFloats("x", make([]float32, 4*n)); err != nil {
				t.Fatal(err)
			}
			programs[n] = p
		}
		if err := programs[n].SetInts("past", []int{past, past}); err != nil {
			t.Fatal(err)
		}
		m.Count(counts)
		return programs[n].Run()
	}
	const back = "graph: sequence 0 goes back to position %d after %d, of which keys keeps the last 4: restart it at 0, or continue from a copy (Cache.Copy); declare padding with Cache.Count"
	for i, c := range []struct {
		past, n int
		counts  []int
		want    string
	}{
		{past: 0, n: 8}, {past: 8, n: 1}, {past: 8, n: 1},
		{past: 7, n: 1, want: fmt.Sprintf(back, 7, 9)},
		{past: 9, n: 8, counts: []int{3, 2}},
		{past: 12, n: 1, want: "graph: sequence 1 continues at position 12, but has been given 11 positions"},
		{past: 11, n: 1},
		{past: 9, n: 1, want: fmt.Sprintf(back, 9, 12)},
		{past: 0, n: 1}, {past: 1, n: 1}, {past: 0, n: 8}, {past: 5, n: 1, want: fmt.Sprintf(back, 5, 8)},
		{past: 0, n: 8, counts: []int{1}, want: "graph: Cache.Count of [1]; want 2 counts of 0 to 8 positions"},
		{past: 0, n: 8, counts: []int{1, 9}, want: "graph: Cache.Count of [1 9]; want 2 counts of 0 to 8 positions"},
		{past: 0, n: 1},
	} {
		got := ""
		if err := run(c.past, c.n, c.counts...); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("run %d, past %d: %q, want %q", i, c.past, got, c.want)
		}
	}
}

// TestGoingBackOfCopies: a copy knows how many positions its source had.
func TestGoingBackOfCopies(t *testing.T) {
	m := graph.NewCache(2, 20)
	part := m.Part(0, 1)
	run := func(place, past, n int) error {
		s := graph.New(graph.NewParams(1), graph.Incremental(part))
		s.SetSequence(1, n)
		x := ops.AllHeads(s, s.Floats("x", n, 2), 1)
		p, err := s.Compile(ops.Attention(s, x, x, x, ops.AttentionOptions{Window: 4}))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		part.MoveTo(place)
		return errors.Join(p.SetFloats("x", make([]float32, 2*n)), p.SetInts("past", []int{past}), p.Run())
	}
	if err := run(0, 0, 9); err != nil {
		t.Fatal(err)
	}
	m.Copy(1, 0, 5) // whose window has been overwritten
	if err := run(1, 5, 1); err == nil {
		t.Error("a copy goes on from a place that is lost")
	}
	m.Copy(1, 0, 9)
	if err := run(1, 9, 1); err != nil {
		t.Error(err)
	}
	if err := run(0, 9, 1); err != nil {
		t.Error(err)
	}
}

// TestCountWithoutSequence: a model that does not set sequences can be run in pieces too.
func TestCountWithoutSequence(t *testing.T) {
	m := graph.NewCache(1, 4)
	s := graph.New(graph.NewParams(1), graph.Incremental(m))
	x := ops.Scale(s, s.Floats("x", 2, 1), 3)
	s.Past()
	p, err := s.Compile(x)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m.Count([]int{1})
	if err := errors.Join(p.SetFloats("x", []float32{1, 2}), p.SetInts("past", []int{0}), p.Run()); err != nil || p.Value(x)[1] != 6 {
		t.Error(err)
	}
}

// TestIncrementalErrors: ops that cannot continue from cached positions are errors.
func TestIncrementalErrors(t *testing.T) {
	m := graph.NewCache(2, 8)
	for _, c := range []struct {
		declare func(s *graph.Scope) *G.Node
		want    string
	}{
		{func(s *graph.Scope) *G.Node {
			s.SetSequence(2, 1)
			return layers.Attention(s.At("h.0"), s.Floats("x", 2, 12), layers.AttentionConfig{Heads: 2, Composed: true})
		}, "h.0: ComposedAttention: it has no cache for an incremental graph; use Attention there"},
		{func(s *graph.Scope) *G.Node { return ops.CausalMask(s, s.Floats("x", 2, 1, 1), 0) },
			"CausalMask: it is not supported in an incremental graph, whose past it cannot see"},
		{func(s *graph.Scope) *G.Node { s.At("a").RememberLast("x", 2, -1); return nil },
			"a: Remember: a window of -1 positions; want 1 or more, or 0 for all"},
		{func(s *graph.Scope) *G.Node {
			s.At("b").RememberLast("x", 2, 4)
			s.At("b").RememberLast("x", 2, 5)
			return nil
		}, "b: Remember: 5 positions of 2 numbers called x; the cache has 4 of 2"},
	} {
		s := graph.New(graph.NewParams(1), graph.Incremental(m))
		c.declare(s)
		if s.Err() == nil || s.Err().Error() != c.want {
			t.Errorf("error %v, want %s", s.Err(), c.want)
		}
	}
}

// A graph that reads a sequence token by token. The Cache holds what layers remember; the input "past" is the
// number of positions in it that are valid.
func ExampleIncremental() {
	m := graph.NewCache(1, 16)
	s := graph.New(graph.NewParams(1), graph.Incremental(m))
	x, _ := layers.Embedding(s.At("wte"), s.Ints("tokens", 1, 1), 10, 8, graph.Init{})
	x = layers.Attention(s.At("attn"), x, layers.AttentionConfig{Heads: 2})
	p, err := s.Compile(x)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for t, id := range []int{3, 1, 4} {
		_ = p.SetInts("tokens", []int{id})
		_ = p.SetInts("past", []int{t})
		if err := p.Run(); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(len(p.Value(x)), m.Bytes())
	// Output: 8 1024
}

// TestEmptyCache: running with a cache for no sequences, or for no positions, is an error.
func TestEmptyCache(t *testing.T) {
	for _, c := range [][2]int{{0, 4}, {-1, 4}, {1, 0}, {1, -2}} {
		m := graph.NewCache(c[0], c[1])
		s := graph.New(graph.NewParams(1), graph.Incremental(m))
		kept := s.At("a").Remember("x", 2)
		p, err := s.Compile(s.Apply(graph.Op{Name: "Keep", Out: tensor.Shape{1, 1}, RowWise: 1, Run: func(*graph.Args) error { kept(); return nil }}, s.Floats("x", 1, 1)))
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("graph: a cache of %d sequences of %d positions; want 1 or more of 1 or more", c[0], c[1])
		if err := errors.Join(p.SetFloats("x", []float32{1}), p.Run(), p.Close()); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
