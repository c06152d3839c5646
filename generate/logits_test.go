package generate_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
)

// TestLogits checks the logits after one token and after a full context, and the error after none.
func TestLogits(t *testing.T) {
	g := newSuccessor(t, 10, 6)
	for _, ids := range [][]int{{3}, {9, 9, 3}, {1, 2, 4, 5, 6, 3}, {1, 1, 1, 2, 4, 5, 6, 3}} {
		got, err := g.Logits(ids)
		if err != nil || len(got) != 10 || got[4] != 9 || slices.Max(got) != 9 {
			t.Errorf("after %v: %v, %v", ids, got, err)
		}
	}
	for _, ids := range [][]int{nil, {}} {
		if got, err := g.Logits(ids); err == nil || err.Error() != "generate: the prompt has no tokens" {
			t.Errorf("after nothing: %v, %v", got, err)
		}
	}
	if _, err := g.Logits([]int{10}); err == nil || err.Error() != "Embed: id 10 at position 0 is outside the vocabulary of 10" {
		t.Errorf("after an id that there is not: %v", err)
	}
}

// TestBatchEnds: a batch whose first or last sequence ends early yields the remaining tokens of the others, and stops
// when none is left.
func TestBatchEnds(t *testing.T) {
	g := newSuccessor(t, 10, 6)
	for _, c := range []struct {
		prompts [][]int
		want    []int // tokens of each
	}{{[][]int{{3}, {1}}, []int{1, 3}}, {[][]int{{1}, {3}, {3}}, []int{3, 1, 1}}, {[][]int{{4}, {5}}, []int{10, 9}}} {
		got := make([]int, len(c.prompts))
		for token, err := range g.Batch(context.Background(), c.prompts, 12, generate.Options{Stop: []int{4}}) {
			if err != nil {
				t.Fatal(err)
			}
			got[token.Sequence]++
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("after %v: %v tokens, want %v", c.prompts, got, c.want)
		}
	}
	count := 0
	for range g.Batch(context.Background(), [][]int{{1}, {2}}, 12, generate.Options{}) {
		if count++; count == 3 {
			break // the caller wants no more
		}
	}
	if count != 3 {
		t.Errorf("%d tokens after a break", count)
	}
	if _, err := g.Generate(context.Background(), []int{1}, 0, generate.Options{}); err != nil {
		t.Errorf("no tokens: %v", err)
	}
	for range g.Batch(context.Background(), nil, 2, generate.Options{}) {
		count++
	}
	if count != 4 {
		t.Errorf("no prompts: %d errors, want 1", count-3)
	}
}

// TestNotNumbers: logits that are NaN are an error, not a choice.
func TestNotNumbers(t *testing.T) {
	params := graph.NewParams(1)
	g := generate.New(successor{4}, params, 6)
	defer g.Close()
	table, err := params.Declare("table", graph.Zeros(), 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		table.Data()[2*4+i] = float32(math.NaN()) // after the token 2
	}
	table.Data()[3*4+2] = float32(math.NaN())  // after the token 3, for one token only
	table.Data()[0*4+1] = float32(math.Inf(1)) // after the token 0
	const want = "generate: the model's logits are NaN or infinite: its weights are NaN or too large"
	for _, o := range []generate.Options{{}, {Temperature: 1}, {Temperature: 1, TopK: 2}} {
		if ids, err := g.Generate(context.Background(), []int{2}, 3, o); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, %v", o, ids, err)
		}
		if ids, err := g.Generate(context.Background(), []int{3}, 3, o); err == nil || err.Error() != want {
			t.Errorf("%+v, one NaN: %v, %v", o, ids, err)
		}
		if ids, err := g.Generate(context.Background(), []int{0}, 3, o); err == nil || err.Error() != want {
			t.Errorf("%+v, an infinity: %v, %v", o, ids, err)
		}
		if _, err := g.Generate(context.Background(), []int{1}, 1, o); err != nil {
			t.Errorf("%+v, elsewhere: %v", o, err)
		}
	}
	if found, err := g.Beam(context.Background(), []int{2}, 3, generate.BeamOptions{Beams: 2}); err == nil || err.Error() != want {
		t.Errorf("%v, %v", found, err)
	}
}
