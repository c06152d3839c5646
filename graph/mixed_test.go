package graph_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// side is the number of rows and columns of every node of a mixed graph.
const side = 4

// mixed declares a random graph of this module's ops and Gorgonia's over three parameters, each of which may
// be used any number of times. It returns the loss and a few other nodes.
func mixed(s *graph.Scope, random *rand.Rand, onlyOurs bool) (loss *G.Node, outs G.Nodes) {
	pool := G.Nodes{s.Floats("x", side, side)}
	for i := range 3 {
		pool = append(pool, s.Param(fmt.Sprintf("w%d", i), graph.Normal(0.5), side, side))
	}
	pick := func() *G.Node {
		if random.IntN(2) == 0 {
			return pool[len(pool)-1-random.IntN(3)]
		}
		return pool[random.IntN(len(pool))]
	}
	kinds := 15
	if onlyOurs {
		kinds = 6
	}
	for i := range 4 + random.IntN(14) {
		s := s.At("block%d.n%d", i/4, i)
		a, b := pick(), pick()
		var n *G.Node
		switch random.IntN(kinds) {
		case 0:
			n = ops.Add(s, a, b)
		case 1:
			n = ops.Linear(s, a, b, nil)
		case 2:
			n = ops.Project(s, a, b)
		case 3:
			n = ops.Scale(s, a, 0.7)
		case 4:
			n = ops.GELU(s, a)
		case 5:
			n = ops.Softmax(s, a)
		case 6:
			n = G.Must(G.Add(a, b))
		case 7:
			n = G.Must(G.HadamardProd(a, b))
		case 8:
			n = G.Must(G.Mul(a, b))
		case 9:
			n = G.Must(G.Tanh(a))
		case 10:
			n = G.Must(G.Sub(a, b))
		case 11:
			n = G.Must(G.Square(a))
		case 12:
			n = G.Must(G.Neg(a))
		case 13:
			n = G.Must(G.Transpose(a))
		case 14:
			n = G.Must(G.HadamardProd(a, G.NewConstant(float32(0.3))))
		}
		pool = append(pool, n)
		if random.IntN(4) == 0 {
			outs = append(outs, n)
		}
	}
	total := pool[len(pool)-1]
	for _, w := range pool[1:4] {
		total = G.Must(G.Add(total, w)) // so that the loss depends on all parameters
	}
	total = ops.Add(s, total, pool[random.IntN(len(pool))])
	return G.Must(G.Mean(G.Must(G.Tanh(total)))), outs
}

// TestMixed compares the gradients of random graphs, accumulated over two runs, with central differences of
// their loss, and their outputs with those of the same graph compiled without gradients. It would reveal buffers
// that are reused too early, and gradients that are accumulated in place although something else reads them.
func TestMixed(t *testing.T) { testMixed(t) }

// TestMixedStages is TestMixed with programs of many stages.
func TestMixedStages(t *testing.T) {
	if testing.Short() {
		t.Skip("each stage has a goroutine of its own to start")
	}
	graph.SmallStages(t, 7)
	testMixed(t)
}

