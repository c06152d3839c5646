package layers_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Eight SwiGLU experts, two for each token, as in Mixtral.
func ExampleExperts() {
	params := graph.NewParams(1)
	s := graph.New(params)
	swiGLU := func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.GatedMLP(s, x, 14, ops.SiLU, layers.BranchWeights{NoBias: true}) // (N, C)
	}
	y := layers.Experts(layers.ExpertsConfig{Count: 8, PerToken: 2}, swiGLU)(s.At("mlp"), s.Floats("x", 6, 4)) // (N, C)
	fmt.Println(y.Shape(), s.Err())
	for _, p := range params.All() {
		fmt.Println(p.Name(), p.Shape(), p.Groups())
	}
	t := graph.Sum(s.Nodes())
	fmt.Println(t.Params, t.Active)
	// Output:
	// (6, 4) <nil>
	// mlp.router.weight (8, 4) 0
	// mlp.experts.gate_proj.weight (8, 14, 4) 8
	// mlp.experts.up_proj.weight (8, 14, 4) 8
	// mlp.experts.down_proj.weight (8, 4, 14) 8
	// 1376 368
}

// gelu is an expert that is a plain MLP with biases.
func gelu(s *graph.Scope, x *G.Node) *G.Node {
	return layers.MLP(s, x, 7, ops.GELU, layers.BranchWeights{Init: graph.Normal(0.5)})
}

// gated is an expert that is an MLP like Llama's.
func gated(s *graph.Scope, x *G.Node) *G.Node {
	return layers.GatedMLP(s, x, 7, ops.SiLU, layers.BranchWeights{Init: graph.Normal(0.5), NoBias: true})
}

// router returns a router with a bias, and with weights so large that no two logits are close to each other.
func router(experts int) func(s *graph.Scope, x *G.Node) *G.Node {
	return func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.Dense(s.At("router"), x, experts, layers.Weights{Init: graph.Normal(2)})
	}
}

// variants returns settings for all kinds of routers.
func variants() map[string]layers.ExpertsConfig {
	return map[string]layers.ExpertsConfig{
		"mixtral":   {Count: 5, PerToken: 2, Balance: layers.Balance{Weight: 0.3}, ZLoss: 0.1},
		"softmax":   {Count: 5, PerToken: 3, Scores: layers.SoftmaxAll, Balance: layers.Balance{Weight: 0.3, Pooled: true}},
		"switch":    {Count: 4, PerToken: 1, Scores: layers.SoftmaxAll, Capacity: 1, Balance: layers.Balance{Weight: 0.3}},
		"gshard":    {Count: 4, PerToken: 2, Scores: layers.SoftmaxAll, Normalize: true, Thin: 0.2, Capacity: 1.25, Balance: layers.Balance{Weight: 0.3, First: true}},
		"deepseek":  {Count: 6, PerToken: 2, Scores: layers.Sigmoid, Normalize: true, Scale: 2.5, Balance: layers.Balance{BiasRate: 0.001, Weight: 0.1}, Shared: gated},
		"all":       {Count: 3, PerToken: 3},
		"one":       {Count: 1, PerToken: 1},
		"sequences": {Count: 4, PerToken: 2, PerSequence: 2},
	}
}

// TestExpertsGrad: the gradients of all inputs and parameters of an experts layer match finite differences,
// with and without recomputation.
func TestExpertsGrad(t *testing.T) {
	for name, c := range variants() {
		c.Router = router(c.Count)
		for kind, expert := range map[string]func(*graph.Scope, *G.Node) *G.Node{"gelu": gelu, "gated": gated} {
			for _, options := range [][]graph.Option{{graph.Training()}, {graph.Training(), graph.Recompute("mlp")}} {
				err := graph.CheckGrad(graph.GradCheck{Seed: 3, Options: options, Most: 40}, func(s *graph.Scope) *G.Node {
					s.SetSequence(2, 6)
					return layers.Experts(c, expert)(s.At("mlp"), s.Floats("x", 12, 4))
				})
				if err != nil {
					t.Errorf("%s, %s, %d options: %v", name, kind, len(options), err)
				}
			}
		}
	}
}

