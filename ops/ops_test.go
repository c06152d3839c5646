package ops_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/reference"
	"github.com/gorgpt/gorgpt/ops"
)

// tolerance bounds relative errors of float32 kernels against float64: sums of up to a hundred terms of size
// 1, for which 3e-7 to 2e-6 were measured.
const tolerance = 1e-5

// opCase is an op with its inputs and its reference.
type opCase struct {
	name   string
	shapes []tensor.Shape // of the float32 inputs
	ids    []int          // the integer input, if any
	// context is the length of the sequences in the rows of the first input, or 0 if they are not sequences
	context int
	build   func(s *graph.Scope, x []*G.Node, ids *G.Node) *G.Node
	ref     func(x [][]float64, ids []int) []float64
}

func unary(name string, op func(*graph.Scope, *G.Node) *G.Node, f func(float64) float64) opCase {
	return opCase{
		name:   name,
		shapes: []tensor.Shape{{5, 7}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return op(s, x[0]) },
		ref:    func(x [][]float64, _ []int) []float64 { return reference.Map(f, x[0]) },
	}
}

// attend applies ops.Attention to queries, keys and values that are side by side.
func attend(s *graph.Scope, qkv *G.Node, heads, kv int, o ops.AttentionOptions) *G.Node {
	q, k, v := ops.QKV(s, qkv, heads, kv)
	return ops.Attention(s, q, k, v, o)
}

// attentionOf is a case of attention whose heads are anywhere in some matrices.
func attentionOf(name string, attention func(s *graph.Scope, q, k, v ops.Heads, o ops.AttentionOptions) *G.Node, batch, context int, columns []int, q, k, v ops.Heads, in [3]int) opCase {
	c := opCase{name: name, context: context}
	for _, n := range columns {
		c.shapes = append(c.shapes, tensor.Shape{batch * context, n})
	}
	c.build = func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
		q, k, v := q, k, v
		q.In, k.In, v.In = x[in[0]], x[in[1]], x[in[2]]
		return attention(s, q, k, v, ops.AttentionOptions{})
	}
	// For the reference, there are as many heads of keys and values as of queries, side by side.
	c.ref = func(x [][]float64, _ []int) []float64 {
		var qkv []float64
		for row := range batch * context {
			for i, h := range []ops.Heads{q, k, v} {
				for head := range q.Count {
					at := row*columns[in[i]] + h.First + head/(q.Count/h.Count)*h.Size
					qkv = append(qkv, x[in[i]][at:at+h.Size]...)
				}
			}
		}
		return reference.Attention(qkv, batch, context, q.Count, q.Count*q.Size, 0)
	}
	return c
}

func attention(name string, batch, context, heads, width, window int) opCase {
	return opCase{
		name:    name,
		shapes:  []tensor.Shape{{batch * context, 3 * width}},
		context: context,
		build: func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
			return attend(s, x[0], heads, heads, ops.AttentionOptions{Window: window})
		},
		ref: func(x [][]float64, _ []int) []float64 {
			return reference.Attention(x[0], batch, context, heads, width, window)
		},
	}
}

// scaledAttention is a case of attention with a custom scale. The reference divides scores by √D, so its
// queries are multiplied by scale·√D.
func scaledAttention(name string, batch, context, heads, width int, scale float64) opCase {
	c := attention(name, batch, context, heads, width, 0)
	c.build = func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
		return attend(s, x[0], heads, heads, ops.AttentionOptions{Scale: scale})
	}
	c.ref = func(x [][]float64, _ []int) []float64 {
		qkv := slices.Clone(x[0])
		for i := range qkv {
			if i%(3*width) < width {
				qkv[i] *= scale * math.Sqrt(float64(width/heads))
			}
		}
		return reference.Attention(qkv, batch, context, heads, width, 0)
	}
	return c
}