func testMixed(t *testing.T) {
	// A float32 loss of about 1 has an error of 1e-7, so a central difference with a step of 1e-2 has one of 1e-5; the
	// curvature of the graphs adds up to a few percent.
	const step, tolerance = 1e-2, 0.1
	graphs := 300
	if testing.Short() {
		graphs = 60
	}
	for seed := range graphs {
		onlyOurs := seed%3 == 0
		compile := func(grad bool) (*graph.Params, *graph.Program, G.Nodes) {
			params := graph.NewParams(uint64(seed))
			s := graph.New(params)
			loss, outs := mixed(s, rand.New(rand.NewPCG(uint64(seed), 7)), onlyOurs)
			compile := s.CompileGrad
			if !grad {
				compile = func(loss *G.Node, outs ...*G.Node) (*graph.Program, error) { return s.Compile(append(outs, loss)...) }
			}
			p, err := compile(loss, outs...)
			if err != nil {
				t.Fatalf("graph %d: %v", seed, err)
			}
			t.Cleanup(func() { p.Close() })
			random := rand.New(rand.NewPCG(uint64(seed), 8))
			x := make([]float32, side*side)
			for i := range x {
				x[i] = float32(random.NormFloat64())
			}
			if err := p.SetFloats("x", x); err != nil {
				t.Fatal(err)
			}
			return params, p, append(outs, loss)
		}
		params, p, outs := compile(true)
		for _, weight := range []float32{0.5, 0.25} {
			if err := p.RunGrad(weight); err != nil {
				t.Fatalf("graph %d: %v", seed, err)
			}
		}
		plainParams, plain, plainOuts := compile(false)
		run := func() float64 {
			if err := plain.Run(); err != nil {
				t.Fatal(err)
			}
			return float64(plain.Value(plainOuts[len(plainOuts)-1])[0])
		}
		run()
		for i, n := range outs {
			if !slices.Equal(p.Value(n), plain.Value(plainOuts[i])) {
				t.Errorf("graph %d: output %d is %v, without gradients %v", seed, i, p.Value(n), plain.Value(plainOuts[i]))
			}
		}
		for _, param := range params.All() {
			w := plainParams.Get(param.Name()).Data()
			for i, got := range param.GradData() {
				old := w[i]
				w[i] = old + step
				above := run()
				w[i] = old - step
				below := run()
				w[i] = old
				want := 0.75 * (above - below) / (2 * step)
				if e := math.Abs(float64(got) - want); !(e <= tolerance*(0.02+math.Abs(want))) {
					t.Errorf("graph %d: gradient of %s[%d] is %v, want %v", seed, param.Name(), i, got, want)
				}
			}
		}
	}
}