// TestExpertsPieces: sequences that are computed piece by piece get the same results as whole ones.
func TestExpertsPieces(t *testing.T) {
	for name, c := range variants() {
		c.Router = router(c.Count)
		err := graph.CheckPieces(graph.PiecesCheck{}, func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			return layers.Experts(c, gated)(s.At("mlp"), s.Floats("x", batch*context, 4))
		})
		if refused := err != nil && strings.Contains(err.Error(), "Route"); refused != (c.PerSequence > 0) || err != nil && !refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExpertsOf: the layer equals a brute-force computation in float64 that runs every expert over all tokens.
func TestExpertsOf(t *testing.T) {
	const n, width, inner = 12, 4, 7
	for _, c := range []layers.ExpertsConfig{{Count: 5, PerToken: 2}, {Count: 5, PerToken: 5}, {Count: 5, PerToken: 1, Scores: layers.SoftmaxAll}, {Count: 5, PerToken: 3, Scores: layers.Sigmoid}} {
		c.Router = router(c.Count)
		err := graph.CheckGrad(graph.GradCheck{Seed: 5, Most: 1000, Reference: func(in map[string][]float64) []float64 {
			return bruteForce(c, in, n, width, inner)
		}}, func(s *graph.Scope) *G.Node {
			return layers.Experts(c, gelu)(s.At("mlp"), s.Floats("x", n, width))
		})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// bruteForce runs all experts over all tokens and adds up the results of each token's experts.
func bruteForce(c layers.ExpertsConfig, in map[string][]float64, n, width, inner int) []float64 {
	out := make([]float64, n*width)
	for r := range n {
		x, y := in["x"][r*width:][:width], out[r*width:][:width]
		logits := make([]float64, c.Count)
		for e := range logits {
			logits[e] = in["mlp.router.bias"][e]
			for i, v := range x {
				logits[e] += v * in["mlp.router.weight"][e*width+i]
			}
		}
		order := make([]int, c.Count)
		for e := range order {
			order[e] = e
		}
		slices.SortStableFunc(order, func(a, b int) int {
			if logits[a] > logits[b] {
				return -1
			}
			return 1
		})
		sum := 0.0
		for i, e := range order {
			if i < c.PerToken || c.Scores == layers.SoftmaxAll {
				sum += math.Exp(logits[e])
			}
		}
		for _, e := range order[:c.PerToken] {
			weight := math.Exp(logits[e]) / sum
			if c.Scores == layers.Sigmoid {
				weight = 1 / (1 + math.Exp(-logits[e]))
			}
			h := make([]float64, inner)
			for j := range h {
				u := in["mlp.experts.c_fc.bias"][e*inner+j]
				for i, v := range x {
					u += v * in["mlp.experts.c_fc.weight"][(e*width+i)*inner+j]
				}
				h[j] = 0.5 * u * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(u+0.044715*u*u*u)))
			}
			for i := range y {
				v := in["mlp.experts.c_proj.bias"][e*width+i]
				for j, u := range h {
					v += u * in["mlp.experts.c_proj.weight"][(e*inner+j)*width+i]
				}
				y[i] += weight * v
			}
		}
	}
	return out
}

// run compiles the result that declare returns for an input x of the given width, and returns its value.
func run(t *testing.T, params *graph.Params, options []graph.Option, x []float32, width int, declare func(s *graph.Scope, x *G.Node) *G.Node) []float32 {
	t.Helper()
	s := graph.New(params, options...)
	s.SetSequence(s.Cache().Batch(), len(x)/width/s.Cache().Batch())
	y := declare(s, s.Floats("x", len(x)/width, width))
	s.Past()
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", x); err != nil {
		t.Fatal(err)
	}
	if err := p.SetInts("past", make([]int, s.Cache().Batch())); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y))
}