// rotary is a case whose reference rotates the pairs of columns (m, m+pairs) of each head as complex numbers.
func rotary(name string, batch, context, heads, size int, o ops.RotaryOptions) opCase {
	frequencies := o.Frequencies
	if frequencies == nil {
		theta := o.Theta
		if theta == 0 {
			theta = 10000
		}
		for m := range size / 2 {
			frequencies = append(frequencies, 1/math.Pow(theta, 2*float64(m)/float64(size)))
		}
	}
	return opCase{
		name:    name,
		shapes:  []tensor.Shape{{batch * context, heads * size}},
		context: context,
		build:   func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Rotary(s, x[0], heads, o) },
		ref: func(x [][]float64, _ []int) []float64 {
			y, n := slices.Clone(x[0]), len(frequencies)
			for i := range batch * context * heads {
				head := y[i*size:][:size]
				for m, f := range frequencies {
					z := complex(head[m], head[m+n]) * cmplx.Rect(1, float64(i/heads%context)*f)
					head[m], head[m+n] = real(z), imag(z)
				}
			}
			return y
		},
	}
}

// rmsNorm is a case of RMSNorm over groups of the given number of columns.
func rmsNorm(name string, rows, width, columns int, build func(s *graph.Scope, x, gain *G.Node, epsilon float64) *G.Node) opCase {
	return opCase{
		name:   name,
		shapes: []tensor.Shape{{rows, width}, {columns}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return build(s, x[0], x[1], 1e-3) },
		ref: func(x [][]float64, _ []int) (y []float64) {
			for part := range slices.Chunk(x[0], columns) {
				square := 0.0
				for _, v := range part {
					square += v * v / float64(columns)
				}
				for i, v := range part {
					y = append(y, v*x[1][i]/math.Sqrt(square+1e-3))
				}
			}
			return y
		},
	}
}

// composedRMSNorm computes ops.RMSNorm by Gorgonia's ops and broadcasts.
func composedRMSNorm(s *graph.Scope, x, gain *G.Node, epsilon float64) *G.Node {
	square := s.Node(G.Mean(s.Node(G.Square(x)), 1))                               // (N)
	root := s.Node(G.Sqrt(s.Node(G.Add(square, G.NewConstant(float32(epsilon)))))) // (N)
	return ops.MulRow(s, ops.MulColumn(s, x, s.Node(G.Inverse(root))), gain)       // (N, C)
}

// broadcast is a case of an op on a matrix (5, 6) and a vector of the given size.
func broadcast(name string, op func(s *graph.Scope, x, v *G.Node) *G.Node, size int, f func(x, v []float64, r, c int) float64) opCase {
	return opCase{
		name:   name,
		shapes: []tensor.Shape{{5, 6}, {size}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return op(s, x[0], x[1]) },
		ref: func(x [][]float64, _ []int) (y []float64) {
			for i := range x[0] {
				y = append(y, f(x[0], x[1], i/6, i%6))
			}
			return y
		},
	}
}

func layerNorm(name string, rows, width int, bias bool) opCase {
	c := opCase{name: name, shapes: []tensor.Shape{{rows, width}, {width}}}
	if bias {
		c.shapes = append(c.shapes, tensor.Shape{width})
	}
	c.build = func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
		return ops.LayerNorm(s, x[0], x[1], append(x, nil)[2], 1e-5)
	}
	c.ref = func(x [][]float64, _ []int) []float64 {
		return reference.LayerNorm(x[0], x[1], append(x, nil)[2], 1e-5)
	}
	return c
}

func linear(name string, rows, from, to int, bias bool) opCase {
	c := opCase{name: name, shapes: []tensor.Shape{{rows, from}, {from, to}}}
	if bias {
		c.shapes = append(c.shapes, tensor.Shape{to})
	}
	c.build = func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
		return ops.Linear(s, x[0], x[1], append(x, nil)[2])
	}
	c.ref = func(x [][]float64, _ []int) []float64 {
		return reference.Linear(x[0], x[1], append(x, nil)[2], from, to)
	}
	return c
}

