package graph_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// ExampleFamily scores any number of rows with programs for 4, 8, 12, … of them.
func ExampleFamily() {
	params := graph.NewParams(1)
	scores := &graph.Family[*G.Node]{
		Round: func(shape ...int) []int { return []int{(shape[0] + 3) / 4 * 4} },
		Build: func(shape ...int) (*graph.Program, *G.Node, error) {
			s := graph.New(params)
			y := ops.Project(s, s.Floats("x", shape[0], 2), s.Param("w", graph.Ones(), 1, 2))
			p, err := s.Compile(y)
			return p, y, err
		},
	}
	defer scores.Close()
	for _, rows := range []int{3, 1, 6} {
		p, y, err := scores.For(rows)
		if err != nil {
			fmt.Println(err)
			return
		}
		x := make([]float32, y.Shape()[0]*2)
		for i := range 2 * rows {
			x[i] = float32(i)
		}
		if err := errors.Join(p.SetFloats("x", x), p.Run()); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Value(y)[:rows], "of", y.Shape())
	}
	// Output:
	// [1 5 9] of (4, 1)
	// [1] of (4, 1)
	// [1 5 9 13 17 21] of (8, 1)
}

// TestFamily: one program is compiled for each shape, the least recently used one is closed, all share one
// arena, and an error from Build leaves nothing behind.
func TestFamily(t *testing.T) {
	before := graph.Running()
	var made []string
	var arena graph.Arena
	f := &graph.Family[*G.Node]{
		Most:  2,
		Arena: &arena,
		Build: func(shape ...int) (*graph.Program, *G.Node, error) {
			made = append(made, fmt.Sprint(shape))
			s := graph.New(graph.NewParams(1))
			y := ops.GELU(s, s.Floats("x", shape...))
			p, err := s.Compile(y)
			return p, y, err
		},
	}
	run := func(shape ...int) {
		t.Helper()
		p, y, err := f.For(shape...)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(y.Shape(), shape) {
			t.Errorf("a program for %v, want %v", y.Shape(), shape)
		}
		if err := p.SetFloats("x", make([]float32, y.Shape().TotalSize())); err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	for _, shape := range [][]int{{2, 3}, {3, 2}, {2, 3}, {64}, {2, 3}, {3, 2}} {
		run(shape...)
	}
	if want := []string{"[2 3]", "[3 2]", "[64]", "[3 2]"}; !slices.Equal(made, want) {
		t.Errorf("made %v, want %v", made, want)
	}
	if got := graph.Running() - before; got != 2 {
		t.Errorf("%d programs run, want 2", got)
	}
	if arena.Bytes() != 4*64 {
		t.Errorf("%d bytes, want those of the largest", arena.Bytes())
	}
	if _, _, err := f.For(0); err == nil {
		t.Error("a program for nothing")
	}
	if err := f.Close(); err != nil || graph.Running() != before {
		t.Errorf("%d programs run after Close: %v", graph.Running()-before, err)
	}
	run(5) // compiled again
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
