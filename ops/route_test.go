package ops_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// values declares nodes, feeds the inputs and returns the nodes' values.
func values(t *testing.T, floats map[string][]float32, options []graph.Option, declare func(s *graph.Scope) G.Nodes) [][]float32 {
	t.Helper()
	s := graph.New(graph.NewParams(1), options...)
	outs := declare(s)
	p, err := s.Compile(outs...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for name, x := range floats {
		if err := p.SetFloats(name, x); err != nil {
			t.Fatal(err)
		}
	}
	p.Seed(1, 1)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	var all [][]float32
	for _, n := range outs {
		all = append(all, slices.Clone(p.Value(n)))
	}
	return all
}

// Each of three tokens is sent to its two best experts of three, doubled there, and sent back.
func ExampleRoute() {
	s := graph.New(graph.NewParams(1))
	x, logits := s.Floats("x", 3, 1), s.Floats("logits", 3, 3)
	picks := ops.TopK(s, logits, 2)                                            // (N, K)
	weights := ops.Softmax(s, ops.TakeColumns(s, logits, picks))               // (N, K)
	routes := ops.Route(s, picks, 3, ops.Capacity{})                           //
	sent := ops.Dispatch(s, x, routes)                                         // (N·K, C)
	y := ops.Combine(s, ops.Scale(s, sent, 2), weights, routes)                // (N, C)
	load, dropped := ops.Load(s, picks, 3, nil), ops.Dropped(s, picks, routes) // (E), scalar
	p, err := s.Compile(picks, routes.Ends, sent, y, load, dropped)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	p.SetFloats("x", []float32{10, 20, 30})
	p.SetFloats("logits", []float32{5, 0, 5, 0, 1, 2, 9, 9, 9})
	fmt.Println(p.Run(), p.Value(picks), p.Value(routes.Ends))
	fmt.Println(p.Value(sent), p.Value(y))
	fmt.Printf("%.2f %v\n", p.Value(load), p.Value(dropped))
	// Output:
	// <nil> [0 2 2 1 0 1] [2 4 6]
	// [10 30 20 30 20 10] [20 40 60]
	// [0.33 0.33 0.33] [0]
}

// The balance loss of a router that sends everything to one of four experts, and of one that does not.
func ExampleBalanceLoss() {
	s := graph.New(graph.NewParams(1))
	for _, name := range []string{"alike", "one"} {
		probs := s.Floats(name, 4, 4)
		mean, load := ops.MeanRows(s, probs, nil), ops.Load(s, ops.TopK(s, probs, 1), 4, nil) // (E) twice
		s.AddLoss(name, ops.BalanceLoss(s, G.Nodes{load}, G.Nodes{mean}, 1), 1)
		s.Report(name+"_entropy", ops.Entropy(s, probs, nil))
	}
	w := s.Param("w", graph.Zeros(), 1)
	p, err := s.CompileGrad(s.Node(G.Sum(w)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	p.SetFloats("alike", []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1})
	p.SetFloats("one", []float32{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0})
	fmt.Println(p.RunGrad(1), p.Losses()[0].Value, p.Losses()[1].Value, p.Reports()[1].Value)
	// Output: <nil> 1 4 [0]
}

// The weights of a token's experts are divided by their sum.
func ExampleShares() {
	s := graph.New(graph.NewParams(1))
	y := ops.Shares(s, s.Floats("x", 1, 3)) // (N, K)
	p, _ := s.Compile(y)
	defer p.Close()
	p.SetFloats("x", []float32{1, 2, 5})
	fmt.Println(p.Run(), p.Value(y))
	// Output: <nil> [0.125 0.25 0.625]
}

// Outside of training there is no jitter, and all picks are kept.
func ExampleThin() {
	s := graph.New(graph.NewParams(1))
	x, picks, weights := s.Floats("x", 2, 3), s.Floats("picks", 2, 2), s.Floats("weights", 2, 2)
	fmt.Println(ops.Jitter(s, x, 0.01) == x, ops.Thin(s, picks, weights, 0.2) == picks)
	// Output: true true
}

// TestTopKTies: of equal scores, the first columns are picked, and NaNs do not cause a column to be picked twice.
func TestTopKTies(t *testing.T) {
	nan := float32(math.NaN())
	got := values(t, map[string][]float32{"x": {0, 0, 0, 0, 1, 3, 1, 3, nan, 1, nan, 2}}, nil, func(s *graph.Scope) G.Nodes {
		return G.Nodes{ops.TopK(s, s.Floats("x", 3, 4), 3)}
	})[0]
	if !slices.Equal(got[:6], []float32{0, 1, 2, 1, 3, 0}) || got[6] == got[7] || got[6] == got[8] || got[7] == got[8] {
		t.Errorf("picks are %v", got)
	}
}

// TestCapacity: first choices take precedence over second ones and earlier tokens over later ones, over all
// sequences or in each; a pick that gets no row adds nothing and has no gradient.
func TestCapacity(t *testing.T) {
	picks := []float32{0, 1, 0, 1, 1, 0, 0, 2} // two sequences of two tokens
	for _, c := range []struct {
		capacity    ops.Capacity
		slots, ends []float32
	}{
		{ops.Capacity{}, []float32{0, 5, 1, 6, 4, 3, 2, 7}, []float32{4, 7, 8}},
		{ops.Capacity{Rows: 4}, []float32{0, 5, 1, 6, 4, 3, 2, 7}, []float32{4, 7, 8}},
		{ops.Capacity{Rows: 2}, []float32{0, 3, 1, -1, 2, -1, -1, 4}, []float32{2, 4, 5}},
		{ops.Capacity{Rows: 1}, []float32{0, -1, -1, -1, 1, -1, -1, 2}, []float32{1, 2, 3}},
		{ops.Capacity{PerSequence: 1}, []float32{0, 3, -1, -1, 2, -1, 1, 4}, []float32{2, 4, 5}},
		{ops.Capacity{PerSequence: 2}, []float32{0, 5, 1, 6, 4, 3, 2, 7}, []float32{4, 7, 8}},
	} {
		out := values(t, map[string][]float32{"picks": picks, "x": {1, 2, 3, 4}, "w": {1, 1, 1, 1, 1, 1, 1, 1}}, nil, func(s *graph.Scope) G.Nodes {
			s.SetSequence(2, 2)
			r := ops.Route(s, s.Floats("picks", 4, 2), 3, c.capacity)
			sent := ops.Dispatch(s, s.Floats("x", 4, 1), r)
			return G.Nodes{r.Slots, r.Ends, sent, ops.Combine(s, sent, s.Floats("w", 4, 2), r), ops.Dropped(s, s.Lookup("picks"), r)}
		})
		if !slices.Equal(out[0], c.slots) || !slices.Equal(out[1], c.ends) {
			t.Errorf("%+v: slots %v that end at %v, want %v, %v", c.capacity, out[0], out[1], c.slots, c.ends)
		}
		dropped := float32(0)
		for n := range 4 {
			rows := float32(0)
			for _, slot := range c.slots[2*n : 2*n+2] {
				if slot < 0 {
					dropped++
					continue
				}
				rows++
				if out[2][int(slot)] != float32(n+1) {
					t.Errorf("%+v: token %d is not at row %v of %v", c.capacity, n, slot, out[2])
				}
			}
			if out[3][n] != rows*float32(n+1) {
				t.Errorf("%+v: token %d becomes %v by %v rows", c.capacity, n, out[3][n], rows)
			}
		}
		if out[4][0] != dropped/8 {
			t.Errorf("%+v: %v are dropped, want %v of 8", c.capacity, out[4], dropped)
		}
		for _, v := range out[2][8-int(dropped):] {
			if v != 0 {
				t.Errorf("%+v: rows behind the last are %v", c.capacity, out[2])
			}
		}
	}
}

// TestThin: a second pick is kept with a probability of its weight divided by the threshold, and a first pick
// always; jitter multiplies by a factor that is uniform within its bounds.
func TestThin(t *testing.T) {
	const n = 4000
	picks, weights := make([]float32, 2*n), make([]float32, 2*n)
	for i := range n {
		picks[2*i+1], weights[2*i+1] = 1, 0.05
	}
	got := values(t, map[string][]float32{"p": picks, "w": weights}, []graph.Option{graph.Training()}, func(s *graph.Scope) G.Nodes {
		return G.Nodes{ops.Thin(s, s.Floats("p", n, 2), s.Floats("w", n, 2), 0.2), ops.Thin(s, s.Lookup("p"), s.Lookup("w"), 0.05), ops.Jitter(s, s.Lookup("w"), 0.5)}
	})
	kept, low, high, mean := 0, 1.0, 0.0, 0.0
	for i := range n {
		if got[0][2*i] != 0 || got[1][2*i+1] != 1 {
			t.Fatalf("row %d is %v and %v", i, got[0][2*i:2*i+2], got[1][2*i:2*i+2])
		}
		if got[0][2*i+1] == 1 {
			kept++
		}
		factor := float64(got[2][2*i+1]) / 0.05
		low, high, mean = min(low, factor), max(high, factor), mean+factor/n
	}
	if share := float64(kept) / n; math.Abs(share-0.25) > 0.03 {
		t.Errorf("%v of the second picks are kept, want a quarter", share)
	}
	if low < 0.5 || low > 0.51 || high > 1.5 || high < 1.49 || math.Abs(mean-1) > 0.02 {
		t.Errorf("factors from %v to %v, %v in the mean, want 0.5 to 1.5", low, high, mean)
	}
}

// TestRouterLosses: losses and gradients match transformers'.
func TestRouterLosses(t *testing.T) {
	data, err := os.ReadFile("testdata/router.json")
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		Loss      float64
		Gradients [][]float64
	}
	var golden struct {
		Experts   int
		Logits    [][]float32
		Mixtral   map[int]result
		Switch, Z result
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	rows := len(golden.Logits[0]) / golden.Experts
	check := func(name string, want result, loss func(s *graph.Scope, logits G.Nodes) *G.Node) {
		t.Helper()
		s := graph.New(graph.NewParams(1))
		var logits G.Nodes
		for i := range golden.Logits {
			logits = append(logits, s.Floats(fmt.Sprint("logits", i), rows, golden.Experts))
			s.RetainGrad(logits[i])
		}
		p, err := s.CompileGrad(loss(s, logits))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for i, x := range golden.Logits {
			p.SetFloats(fmt.Sprint("logits", i), x)
		}
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		if got := float64(p.Loss()); math.Abs(got-want.Loss) > 1e-5*math.Abs(want.Loss) {
			t.Errorf("%s: a loss of %v, want %v", name, got, want.Loss)
		}
		for i, all := range want.Gradients {
			for j, want := range all {
				if got := float64(p.Gradient(logits[i])[j]); math.Abs(got-want) > 1e-5*max(math.Abs(want), 0.01) {
					t.Errorf("%s: gradient %d of layer %d is %v, want %v", name, j, i, got, want)
				}
			}
		}
	}
	balance := func(k int) func(s *graph.Scope, logits G.Nodes) *G.Node {
		return func(s *graph.Scope, logits G.Nodes) *G.Node {
			var loads, probs G.Nodes
			for _, x := range logits {
				loads = append(loads, ops.Load(s, ops.TopK(s, x, k), golden.Experts, nil))
				probs = append(probs, ops.MeanRows(s, ops.Softmax(s, x), nil))
			}
			return ops.BalanceLoss(s, loads, probs, k)
		}
	}
	for k, want := range golden.Mixtral {
		check(fmt.Sprint("Mixtral's of ", k), want, balance(k))
	}
	check("Switch's", golden.Switch, balance(1))
	check("z", golden.Z, func(s *graph.Scope, logits G.Nodes) *G.Node {
		var sum *G.Node
		for _, x := range logits {
			one := s.Node(G.Mean(s.Node(G.Square(ops.LogSumExp(s, x)))))
			if sum == nil {
				sum = one
			} else {
				sum = ops.Add(s, sum, one)
			}
		}
		return ops.Scale(s, sum, 1/float64(len(logits)))
	})
}

// TestRouteErrors: inputs that do not match give errors that say so.
func TestRouteErrors(t *testing.T) {
	for want, declare := range map[string]func(s *graph.Scope, x *G.Node){
		"TopK: the 4 largest of scores (2, 3); want (N, E) with an E of at least that number": func(s *graph.Scope, x *G.Node) { ops.TopK(s, x, 4) },
		"TopK: the 0 largest of scores (2, 3); want (N, E) with an E of at least that number": func(s *graph.Scope, x *G.Node) { ops.TopK(s, x, 0) },
		"TakeColumns: x is (2, 3), picks (3, 1); want (N, E) and (N, K)":                      func(s *graph.Scope, x *G.Node) { ops.TakeColumns(s, x, s.Floats("y", 3, 1)) },
		"Route: picks are (2, 3) among 0 experts; want (N, K) among 1 or more":                func(s *graph.Scope, x *G.Node) { ops.Route(s, x, 0, ops.Capacity{}) },
		"Route: a capacity of -1 rows, 0 a sequence; want 1 or more, or 0 for no bound":       func(s *graph.Scope, x *G.Node) { ops.Route(s, x, 2, ops.Capacity{Rows: -1}) },
		"Dispatch: x is (3, 1), the routes are of (2, 3); want (N, C) and (N, K)": func(s *graph.Scope, x *G.Node) {
			ops.Dispatch(s, s.Floats("y", 3, 1), ops.Route(s, x, 2, ops.Capacity{}))
		},
		"Dispatch: the routes is nil; want a node": func(s *graph.Scope, x *G.Node) { ops.Dispatch(s, x, ops.Routes{}) },
		"Combine: y is (2, 3), weights (2, 3), the routes are of (2, 3); want (N·K, C) and (N, K) twice": func(s *graph.Scope, x *G.Node) {
			ops.Combine(s, x, x, ops.Route(s, x, 2, ops.Capacity{}))
		},
		"Jitter: a jitter of 1 is not in [0, 1)": func(s *graph.Scope, x *G.Node) { ops.Jitter(s, x, 1) },
		"Thin: picks are (2, 3), weights (2, 3), the threshold is 0; want (N, K) twice, and a number above 0": func(s *graph.Scope, x *G.Node) {
			ops.Thin(s, x, x, 0)
		},
		"BalanceLoss: 1 loads and 0 probabilities; want one of each for each layer": func(s *graph.Scope, x *G.Node) { ops.BalanceLoss(s, G.Nodes{x}, nil, 1) },
		"BalanceLoss: layer 0 has a load (2, 3) and probabilities (2, 3); want (2) twice": func(s *graph.Scope, x *G.Node) {
			ops.BalanceLoss(s, G.Nodes{x}, G.Nodes{x}, 1)
		},
		"Linear: x is (2, 3), w (2, 4, 5), the bias none for 2 groups; want (R, K), and a matrix as of all rows, and a bias, for each group": func(s *graph.Scope, x *G.Node) {
			e := s.Grouped(graph.Groups{Count: 2, PerRow: 1, Ends: s.Floats("ends", 2)})
			ops.Linear(e, x, e.Param("w", graph.Zeros(), 4, 5), nil)
		},
	} {
		s := graph.New(graph.NewParams(1))
		declare(s, s.Floats("x", 2, 3))
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