func head(name string, build func(s *graph.Scope, x, w, targets *G.Node) *G.Node, rows, width, vocab int) opCase {
	var targets []int
	for i := range rows {
		targets = append(targets, i*5%vocab)
	}
	return opCase{
		name:   name,
		shapes: []tensor.Shape{{rows, width}, {vocab, width}},
		ids:    targets,
		build:  func(s *graph.Scope, x []*G.Node, ids *G.Node) *G.Node { return build(s, x[0], x[1], ids) },
		ref: func(x [][]float64, ids []int) []float64 {
			logits := reference.MatMul(x[0], reference.Transpose(x[1], vocab, width), rows, width, vocab)
			return []float64{reference.CrossEntropy(logits, ids, vocab)}
		},
	}
}

func crossEntropyOfProject(s *graph.Scope, x, w, targets *G.Node) *G.Node {
	return ops.CrossEntropy(s, ops.Project(s, x, w), targets)
}

// ignoring sets the targets of most rows, or of all, to -1, so that they do not count.
func ignoring(c opCase, none bool) opCase {
	c.name += " with ignored targets"
	for i := range c.ids {
		if none || i%3 != 1 {
			c.ids[i] = -1
		}
	}
	return c
}

// batched is a case of a batched product of two matrices, each of which may be transposed.
func batched(name string, transA, transB bool) opCase {
	const count, m, k, n = 2, 3, 5, 4
	a, b := tensor.Shape{count, m, k}, tensor.Shape{count, k, n}
	if transA {
		a = tensor.Shape{count, k, m}
	}
	if transB {
		b = tensor.Shape{count, n, k}
	}
	return opCase{
		name:   name,
		shapes: []tensor.Shape{a, b},
		build: func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
			return ops.BatchedMatMul(s, x[0], x[1], transA, transB)
		},
		ref: func(x [][]float64, _ []int) []float64 {
			var y []float64
			for i := range count {
				a, b := x[0][i*m*k:(i+1)*m*k], x[1][i*k*n:(i+1)*k*n]
				if transA {
					a = reference.Transpose(a, k, m)
				}
				if transB {
					b = reference.Transpose(b, n, k)
				}
				y = append(y, reference.MatMul(a, b, m, k, n)...)
			}
			return y
		},
	}
}

// softmaxRows applies the reference's softmax to rows of the given width.
func softmaxRows(x []float64, width int) []float64 {
	var y []float64
	for at := 0; at < len(x); at += width {
		y = append(y, reference.Softmax(x[at:at+width])...)
	}
	return y
}

