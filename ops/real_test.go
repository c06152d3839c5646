package ops_test

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestReal: statistics over rows are those of the rows up to the last target, and of one more if asked for.
func TestReal(t *testing.T) {
	targets := []int{-1, 2, 1, -1, -1 /* second */, -1, -1, -1, -1, -1 /* third */, 0, 1, 2, 3, 4}
	probs := make([]float32, 15*2)
	picks := make([]float32, 15)
	for i := range 15 {
		probs[2*i] = float32(i+1) / 20
		probs[2*i+1] = 1 - probs[2*i]
		picks[i] = float32(i / 3 % 2)
	}
	for more, want := range [][]int{{0, 1, 2, 10, 11, 12, 13, 14}, {0, 1, 2, 3, 10, 11, 12, 13, 14}} {
		s := graph.New(graph.NewParams(1))
		p, choice := s.Floats("probs", 15, 2), s.Floats("picks", 15, 1)
		real := ops.UpToTargets(s, s.Ints("targets", 3, 5), more)
		outs := G.Nodes{real, ops.DropRows(s, choice, real), ops.Load(s, choice, 2, real), ops.MeanRows(s, p, real), ops.Entropy(s, p, real)}
		program, err := s.Compile(outs...)
		if err != nil {
			t.Fatal(err)
		}
		defer program.Close()
		program.SetFloats("probs", probs)
		program.SetFloats("picks", picks)
		program.SetInts("targets", targets)
		if err := program.Run(); err != nil {
			t.Fatal(err)
		}
		n := float64(len(want))
		var load, mean [2]float64
		entropy := 0.0
		for i := range 15 {
			is := slices.Contains(want, i)
			if got := program.Value(real)[i] == 1; got != is {
				t.Errorf("%d more: row %d counts: %t, want %t", more, i, got, is)
			}
			if got, keeps := program.Value(outs[1])[i], picks[i]; is && got != keeps || !is && got != -1 {
				t.Errorf("%d more: pick %d is %v", more, i, got)
			}
			if !is {
				continue
			}
			load[int(picks[i])] += 1 / n
			for c, x := range probs[2*i : 2*i+2] {
				mean[c] += float64(x) / n
				entropy -= float64(x) * math.Log(float64(x)) / n
			}
		}
		for c := range 2 {
			if got := program.Value(outs[2])[c]; math.Abs(float64(got)-load[c]) > 1e-6 {
				t.Errorf("%d more: load %d is %v, want %v", more, c, got, load[c])
			}
			if got := program.Value(outs[3])[c]; math.Abs(float64(got)-mean[c]) > 1e-6 {
				t.Errorf("%d more: mean %d is %v, want %v", more, c, got, mean[c])
			}
		}
		if got := program.Value(outs[4])[0]; math.Abs(float64(got)-entropy) > 1e-6 {
			t.Errorf("%d more: entropy %v, want %v", more, got, entropy)
		}
	}
}

// TestMeanRowsGrad checks the gradient of a mean over some rows.
func TestMeanRowsGrad(t *testing.T) {
	check := graph.GradCheck{Seed: 1, Ints: map[string][]int{"targets": {-1, 3, -1, -1}}, Reference: func(in map[string][]float64) []float64 {
		x := in["x"]
		return []float64{(x[0] + x[3]) / 2, (x[1] + x[4]) / 2, (x[2] + x[5]) / 2}
	}}
	err := graph.CheckGrad(check, func(s *graph.Scope) *G.Node {
		return ops.MeanRows(s, s.Floats("x", 4, 3), ops.UpToTargets(s, s.Ints("targets", 1, 4), 0))
	})
	if err != nil {
		t.Error(err)
	}
}
