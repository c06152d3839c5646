package graph_test

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// TestMemorySelect: sequences go on from one another, also where they change places.
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
	// A part is one of the sequences.
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

// TestIncrementalErrors: what cannot go on from the past says so.
func TestIncrementalErrors(t *testing.T) {
	m := graph.NewCache(2, 8)
	for _, c := range []struct {
		declare func(s *graph.Scope) *G.Node
		want    string
	}{
		{func(s *graph.Scope) *G.Node {
			s.SetSequence(2, 1)
			return layers.Attention(s.At("h.0"), s.Floats("x", 2, 12), layers.AttentionConfig{Heads: 2, Composed: true})
		}, "h.0: ComposedAttention: it keeps nothing for an incremental graph; use Attention there"},
		{func(s *graph.Scope) *G.Node { return ops.CausalMask(s, s.Floats("x", 2, 1, 1), 0) },
			"CausalMask: it sees nothing of the past in an incremental graph"},
	} {
		s := graph.New(graph.NewParams(1), graph.Incremental(m))
		c.declare(s)
		if s.Err() == nil || s.Err().Error() != c.want {
			t.Errorf("error %v, want %s", s.Err(), c.want)
		}
	}
}

// A graph that is given a sequence token by token. What layers remember is in the Memory;
// "past" says how much of it counts.
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