var opCases = []opCase{
	{
		name:   "Embed",
		shapes: []tensor.Shape{{7, 5}},
		ids:    []int{3, 1, 3, 0, 6, 3},
		build:  func(s *graph.Scope, x []*G.Node, ids *G.Node) *G.Node { return ops.Embed(s, ids, x[0]) },
		ref:    func(x [][]float64, ids []int) []float64 { return reference.Embed(x[0], ids, 5) },
	},
	{
		name:   "Pick",
		shapes: []tensor.Shape{{7, 5}},
		ids:    []int{3, 1, 3, 0, 6, 3},
		build:  func(s *graph.Scope, x []*G.Node, ids *G.Node) *G.Node { return ops.Pick(s, ids, x[0]) },
		ref:    func(x [][]float64, ids []int) []float64 { return reference.Embed(x[0], ids, 5) },
	},
	{
		name:    "AddPositions",
		shapes:  []tensor.Shape{{6, 5}, {4, 5}}, // the last row of the table is not used
		context: 3,
		build:   func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.AddPositions(s, x[0], x[1]) },
		ref:     func(x [][]float64, _ []int) []float64 { return reference.AddPositions(x[0], x[1], 3, 5) },
	},
	{
		name:    "AddSinusoids",
		shapes:  []tensor.Shape{{6, 5}},
		context: 3,
		build:   func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.AddSinusoids(s, x[0]) },
		ref: func(x [][]float64, _ []int) []float64 {
			var table []float64
			for t := range 3 {
				for i := range 5 {
					angle := float64(t) * math.Pow(10000, -2*float64(i/2)/5)
					table = append(table, []float64{math.Sin(angle), math.Cos(angle)}[i%2])
				}
			}
			return reference.AddPositions(x[0], table, 3, 5)
		},
	},
	layerNorm("LayerNorm", 5, 6, true),
	layerNorm("LayerNorm without bias", 5, 7, false),
	layerNorm("LayerNorm of one row", 1, 6, true),
	linear("Linear", 5, 6, 4, true),
	linear("Linear without bias", 5, 6, 4, false),
	linear("Linear of one row", 1, 3, 2, true),
	linear("Linear to one column", 4, 3, 1, true),
	unary("GELU", ops.GELU, reference.GELU),
	unary("GELUErf", ops.GELUErf, reference.GELUErf),
	unary("Reshape", func(s *graph.Scope, x *G.Node) *G.Node { return ops.Reshape(s, ops.Scale(s, x, 2), 7, 5) }, func(v float64) float64 { return 2 * v }),
	unary("SiLU", ops.SiLU, func(v float64) float64 { return v / (1 + math.Exp(-v)) }),
	unary("QuickGELU", ops.QuickGELU, func(v float64) float64 { return v / (1 + math.Exp(-1.702*v)) }),
	unary("SquaredReLU", ops.SquaredReLU, func(v float64) float64 { return max(v, 0) * max(v, 0) }),
	unary("SoftCap", func(s *graph.Scope, x *G.Node) *G.Node { return ops.SoftCap(s, x, 0.7) }, func(v float64) float64 { return 0.7 * math.Tanh(v/0.7) }),
	unary("ReLU", ops.ReLU, reference.ReLU),
	unary("Scale", func(s *graph.Scope, x *G.Node) *G.Node { return ops.Scale(s, x, 0.3) }, func(v float64) float64 { return 0.3 * v }),
	{
		name:   "Add",
		shapes: []tensor.Shape{{5, 6}, {5, 6}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Add(s, x[0], x[1]) },
		ref:    func(x [][]float64, _ []int) []float64 { return reference.Add(x[0], x[1]) },
	},
	{
		name:   "Add of a node to itself",
		shapes: []tensor.Shape{{5, 6}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Add(s, x[0], x[0]) },
		ref:    func(x [][]float64, _ []int) []float64 { return reference.Add(x[0], x[0]) },
	},
	attention("Attention", 2, 4, 3, 6, 0),
	attention("Attention of one head", 2, 5, 1, 7, 0),
	attention("Attention of one position", 3, 1, 2, 6, 0),
	attention("Attention of one sequence", 1, 6, 2, 4, 0),
	scaledAttention("Attention with a scale", 2, 5, 2, 6, 0.25),
	scaledAttention("Attention without scaling, longer than a tile", 1, 131, 1, 4, 1),
	attention("Attention longer than a tile", 1, 131, 1, 4, 0),
	attentionOf("Attention of grouped queries in one matrix", ops.Attention, 2, 5, []int{16}, ops.Heads{nil, 0, 4, 2}, ops.Heads{nil, 8, 2, 2}, ops.Heads{nil, 12, 2, 2}, [3]int{}),
	attentionOf("Attention of grouped queries, longer than a tile", ops.Attention, 1, 131, []int{8}, ops.Heads{nil, 0, 2, 2}, ops.Heads{nil, 4, 1, 2}, ops.Heads{nil, 6, 1, 2}, [3]int{}),
	attentionOf("Attention of columns in another order", ops.Attention, 2, 5, []int{12}, ops.Heads{nil, 8, 2, 2}, ops.Heads{nil, 0, 2, 2}, ops.Heads{nil, 4, 2, 2}, [3]int{}),
	attentionOf("Attention of columns beside others", ops.Attention, 2, 5, []int{13}, ops.Heads{nil, 1, 2, 2}, ops.Heads{nil, 5, 2, 2}, ops.Heads{nil, 9, 2, 2}, [3]int{}),
	attentionOf("Attention of three matrices", ops.Attention, 2, 4, []int{12, 6, 7}, ops.Heads{nil, 0, 4, 3}, ops.Heads{nil, 0, 2, 3}, ops.Heads{nil, 1, 2, 3}, [3]int{0, 1, 2}),
	attentionOf("Attention of queries, and keys beside values", ops.Attention, 2, 4, []int{4, 4}, ops.Heads{nil, 0, 2, 2}, ops.Heads{nil, 0, 1, 2}, ops.Heads{nil, 2, 1, 2}, [3]int{0, 1, 1}),
	attentionOf("Attention of one matrix as all three", ops.Attention, 2, 4, []int{4}, ops.Heads{nil, 0, 2, 2}, ops.Heads{nil, 0, 2, 2}, ops.Heads{nil, 0, 2, 2}, [3]int{}),
	attentionOf("ComposedAttention of grouped queries", ops.ComposedAttention, 2, 5, []int{12, 8}, ops.Heads{nil, 0, 6, 2}, ops.Heads{nil, 0, 2, 2}, ops.Heads{nil, 4, 2, 2}, [3]int{0, 1, 1}),
	{
		name:   "Columns and Concat",
		shapes: []tensor.Shape{{4, 5}, {4, 3}},
		build: func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
			return ops.Concat(s, ops.Columns(s, x[0], 3, 2), x[1], ops.Columns(s, x[0], 0, 4))
		},
		ref: func(x [][]float64, _ []int) (y []float64) {
			for r := range 4 {
				y = slices.Concat(y, x[0][r*5+3:r*5+5], x[1][r*3:r*3+3], x[0][r*5:r*5+4])
			}
			return y
		},
	},
	rotary("Rotary", 2, 5, 3, 4, ops.RotaryOptions{}),
	rotary("Rotary of one position", 3, 1, 1, 2, ops.RotaryOptions{}),
	rotary("Rotary with a base", 1, 9, 2, 6, ops.RotaryOptions{Theta: 50}),
	rotary("Rotary with frequencies, of a part of the heads", 2, 5, 2, 7, ops.RotaryOptions{Frequencies: []float64{0.7, 0.2}}),
	rmsNorm("RMSNorm", 5, 6, 6, ops.RMSNorm),
	rmsNorm("RMSNorm of one row", 1, 7, 7, ops.RMSNorm),
	rmsNorm("RMSNorm of heads", 5, 6, 2, ops.RMSNorm),
	{
		name:   "RMSNormBare",
		shapes: []tensor.Shape{{5, 6}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.RMSNormBare(s, x[0], 3, 1e-3) },
		ref: func(x [][]float64, _ []int) []float64 {
			return rmsNorm("", 5, 6, 3, nil).ref([][]float64{x[0], {1, 1, 1}}, nil)
		},
	},
	{
		name:   "Gate",
		shapes: []tensor.Shape{{5, 6}, {1}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Gate(s, x[0], x[1]) },
		ref: func(x [][]float64, _ []int) []float64 {
			return reference.Map(func(v float64) float64 { return v * x[1][0] }, x[0])
		},
	},
	unary("PlusOne", ops.PlusOne, func(v float64) float64 { return 1 + v }),
	rmsNorm("RMSNorm in small operations", 5, 6, 6, composedRMSNorm),
	unary("Sigmoid", ops.Sigmoid, func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }),
	broadcast("AddRow", ops.AddRow, 6, func(x, v []float64, r, c int) float64 { return x[r*6+c] + v[c] }),
	broadcast("MulRow", ops.MulRow, 6, func(x, v []float64, r, c int) float64 { return x[r*6+c] * v[c] }),
	broadcast("AddColumn", ops.AddColumn, 5, func(x, v []float64, r, c int) float64 { return x[r*6+c] + v[r] }),
	broadcast("MulColumn", ops.MulColumn, 5, func(x, v []float64, r, c int) float64 { return x[r*6+c] * v[r] }),
	{
		name:   "Mul",
		shapes: []tensor.Shape{{5, 6}, {5, 6}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Mul(s, x[0], x[1]) },
		ref: func(x [][]float64, _ []int) (y []float64) {
			for i, v := range x[0] {
				y = append(y, v*x[1][i])
			}
			return y
		},
	},
	unary("Mul of a node by itself", func(s *graph.Scope, x *G.Node) *G.Node { return ops.Mul(s, x, x) }, func(v float64) float64 { return v * v }),
	{
		name:   "Dense",
		shapes: []tensor.Shape{{5, 6}, {4, 6}, {4}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Dense(s, x[0], x[1], x[2]) },
		ref: func(x [][]float64, _ []int) []float64 {
			return reference.Linear(x[0], reference.Transpose(x[1], 4, 6), x[2], 6, 4)
		},
	},
	attention("Attention in a window", 2, 7, 2, 4, 3),
	attention("Attention in a window longer than a tile", 1, 150, 1, 2, 70),
	head("LinearCrossEntropy", ops.LinearCrossEntropy, 5, 6, 7),
	head("LinearCrossEntropy of one row", ops.LinearCrossEntropy, 1, 3, 4),
	head("LinearCrossEntropy longer than a chunk", ops.LinearCrossEntropy, 300, 2, 3),
	ignoring(head("LinearCrossEntropy", ops.LinearCrossEntropy, 5, 6, 7), false),
	ignoring(head("LinearCrossEntropy longer than a chunk", ops.LinearCrossEntropy, 300, 2, 3), false),
	ignoring(head("LinearCrossEntropy of nothing", ops.LinearCrossEntropy, 5, 6, 7), true),
	ignoring(head("CrossEntropy of Project", crossEntropyOfProject, 5, 6, 7), false),
	ignoring(head("CrossEntropy of nothing", crossEntropyOfProject, 5, 6, 7), true),
	head("CrossEntropy of Project", crossEntropyOfProject, 5, 6, 7),
	{
		name:   "Softmax",
		shapes: []tensor.Shape{{4, 5}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.Softmax(s, x[0]) },
		ref:    func(x [][]float64, _ []int) []float64 { return softmaxRows(x[0], 5) },
	},
	{
		name:   "LogSoftmax",
		shapes: []tensor.Shape{{2, 2, 5}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.LogSoftmax(s, x[0]) },
		ref: func(x [][]float64, _ []int) []float64 {
			return reference.Map(math.Log, softmaxRows(x[0], 5))
		},
	},
	{
		name:   "LogSumExp",
		shapes: []tensor.Shape{{4, 5}},
		build:  func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node { return ops.LogSumExp(s, x[0]) },
		ref: func(x [][]float64, _ []int) (y []float64) {
			for row := range slices.Chunk(x[0], 5) {
				y = append(y, row[0]-math.Log(reference.Softmax(row)[0]))
			}
			return y
		},
	},
	batched("BatchedMatMul", false, false),
	batched("BatchedMatMul, b transposed", false, true),
	batched("BatchedMatMul, a transposed", true, false),
	batched("BatchedMatMul, both transposed", true, true),
	{
		name:    "SplitHeads and MergeHeads",
		shapes:  []tensor.Shape{{6, 8}},
		context: 3,
		build: func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
			return ops.MergeHeads(s, ops.SplitHeads(s, ops.Heads{In: x[0], First: 2, Count: 2, Size: 3}), 2)
		},
		ref: func(x [][]float64, _ []int) []float64 {
			var y []float64
			for r := range 6 {
				y = append(y, x[0][r*8+2:r*8+8]...)
			}
			return y
		},
	},
	{
		name:   "Softmax of CausalMask",
		shapes: []tensor.Shape{{2, 4, 4}},
		build: func(s *graph.Scope, x []*G.Node, _ *G.Node) *G.Node {
			return ops.Softmax(s, ops.CausalMask(s, x[0], 2))
		},
		ref: func(x [][]float64, _ []int) []float64 {
			y := make([]float64, len(x[0]))
			for n := range 2 {
				for t := range 4 {
					at := (n*4 + t) * 4
					first := max(0, t-1)
					copy(y[at+first:], reference.Softmax(x[0][at+first:at+t+1]))
				}
			}
			return y
		},
	},
}

