package graph

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Gorgonia's rewriting of expressions such as log(1 + x) returns nodes that users still hold, such as 1 + x, to
// a pool, from which they come back as other nodes.
func init() { G.UseNonStable() }

// repaired returns n with our ops in place of those of Gorgonia's that are wrong in v0.9.18, in everything that
// it is computed from, or n itself if there are none. docs/gorgonia.md lists what is wrong, and how it was
// found.
func (s *Scope) repaired(n *G.Node) *G.Node {
	if _, ours := n.Op().(*nodeOp); ours || n.Op() == nil {
		return n
	}
	if opType(n.Op()) == "softmaxOp" {
		s.uses[n]++
	}
	if y := s.repairs[n]; y != nil {
		return y
	}
	y := n
	if s.err == nil {
		y = s.repair(n, inputs(n))
	}
	s.repairs[n], s.repairs[y] = y, y
	return y
}

// repair is repaired for a node of Gorgonia's.
func (s *Scope) repair(n *G.Node, in G.Nodes) *G.Node {
	changed := false
	for i, x := range in {
		in[i] = s.repaired(x)
		changed = changed || in[i] != x
	}
	if y := s.substitute(n, in); y != nil {
		return y
	}
	if !changed {
		return n
	}
	y, err := G.ApplyOp(n.Op(), in...)
	if err != nil {
		return s.Fail("Gorgonia's "+opName(n.Op()), n.Shape(), "%v", err)
	}
	return y
}

// substitute declares one of our ops that computes what Gorgonia's op at n should, or returns nil.
func (s *Scope) substitute(n *G.Node, in G.Nodes) *G.Node {
	name := opName(n.Op())
	switch opType(n.Op()) {
	case "elemUnaryOp":
		if f, ok := wrongSlopes[name]; ok && n.Dtype() == tensor.Float32 {
			return s.pointwise(name, in[0], f.value, f.slope)
		}
	case "linAlgBinOp":
		if strings.Contains(name, "⊗") {
			return s.outer(in[0], in[1])
		}
	case "softmaxOp":
		args := numbers(name)
		if axis := args[0]; axis < 0 || axis == n.Dims()-1 {
			return s.softmax(in[0], strings.Contains(name, "true"))
		}
	case "reshapeOp":
		return s.reshape(in[0], n.Shape())
	case "atOp":
		return s.element(in[0], numbers(name))
	}
	return nil
}

// opType returns the name of an op's Go type.
func opType(op G.Op) string {
	kind := fmt.Sprintf("%T", op)
	return kind[strings.LastIndex(kind, ".")+1:]
}

var integer = regexp.MustCompile(`-?[0-9]+`)

// numbers returns the integers in a text.
func numbers(text string) (all []int) {
	for _, digits := range integer.FindAllString(text, -1) {
		n, _ := strconv.Atoi(digits) // the pattern has integers only
		all = append(all, n)
	}
	return all
}

// wrongSlopes holds the element-wise functions whose slopes are wrong in Gorgonia.
var wrongSlopes = map[string]struct{ value, slope func(x float64) float64 }{
	"invSqrt": {
		func(x float64) float64 { return 1 / math.Sqrt(x) },
		func(x float64) float64 { return -0.5 / (x * math.Sqrt(x)) },
	},
	"log2": {math.Log2, func(x float64) float64 { return 1 / (x * math.Ln2) }},
}

// pointGrain is the number of roots or logarithms that justify another goroutine.
const pointGrain = 1 << 10

// pointwise declares an op of one input, given its value and slope for each element.
func (s *Scope) pointwise(name string, x *G.Node, value, slope func(float64) float64) *G.Node {
	size := int64(x.Shape().TotalSize())
	return s.Apply(Op{
		Name: name, Out: x.Shape(), FLOPs: size, RowWise: 1,
		Run: func(a *Args) error {
			x, out := a.Floats(0), a.Out(0)
			a.For(len(out), pointGrain, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					out[i] = float32(value(float64(x[i])))
				}
			})
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(Op{
				Name: name + "Grad", Out: x.Shape(), FLOPs: 2 * size,
				Run: func(a *Args) error {
					x, dy, out := a.Floats(0), a.Floats(1), a.Out(0)
					a.For(len(out), pointGrain, func(lo, hi int) {
						for i := lo; i < hi; i++ {
							out[i] = dy[i] * float32(slope(float64(x[i])))
						}
					})
					return nil
				},
			}, in[0], grad)}
		},
	}, x)
}

