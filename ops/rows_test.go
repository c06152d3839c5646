package ops_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// TestRowWise: ops that declare themselves row-wise give a row the same result alone as among others; ops
// that do not, and Gorgonia's ops that mix rows, are not accepted in an incremental graph.
func TestRowWise(t *testing.T) {
	weight := func(s *graph.Scope, shape ...int) *G.Node { return s.Param("w", graph.Normal(1), shape...) }
	for name, build := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{ // x (N, 4)
		"Linear": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Linear(s, x, weight(s, 4, 3), s.Param("b", graph.Normal(1), 3))
		},
		"Project":   func(s *graph.Scope, x *G.Node) *G.Node { return ops.Project(s, x, weight(s, 3, 4)) },
		"LayerNorm": func(s *graph.Scope, x *G.Node) *G.Node { return ops.LayerNorm(s, x, weight(s, 4), nil, 1e-5) },
		"Add":       func(s *graph.Scope, x *G.Node) *G.Node { return ops.Add(s, x, ops.ReLU(s, x)) },
		"GELU":      ops.GELU, "GELUErf": ops.GELUErf, "ReLU": ops.ReLU, "Softmax": ops.Softmax, "LogSoftmax": ops.LogSoftmax,
		"LogSumExp": ops.LogSumExp, "Detach": ops.Detach, "Zero": ops.Zero,
		"RMSNorm": func(s *graph.Scope, x *G.Node) *G.Node { return ops.RMSNorm(s, x, weight(s, 2), 1e-5) },
		"Mul":     func(s *graph.Scope, x *G.Node) *G.Node { return ops.Mul(s, x, ops.Sigmoid(s, x)) },
		"MulRow": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.AddRow(s, ops.MulRow(s, x, weight(s, 4)), s.Param("b", graph.Normal(1), 4))
		},
		"MulColumn": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.AddColumn(s, ops.MulColumn(s, x, ops.LogSumExp(s, x)), ops.LogSumExp(s, x))
		},
		"Columns": func(s *graph.Scope, x *G.Node) *G.Node { return ops.Columns(s, x, 1, 2) },
		"Concat":  func(s *graph.Scope, x *G.Node) *G.Node { return ops.Concat(s, x, ops.ReLU(s, x)) },
		"Dense": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Dense(s, x, weight(s, 3, 4), s.Param("b", graph.Normal(1), 3))
		},
		"Scale":   func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, 3) },
		"Reshape": func(s *graph.Scope, x *G.Node) *G.Node { return ops.Reshape(s, x, x.Shape()[0]*2, 2) },
		"Reshape of a vector": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Reshape(s, ops.LogSumExp(s, x), x.Shape()[0], 1)
		},
		"Embed": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Embed(s, s.Ints("ids", x.Shape()[0]), weight(s, 5, 4))
		},
		"a number of Gorgonia's": func(s *graph.Scope, x *G.Node) *G.Node {
			return s.Node(G.HadamardProd(x, s.Node(G.Sum(weight(s, 4)))))
		},
		"Gorgonia's": func(s *graph.Scope, x *G.Node) *G.Node {
			y := s.Node(G.HadamardProd(x, s.Node(G.Sigmoid(x))))
			return s.Node(G.Mul(y, s.Node(G.Transpose(weight(s, 3, 4))))) // weights may pass through any op
		},
		"repaired": func(s *graph.Scope, x *G.Node) *G.Node {
			return s.Node(G.InverseSqrt(s.Node(G.SoftMax(x))))
		},
	} {
		data := []float32{.5, -1, 2, .25, 3, -.75, 1.25, -2, .1, 1.75, -.3, .9}
		params := graph.NewParams(1)
		all := rowsOf(t, params, build, data, nil)
		memory := graph.NewCache(1, 3)
		var single []float32
		for i := range 3 {
			single = append(single, rowsOf(t, params, build, data[4*i:4*i+4], memory)...)
		}
		if !slices.EqualFunc(all, single, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 }) {
			t.Errorf("%s: %v, row by row %v", name, all, single)
		}
	}
	for name, build := range map[string]func(s *graph.Scope, x *G.Node) *G.Node{
		"Reshape": func(s *graph.Scope, x *G.Node) *G.Node { return ops.Reshape(s, x, x.Shape().TotalSize()/8, 8) },
		"Reshape of a vector": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Softmax(s, ops.Reshape(s, ops.LogSumExp(s, x), 1, 4))
		},
		"SplitHeads": func(s *graph.Scope, x *G.Node) *G.Node { return ops.SplitHeads(s, ops.AllHeads(s, x, 2)) },
		"BatchedMatMul": func(s *graph.Scope, x *G.Node) *G.Node {
			y := ops.Reshape(s, x, 1, 4, 4)
			return ops.BatchedMatMul(s, y, y, false, true)
		},
		"Softmax": func(s *graph.Scope, x *G.Node) *G.Node { return ops.Softmax(s, ops.LogSumExp(s, x)) },
		"T":       func(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Slice(x, G.S(0, 3))) },
		"Aᵀ":      func(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Transpose(x)) },
		"Σ":       func(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Sum(x, 0)) },
		"A × B":   func(s *graph.Scope, x *G.Node) *G.Node { return s.Node(G.Mul(s.Param("w", graph.Ones(), 4, 4), x)) },
		"Linear": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Linear(s, s.Param("w", graph.Ones(), 4, 4), x, nil)
		},
		"MulColumn": func(s *graph.Scope, x *G.Node) *G.Node { return ops.MulColumn(s, x, s.Param("w", graph.Ones(), 4)) },
		"MulRow":    func(s *graph.Scope, x *G.Node) *G.Node { return ops.MulRow(s, x, ops.LogSumExp(s, x)) },
		// A piece would always get the first rows of the weight.
		"rows of a weight": func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.Add(s, x, s.Node(G.Slice(s.Param("w", graph.Ones(), 8, 4), G.S(0, x.Shape()[0]))))
		},
		"rows of a weight, Gorgonia's": func(s *graph.Scope, x *G.Node) *G.Node {
			return s.Node(G.HadamardProd(s.Node(G.Slice(s.Param("w", graph.Ones(), 8, 4), G.S(0, x.Shape()[0]))), x))
		},
		"Embed of data": func(s *graph.Scope, x *G.Node) *G.Node { return ops.Embed(s, s.Ints("ids", 4), x) },
		"Mine": func(s *graph.Scope, x *G.Node) *G.Node {
			return s.Apply(graph.Op{Name: "Mine", Out: x.Shape(), Run: func(*graph.Args) error { return nil }}, x)
		},
	} {
		s := graph.New(graph.NewParams(1), graph.Incremental(graph.NewCache(1, 8))).At("h.0")
		s.SetSequence(1, 4)
		_, err := s.Compile(build(s, s.Floats("x", 4, 4)))
		if err == nil || !strings.HasPrefix(err.Error(), "h.0: ") || !strings.Contains(err.Error(), "graph.Op.RowWise") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// rowsOf runs what build declares on rows of 4 numbers, in an incremental graph if memory is not nil.
func rowsOf(t *testing.T, params *graph.Params, build func(s *graph.Scope, x *G.Node) *G.Node, data []float32, memory *graph.Cache) []float32 {
	t.Helper()
	var options []graph.Option
	if memory != nil {
		options = append(options, graph.Incremental(memory))
	}
	s := graph.New(params, options...)
	n := len(data) / 4
	y := build(s, s.Floats("x", n, 4))
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", data); err != nil {
		t.Fatal(err)
	}
	if s.Lookup("ids") != nil {
		ids := make([]int, n)
		for i := range ids {
			ids[i] = int(10*max(data[4*i], 0)) % 5
		}
		if err := p.SetInts("ids", ids); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y))
}

// TestReshapeScalar: a scalar becomes a vector of one element and has a gradient.
func TestReshapeScalar(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	w := s.Param("w", graph.Ones(), 2, 3)
	vector := ops.Reshape(s, s.Node(G.Sum(s.Node(G.Square(w)))), 1) // 6
	p, err := s.CompileGrad(s.Node(G.Sum(s.Node(G.Cube(vector)))), vector)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	// d(x³)/dx is 108 at 6, and dx/dw is 2.
	if got := s.Params().Get("w").GradData(); p.Value(vector)[0] != 6 || got[0] != 216 || got[5] != 216 {
		t.Errorf("value %v, gradient %v; want 6 and 216", p.Value(vector), got)
	}
}