// TestExpertsInCompany: in an incremental graph, a sequence gets bit for bit the results it gets alone,
// whichever other sequences are sent to the same experts, with weights (in, out) and (out, in).
func TestExpertsInCompany(t *testing.T) {
	const width, others = 40, 30
	wide := func(s *graph.Scope, x *G.Node) *G.Node { return layers.MLP(s, x, 90, ops.GELU, layers.BranchWeights{}) }
	glu := func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.GatedMLP(s, x, 90, ops.SiLU, layers.BranchWeights{})
	}
	for name, expert := range map[string]func(*graph.Scope, *G.Node) *G.Node{"Linear": wide, "Dense": glu} {
		for _, positions := range []int{1, 5, 13, 40} {
			for _, seamless := range []bool{false, true} {
				params := graph.NewParams(1)
				x := make([]float32, others*positions*width)
				for i := range x {
					x[i] = float32(math.Sin(float64(i * i)))
				}
				of := func(batch int, x []float32) []float32 {
					options := []graph.Option{graph.Incremental(graph.NewCache(batch, 64))}
					if seamless {
						options = append(options, graph.Seamless())
					}
					return run(t, params, options, x, width, func(s *graph.Scope, x *G.Node) *G.Node {
						return layers.Experts(layers.ExpertsConfig{Count: 4, PerToken: 2}, expert)(s.At("mlp"), x)
					})
				}
				all := of(others, x)
				for _, b := range []int{0, 7, others - 1} {
					at := b * positions * width
					if alone := of(1, x[at:][:positions*width]); !slices.Equal(alone, all[at:][:positions*width]) {
						t.Errorf("%s, %d positions, seamless %v: sequence %d differs alone", name, positions, seamless, b)
					}
				}
			}
		}
	}
}

// TestExpertsProcs: values and gradients are bit for bit the same for any number of processors, and a
// capacity that admits every pick changes nothing.
func TestExpertsProcs(t *testing.T) {
	const rows, width = 300, 96
	glu := func(s *graph.Scope, x *G.Node) *G.Node {
		return layers.GatedMLP(s, x, 200, ops.SiLU, layers.BranchWeights{})
	}
	x := make([]float32, rows*width)
	for i := range x {
		x[i] = float32(math.Sin(float64(i * i)))
	}
	var want [][]float32
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i, procs := range []int{1, 2, 4, 2} {
		runtime.GOMAXPROCS(procs)
		c := layers.ExpertsConfig{Count: 4, PerToken: 2, ZLoss: 0.1, Jitter: 0.1, Balance: layers.Balance{Weight: 0.1}}
		if i == 3 {
			c.Capacity = 4
		}
		params := graph.NewParams(1)
		s := graph.New(params, graph.Training())
		n := s.Floats("x", rows, width)
		y := layers.Experts(c, glu)(s.At("mlp"), n)
		s.RetainGrad(n)
		p, err := s.CompileGrad(s.Node(G.Sum(s.Node(G.Square(y)))), y)
		if err != nil {
			t.Fatal(err)
		}
		p.SetFloats("x", x)
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		got := [][]float32{slices.Clone(p.Value(y)), slices.Clone(p.Gradient(n))}
		for _, w := range params.All() {
			got = append(got, w.GradData())
		}
		if want == nil {
			want = got
		}
		for j := range want {
			if !slices.Equal(got[j], want[j]) {
				t.Errorf("%d processors, a capacity of %v: result %d differs", procs, c.Capacity, j)
			}
		}
		p.Close()
	}
}