// TestSharedGradient: gradients that something else reads, or that belong to two parameters at once, are not
// accumulated in place. LoRA's base plus delta has such gradients.
func TestSharedGradient(t *testing.T) {
	for _, c := range []struct {
		name   string
		weight func(s *graph.Scope, w, d *G.Node) *G.Node
		uses   int // how often the weight is used
		want   map[string]float32
	}{
		{"one node for both", func(s *graph.Scope, w, d *G.Node) *G.Node { return ops.Add(s, w, d) }, 1, map[string]float32{"w": 1, "d": 1}},
		{"one read for the other", func(s *graph.Scope, w, d *G.Node) *G.Node { return ops.Add(s, w, ops.Scale(s, d, 3)) }, 1, map[string]float32{"w": 1, "d": 3}},
		{"a sum for both", func(s *graph.Scope, w, d *G.Node) *G.Node { return ops.Add(s, w, d) }, 2, map[string]float32{"w": 2, "d": 2}},
		{"a sum read for the other", func(s *graph.Scope, w, d *G.Node) *G.Node { return ops.Add(s, w, ops.Scale(s, d, 3)) }, 2, map[string]float32{"w": 2, "d": 6}},
	} {
		params := graph.NewParams(1)
		s := graph.New(params)
		weight := c.weight(s, s.Param("w", graph.Ones(), 2, 2), s.Param("d", graph.Ones(), 2, 2))
		x := s.Floats("x", 1, 2)
		y := ops.Linear(s, x, weight, nil)
		if c.uses == 2 {
			y = ops.Add(s, y, ops.Linear(s, x, weight, nil))
		}
		p, err := s.CompileGrad(G.Must(G.Sum(y)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{1, 1}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.RunGrad(0.5); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range c.want {
			if got := params.Get(name).GradData(); !slices.Equal(got, []float32{want, want, want, want}) {
				t.Errorf("%s: gradient of %s is %v, want %v", c.name, name, got, want)
			}
		}
	}
}

// TestDeepBuiltins: many layers of built-in ops that read a node twice compile without delay.
func TestDeepBuiltins(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := ops.Scale(s, s.Floats("x", 2), 1)
	for range 60 {
		x = G.Must(G.Add(x, G.Must(G.Tanh(x))))
	}
	p, err := s.Compile(x)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
}

// refused lists Gorgonia functions that are not accepted in a program, in addition to those in usages.
var refused = map[string]struct {
	declare func(x *G.Node) (*G.Node, error)
	want    string
}{
	"Dropout": {func(x *G.Node) (*G.Node, error) { return G.Dropout(x, 0.1) },
		"graph: Gorgonia's Dropout{training=true}() cannot be used: its gradient is wrong; use ops.Dropout"},
	"SoftMax along columns": {func(x *G.Node) (*G.Node, error) { return G.SoftMax(x, 0) },
		"graph: Gorgonia's Softmax{0, false}() cannot be used: along an axis other than the last, it overflows where an element exceeds the tensor's first by 88; transpose x for ops.Softmax or ops.LogSoftmax"},
	"SoftMax and LogSoftMax": {func(x *G.Node) (*G.Node, error) {
		return G.HadamardProd(G.Must(G.SoftMax(x)), G.Must(G.LogSoftMax(x)))
	}, "graph: Gorgonia's Softmax{-1, false}() cannot be used: it is used more than once, and Gorgonia treats SoftMax and LogSoftMax of the same input as one; use ops.Softmax and ops.LogSoftmax"},
	"MaxPool1D": {func(x *G.Node) (*G.Node, error) {
		return G.MaxPool1D(G.Must(G.Reshape(x, tensor.Shape{1, 1, 1, 6})), 2, 0, 1)
	}, "cannot be used: G.AveragePool1D takes the maximum and cannot be told from G.MaxPool1D; reshape the rows to (B, C, T, 1) for G.MaxPool2D, or average with G.Conv2d with equal weights"},
	"UniformRandomNode": {func(x *G.Node) (*G.Node, error) {
		return G.Add(x, G.UniformRandomNode(x.Graph(), tensor.Float32, 0, 1, 2, 3))
	}, "cannot be used: it is seeded from the clock, so runs cannot be repeated; use an input of Scope.Floats"},
	"GaussianRandomNode": {func(x *G.Node) (*G.Node, error) {
		return G.Add(x, G.GaussianRandomNode(x.Graph(), tensor.Float32, 0, 1, 2, 3))
	}, "cannot be used: it is seeded from the clock, so runs cannot be repeated; use an input of Scope.Floats"},
	"BinomialRandomNode": {func(x *G.Node) (*G.Node, error) {
		return G.Add(x, G.BinomialRandomNode(x.Graph(), tensor.Float32, 3, 0.5, 2, 3))
	}, "cannot be used: it is seeded from the clock, so runs cannot be repeated; use an input of Scope.Floats"},
	"a long constant": {func(x *G.Node) (*G.Node, error) {
		return G.Mul(x, G.NewConstant(tensor.New(tensor.WithShape(3, 100), tensor.WithBacking(make([]float32, 300)))))
	}, "graph: Gorgonia's const Matrix float32 cannot be used: a constant tensor is identified by its printed form, which omits elements; use an input of Scope.Floats"},
	"CTCLoss": {func(x *G.Node) (*G.Node, error) {
		ints := func(name string, shape ...int) *G.Node {
			return G.NewTensor(x.Graph(), tensor.Int, len(shape), G.WithShape(shape...), G.WithName(name))
		}
		return G.CTCLoss(G.Must(G.Reshape(x, tensor.Shape{2, 1, 3})), ints("a", 1, 1), ints("b", 1), ints("c", 1), G.ReductionMean)
	}, "graph: Gorgonia's CTCLoss{}() cannot be used: its gradient has not been checked"},
	"YOLOv3": {func(x *G.Node) (*G.Node, error) {
		return G.YOLOv3(G.Must(G.Reshape(x, tensor.Shape{1, 6, 1, 1})), []float32{1, 2}, []int{0}, 32, 1, 0.5)
	}, "cannot be used: its gradient has not been checked"},
	"ConvType": {func(x *G.Node) (*G.Node, error) { return G.ConvType(x, tensor.Float32, tensor.Float64) },
		"graph: Gorgonia's Matrix float32 → Matrix float64 cannot be used: a program's numbers are float32"},
}

// TestRefused: Gorgonia functions that compute wrong results are not accepted in a program.
func TestRefused(t *testing.T) {
	for name, c := range refused {
		s := graph.New(graph.NewParams(1))
		n, err := c.declare(s.Floats("x", 2, 3))
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := s.Compile(n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v\nwant  %s", name, err, c.want)
		}
	}
}

// TestErrorBeforeBuiltins: after an error, Gorgonia's functions still accept the nodes that constructors
// return, and compiling returns the first error.
func TestErrorBeforeBuiltins(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", 2, 3)
	y := ops.Add(s.At("h.0"), x, s.Floats("y", 3, 2))
	z := G.Must(G.Square(G.Must(G.Add(x, y))))
	const want = "h.0: Add: the shapes (2, 3) and (3, 2) differ"
	if _, err := s.CompileGrad(G.Must(G.Mean(z))); err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
}
