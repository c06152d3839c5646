package finetune

import (
	"math"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// TestLengths: an example's probabilities depend neither on the other examples in the batch, nor on their
// order, nor on the length of the program, and are returned in the order of the request.
func TestLengths(t *testing.T) {
	running := graph.Running()
	defer func() {
		if n := graph.Running() - running; n != 0 {
			t.Errorf("%d programs are not closed", n)
		}
	}()
	base := gpt2.New(11, 40, 16, 2, 2)
	c := Classifier{Base: base, Kind: tasks.Similarity, Outputs: 3}
	params := graph.NewParams(7)
	if err := c.Declare(params); err != nil {
		t.Fatal(err)
	}
	var examples []Example
	for _, n := range []int{40, 3, 17, 8, 9, 25, 2} {
		var x Example
		for k := range 2 {
			ids := make([]int, n-k*(n/4))
			for i := range ids {
				ids[i] = (i*i + n + k) % 11
			}
			x.Sequences = append(x.Sequences, ids)
		}
		x.Targets = []float32{1, 0, 0}
		examples = append(examples, x)
	}
	together, err := NewPredictor(c, params, 3, 40)
	if err != nil {
		t.Fatal(err)
	}
	defer together.Close()
	got, err := together.Predict(examples)
	if err != nil {
		t.Fatal(err)
	}
	if n := graph.Running() - running; n != 3 { // for the lengths 8, 24 and 40
		t.Errorf("%d programs, want 3", n)
	}
	for i, x := range examples {
		alone, err := NewPredictor(c, params, 1, x.length())
		if err != nil {
			t.Fatal(err)
		}
		want, err := alone.Predict([]Example{x})
		if err != nil {
			t.Fatal(err)
		}
		for j := range got[i] {
			if d := math.Abs(got[i][j] - want[0][j]); !(d < 1e-6) {
				t.Errorf("example %d: %v, alone %v", i, got[i], want[0])
				break
			}
		}
		alone.Close()
	}
	for length, want := range map[int]int{1: 8, 8: 8, 9: 16, 39: 40, 40: 40} {
		if _, p, err := together.programs.For(length); err != nil || p.context != want {
			t.Errorf("a program for %d has room for %d, %v; want %d", length, p.context, err, want)
		}
	}
}
