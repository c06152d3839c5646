package generate_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
)

// TestBeamLength compares a search with all continuations of a small model, ordered by the scores of the papers'
// formulas. A continuation ends at a stop token, where a function says so, or after four tokens.
func TestBeamLength(t *testing.T) {
	const vocab, n, stop = 5, 4, 4
	params := graph.NewParams(1)
	g := generate.New(bigram{vocab}, params, 16)
	defer g.Close()
	table, err := params.Declare("table", graph.Zeros(), vocab, vocab)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	for i := range table.Data() {
		table.Data()[i] = float32(random.NormFloat64())
	}
	logProb := func(from, to int) float64 {
		total := 0.0
		for _, v := range table.Data()[from*vocab:][:vocab] {
			total += math.Exp(float64(v))
		}
		return float64(table.Data()[from*vocab+to]) - math.Log(total)
	}
	ends := func(ids []int) (bool, error) { // after the same token twice
		k := len(ids)
		return k > 1 && ids[k-1] == ids[k-2], nil
	}
	for _, c := range []struct {
		what   string
		power  float64
		length func(n int) float64 // the divisor in the papers
		offset float64
		ends   func(ids []int) (bool, error)
	}{
		{"Wu et al.", 0.6, func(n int) float64 { return math.Pow(float64(5+n), 0.6) / math.Pow(5+1, 0.6) }, 5, nil},
		{"Wu et al.", 0.6, func(n int) float64 { return math.Pow(float64(5+n), 0.6) / math.Pow(5+1, 0.6) }, 5, ends},
		{"Hugging Face", 0.6, func(n int) float64 { return math.Pow(float64(n), 0.6) }, 0, ends},
	} {
		var want []generate.Hypothesis
		scores := make(map[string]float64)
		var walk func(ids []int, last int, sum float64)
		walk = func(ids []int, last int, sum float64) {
			for id := range vocab {
				ids, sum := append(slices.Clone(ids), id), sum+logProb(last, id)
				over := id == stop || len(ids) == n
				if c.ends != nil && !over {
					over, _ = c.ends(ids)
				}
				if !over {
					walk(ids, id, sum)
					continue
				}
				want = append(want, generate.Hypothesis{IDs: ids, LogProb: sum, Score: sum / c.length(len(ids))})
				scores[fmt.Sprint(ids)] = sum / c.length(len(ids))
			}
		}
		walk(nil, 2, 0)
		slices.SortFunc(want, func(a, b generate.Hypothesis) int { return cmp.Compare(b.Score, a.Score) })
		// With as many beams as there are continuations, the search is complete.
		o := generate.BeamOptions{Beams: 625, LengthPenalty: c.power, LengthOffset: c.offset, Stop: []int{stop}, Ends: c.ends}
		found, err := g.Beam(t.Context(), []int{2}, n, o)
		if err != nil || len(found) != len(want) {
			t.Fatalf("%s: %d results, %v; want %d", c.what, len(found), err, len(want))
		}
		for i, h := range found {
			own, there := scores[fmt.Sprint(h.IDs)] // ties may come in any order
			delete(scores, fmt.Sprint(h.IDs))
			if !there || !(math.Abs(h.Score-own) < 1e-5) || !(math.Abs(h.Score-want[i].Score) < 1e-5) {
				t.Errorf("%s: result %d is %+v, which has %v, want %+v", c.what, i, h, own, want[i])
			}
		}
	}
}

// TestBeamEnds: an Ends function that is true for some tokens gives the same results as these tokens in Stop, whether
// there are many of them or few.
func TestBeamEnds(t *testing.T) {
	g := generate.New(small(32), graph.NewParams(1), 32)
	defer g.Close()
	for _, stops := range [][]int{{7}, {1, 2, 3, 5, 8, 13, 21, 34, 55}, seq(60)} {
		for beams := 1; beams < 5; beams++ {
			o := generate.BeamOptions{Beams: beams, LengthPenalty: 0.6, LengthOffset: 5}
			byToken, byText := o, o
			byToken.Stop = stops
			byText.Ends = func(ids []int) (bool, error) { return slices.Contains(stops, ids[len(ids)-1]), nil }
			want, err := g.Beam(t.Context(), []int{3, 1, 4}, 12, byToken)
			if err != nil {
				t.Fatal(err)
			}
			got, err := g.Beam(t.Context(), []int{3, 1, 4}, 12, byText)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d of %d stops: %+v, %v\nwant %+v", beams, len(stops), got, err, want)
			}
		}
	}
	failed := errors.New("no such text")
	o := generate.BeamOptions{Beams: 2, Ends: func([]int) (bool, error) { return false, failed }}
	if _, err := g.Beam(t.Context(), []int{3}, 12, o); err != failed {
		t.Errorf("error %v, want %v", err, failed)
	}
	for _, offset := range []float64{-1, math.NaN(), math.Inf(1)} {
		want := fmt.Sprintf("generate: a length offset of %v; want 0 or more", offset)
		if _, err := g.Beam(t.Context(), []int{3}, 1, generate.BeamOptions{Beams: 1, LengthOffset: offset}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// seq returns the numbers from 0 to n-1.
func seq(n int) (ids []int) {
	for i := range n {
		ids = append(ids, i)
	}
	return ids
}