// softmax declares a softmax, or its logarithm, along the last axis, shifted by the row's maximum.
func (s *Scope) softmax(x *G.Node, log bool) *G.Node {
	name, value, slope := "Softmax", kernel.Softmax, kernel.SoftmaxGrad
	if log {
		name, value, slope = "LogSoftmax", kernel.LogSoftmax, kernel.LogSoftmaxGrad
	}
	width, size := x.Shape()[x.Dims()-1], int64(x.Shape().TotalSize())
	return s.Apply(Op{
		Name: name, Out: x.Shape(), FLOPs: 5 * size, RowWise: min(x.Dims()-1, 1),
		Run: func(a *Args) error {
			value(a.Out(0), a.Floats(0), width)
			return nil
		},
		Grad: func(_ G.Nodes, out, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(Op{
				Name: name + "Grad", Out: x.Shape(), FLOPs: 4 * size,
				Run: func(a *Args) error {
					slope(a.Out(0), a.Floats(0), a.Floats(1), width)
					return nil
				},
			}, out, grad)}
		},
	}, x)
}

// outer declares the matrix (M, N) of the products of x (M) and y (N).
func (s *Scope) outer(x, y *G.Node) *G.Node {
	m, n := x.Shape().TotalSize(), y.Shape().TotalSize()
	size := int64(m) * int64(n)
	// product multiplies a matrix, or a vector (M), by a vector.
	product := func(name string, out tensor.Shape, transA bool, rows, inner, cols, lda int, a, b *G.Node) *G.Node {
		return s.Apply(Op{
			Name: name, Out: out, FLOPs: 2 * size,
			Run: func(v *Args) error {
				v.Gemm(transA, false, rows, cols, inner, 1, v.Floats(0), lda, v.Floats(1), cols, 0, v.Out(0), cols)
				return nil
			},
		}, a, b)
	}
	return s.Apply(Op{
		Name: "OuterProd", Out: tensor.Shape{m, n}, FLOPs: size,
		Run: func(a *Args) error {
			a.Gemm(false, false, m, n, 1, 1, a.Floats(0), 1, a.Floats(1), n, 0, a.Out(0), n)
			return nil
		},
		Grad: func(in G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{
				product("OuterProdGradX", x.Shape(), false, m, n, 1, n, grad, in[1]),
				product("OuterProdGradY", y.Shape(), true, n, m, 1, n, grad, in[0]),
			}
		},
	}, x, y)
}

// rowsKept returns the RowWise of a reshape: whether each row of the result, along its last axis, comes from
// one row of the input. The rows of a vector are its elements.
func rowsKept(from, to tensor.Shape) int {
	if len(from) > 0 && len(to) > 0 && rowWidth(from)%rowWidth(to) == 0 {
		return 1
	}
	return 0
}

func rowWidth(shape tensor.Shape) int {
	if len(shape) == 1 {
		return 1
	}
	return shape[len(shape)-1]
}

// reshape declares a reshape that copies, unlike Gorgonia's.
func (s *Scope) reshape(x *G.Node, to tensor.Shape) *G.Node {
	return s.Apply(Op{
		Name: "Reshape", Out: to, RowWise: rowsKept(x.Shape(), to),
		Run: func(a *Args) error {
			copy(a.Out(0), a.Floats(0))
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes { return G.Nodes{s.reshape(grad, x.Shape())} },
	}, x)
}

// element declares the scalar at the given coordinates.
func (s *Scope) element(x *G.Node, at []int) *G.Node {
	shape := x.Shape()
	if len(at) != len(shape) {
		return s.Fail("At", tensor.ScalarShape(), "%d coordinates for shape %v", len(at), shape)
	}
	i := 0
	for d, c := range at {
		if c < 0 || c >= shape[d] {
			return s.Fail("At", tensor.ScalarShape(), "%v is outside of %v", at, shape)
		}
		i = i*shape[d] + c
	}
	return s.Apply(Op{
		Name: "At",
		Run: func(a *Args) error {
			a.Out(0)[0] = a.Floats(0)[i]
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(Op{
				Name: "AtGrad", Out: shape,
				Run: func(a *Args) error {
					clear(a.Out(0))
					a.Out(0)[i] = a.Floats(0)[0]
					return nil
				},
			}, grad)}
		},
	}, x)
}