// TestExpertsReports: a router that gives all experts the same score has balance k, entropy log E, and a
// z-loss of (log E)². Ties are broken by the order of the experts, so all tokens pick the same ones, and
// picks beyond the capacity are dropped. The losses of the layers are pooled.
func TestExpertsReports(t *testing.T) {
	const experts, rows = 4, 8
	for _, pooled := range []bool{false, true} {
		c := layers.ExpertsConfig{
			Count: experts, PerToken: 2, Capacity: 2, ZLoss: 0.5, Balance: layers.Balance{Weight: 0.25, Pooled: pooled, BiasRate: 0.001},
			Router: func(s *graph.Scope, x *G.Node) *G.Node {
				return layers.Dense(s.At("router"), x, experts, layers.Weights{Init: graph.Zeros()})
			},
		}
		s := graph.New(graph.NewParams(1), graph.Training())
		x := s.Floats("x", rows, 3)
		for i := range 2 {
			x = layers.Experts(c, gated)(s.At("h.%d.mlp", i), x)
		}
		p, err := s.CompileGrad(s.Node(G.Sum(x)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.SetFloats("x", make([]float32, rows*3))
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		near := func(name string, got float32, want float64) {
			t.Helper()
			if math.Abs(float64(got)-want) > 1e-6 {
				t.Errorf("pooled %v: %s is %v, want %v", pooled, name, got, want)
			}
		}
		losses := p.Losses()
		if len(losses) != 2 || losses[0].Name != "balance_loss" || losses[0].Weight != 0.25 || losses[1].Name != "router_z_loss" {
			t.Fatalf("losses are %+v", losses)
		}
		near("the balance", losses[0].Value, 2)
		near("the z-loss", losses[1].Value, math.Log(experts)*math.Log(experts))
		want := map[string][]float32{
			"h.0.mlp.balance": {2}, "h.0.mlp.entropy": {float32(math.Log(experts))}, "h.0.mlp.load": {0.5, 0.5, 0, 0}, "h.0.mlp.dropped": {0.5},
		}
		for _, r := range p.Reports() {
			for i, v := range want[r.Name] {
				near(r.Name, r.Value[i], float64(v))
			}
			delete(want, r.Name)
			if r.Update != nil {
				r.Update([]float64{0.5, 0.25, 0.25, 0})
			}
		}
		if bias := s.Params().Get("h.1.mlp.balance_bias").Data(); len(want) > 0 || !slices.Equal(bias, []float32{-0.001, 0, 0, 0.001}) {
			t.Errorf("no report of %v; the bias is %v", want, bias)
		}
	}
}

// TestExpertsPooled: in a pooled loss, each layer counts with its own number of experts per token.
func TestExpertsPooled(t *testing.T) {
	s := graph.New(graph.NewParams(1), graph.Training())
	x := s.Floats("x", 8, 3)
	for i := range 2 {
		x = layers.Experts(layers.ExpertsConfig{
			Count: 4, PerToken: i + 1, Scores: layers.SoftmaxAll, Balance: layers.Balance{Weight: 1, Pooled: true},
			Router: func(s *graph.Scope, x *G.Node) *G.Node {
				return layers.Dense(s.At("router"), x, 4, layers.Weights{Init: graph.Zeros()})
			},
		}, gated)(s.At("h.%d", i), x)
	}
	p, err := s.CompileGrad(s.Node(G.Sum(x)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.SetFloats("x", make([]float32, 24))
	if err := p.RunGrad(1); err != nil || math.Abs(float64(p.Losses()[0].Value)-1.5) > 1e-6 { // equal scores give k, here the mean of 1 and 2
		t.Errorf("%v, %v", p.Losses(), err)
	}
}

// TestExpertsFewRows: outside of training, a capacity leaves each expert at least one row, however few rows a
// graph has: loading a model declares it over a single token, and a prompt may be as short.
func TestExpertsFewRows(t *testing.T) {
	params := graph.NewParams(1)
	of := func(c layers.ExpertsConfig) []float32 {
		s := graph.New(params)
		y := layers.Experts(c, gated)(s.At("mlp"), s.Floats("x", 1, 3))
		p, err := s.Compile(y)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.SetFloats("x", []float32{1, -2, 3})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(p.Value(y))
	}
	c := layers.ExpertsConfig{Count: 4, PerToken: 2, Capacity: 1.25, EvalCapacity: 2}
	for _, c.EvalCapacity = range []float64{2, 1e300} { // more than an integer can hold
		if got, want := of(c), of(layers.ExpertsConfig{Count: 4, PerToken: 2}); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v as without a bound", c.EvalCapacity, got, want)
		}
	}
}

// TestExpertsErrors: invalid settings are errors that say what is wrong.
func TestExpertsErrors(t *testing.T) {
	config := func(c layers.ExpertsConfig) func(s *graph.Scope, x *G.Node) *G.Node { return layers.Experts(c, gated) }
	for want, layer := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"Experts: 3 of 2 experts for a token; want 1 or more experts, and 1 to all of them for a token": config(layers.ExpertsConfig{Count: 2, PerToken: 3}),
		"Experts: 0 of 2 experts for a token; want 1 or more experts, and 1 to all of them for a token": config(layers.ExpertsConfig{Count: 2}),
		"Experts: a capacity of 0.25 times 6 rows for 2 experts is 0 rows for each; want 1 or more": config(layers.ExpertsConfig{
			Count: 2, PerToken: 1, Capacity: 0.25}),
		"Experts: a capacity of -1, 0 in evaluations, 0 a sequence; want numbers above 0, or 0 for no bound": config(layers.ExpertsConfig{
			Count: 2, PerToken: 1, Capacity: -1}),
		"Experts: a capacity of 0, 0 in evaluations, -1 a sequence; want numbers above 0, or 0 for no bound": config(layers.ExpertsConfig{
			Count: 2, PerToken: 1, PerSequence: -1}),
		"Experts: Scores are 3; want SoftmaxPicked, SoftmaxAll or Sigmoid": config(layers.ExpertsConfig{Count: 2, PerToken: 1, Scores: 3}),
		"Experts: the expert is nil; want a function":                      layers.Experts(layers.ExpertsConfig{Count: 2, PerToken: 1}, nil),
		"Experts: the router's logits are (6, 3) for x (6, 4); want (N, E) for 2 experts": config(layers.ExpertsConfig{
			Count: 2, PerToken: 1, Router: router(3)}),
		"Experts: the expert returns (6, 5) for (6, 4); want the same shape": layers.Experts(layers.ExpertsConfig{Count: 2, PerToken: 1},
			func(s *graph.Scope, x *G.Node) *G.Node { return layers.Linear(s, x, 5, layers.Weights{}) }),
		"experts: Sequence: rows that belong to groups are not sequences: attention and similar layers must be outside experts": layers.Experts(
			layers.ExpertsConfig{Count: 2, PerToken: 1}, func(s *graph.Scope, x *G.Node) *G.Node {
				return layers.Attention(s, x, layers.AttentionConfig{Heads: 2})
			}),
		"experts.ln: LayerNorm: x is (6, 4), gain (2, 4); want (N, C), and (C) for gain and bias": layers.Experts(
			layers.ExpertsConfig{Count: 2, PerToken: 1}, func(s *graph.Scope, x *G.Node) *G.Node { return layers.LayerNorm(s.At("ln"), x, layers.Norm{}) }),
		"experts.experts: Grouped: the rows belong to groups already": layers.Experts(layers.ExpertsConfig{Count: 2, PerToken: 1},
			layers.Experts(layers.ExpertsConfig{Count: 2, PerToken: 1, Router: func(s *graph.Scope, x *G.Node) *G.Node { return ops.Columns(s, x, 0, 2) }}, gated)),
	} {
		s := graph.New(graph.NewParams(1), graph.Training())
		s.SetSequence(2, 3)
		layer(s, s.Floats("x", 6, 4))
		if err := s.Err(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