// TestOps compares every op with its reference, and its gradient with central differences of the reference,
// for the loss Σ w·y with random w.
func TestOps(t *testing.T) {
	for _, c := range opCases {
		t.Run(c.name, func(t *testing.T) { testOp(t, c) })
	}
}

func testOp(t *testing.T, c opCase) {
	random := rand.New(rand.NewPCG(1, 2))
	params := graph.NewParams(1)
	s := graph.New(params)
	if c.context > 0 {
		s.SetSequence(c.shapes[0][0]/c.context, c.context)
	}
	var nodes []*G.Node
	var x [][]float64
	for i, shape := range c.shapes {
		name := string(rune('a' + i))
		nodes = append(nodes, s.Param(name, graph.Normal(1), shape...))
		x = append(x, reference.Float64s(params.Get(name).Data()))
	}
	var ids *G.Node
	if c.ids != nil {
		ids = s.Ints("ids", len(c.ids))
	}
	y := c.build(s, nodes, ids)
	loss, weights := y, []float32{1}
	if !y.IsScalar() {
		weights = make([]float32, y.Shape().TotalSize())
		for i := range weights {
			weights[i] = float32(random.NormFloat64())
		}
		w := s.Floats("weights", y.Shape()...)
		loss = must(t)(G.Sum(must(t)(G.HadamardProd(y, w))))
	}
	p, err := s.CompileGrad(loss, y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if !y.IsScalar() {
		if err := p.SetFloats("weights", weights); err != nil {
			t.Fatal(err)
		}
	}
	if c.ids != nil {
		if err := p.SetInts("ids", c.ids); err != nil {
			t.Fatal(err)
		}
	}
	for run := range 2 { // the second run reuses buffers
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		if e := reference.Worst(p.Value(y), c.ref(x, c.ids)); !(e < tolerance) {
			t.Errorf("run %d: value: relative error %.1e", run, e)
		}
		refLoss := func() float64 {
			sum := 0.0
			for i, v := range c.ref(x, c.ids) {
				sum += v * float64(weights[i])
			}
			return sum
		}
		for i := range nodes {
			name := string(rune('a' + i))
			if e := reference.GradientError(refLoss, x[i], params.Get(name).GradData(), 200, 1e-3); !(e < tolerance) {
				t.Errorf("run %d: gradient of input %d: relative error %.1e", run, i, e)
			}
		}
	}
}

// must returns a function that fails the test on a Gorgonia constructor's error.
func must(t testing.TB) func(*G.Node, error) *G.Node {
	return func(n *G.Node, err error) *G.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// TestConcatIsCopied: the caller may reuse the slice that it passed to Concat.
func TestConcatIsCopied(t *testing.T) {
	s := graph.New(graph.NewParams(1))
	a, b, c := s.Floats("a", 1, 1), s.Floats("b", 1, 2), s.Floats("c", 1, 1)
	parts := []*G.Node{a, b}
	y := ops.Concat(s, parts...)
	parts[0], parts[1] = b, c
	p, err := s.Compile(y, ops.Concat(s, parts...))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string][]float32{"a": {1}, "b": {2, 3}, "c": {4}} {
		if err := p.SetFloats(name, x); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if got := p.Value(y); !slices.Equal(got, []float32{1, 2, 3}) {
		t.Errorf("1 and 2, 3 side by side are %v", got)
	}
}
