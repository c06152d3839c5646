package graph_test

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// array is a tensor of the reference computation.
type array struct {
	shape []int // empty for a scalar
	data  []float64
}

// arr returns an array of the given shape whose elements repeat the given values.
func arr(shape []int, values ...float64) array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	a := array{shape, make([]float64, n)}
	for i := range a.data {
		a.data[i] = values[i%len(values)]
	}
	return a
}

// usage is a use of a Gorgonia function: for the inputs in, it must return what want returns.
type usage struct {
	name string // of the function
	how  string
	in   []array
	call func(in G.Nodes) (*G.Node, error)
	want func(in []array) array
	ids  []int  // an input of integers after the others, if not nil
	flat bool   // the function has no gradient, and is used beside something that has one
	err  string // a part of the expected error, if there is one
}

func (u usage) String() string {
	var shapes []any
	for _, a := range u.in {
		shapes = append(shapes, tensor.Shape(a.shape))
	}
	return fmt.Sprint(u.name, u.how, shapes)
}

// scalar declares the only element of x as a scalar.
func scalar(s *graph.Scope, x *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "Scalar",
		Run:  func(a *graph.Args) error { a.Out(0)[0] = a.Floats(0)[0]; return nil },
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{Name: "Vector", Out: tensor.Shape{1}, Run: func(a *graph.Args) error {
				a.Out(0)[0] = a.Floats(0)[0]
				return nil
			}}, grad)}
		},
	}, x)
}

// weighed declares Σ weight(i)·y[i], whose gradient is different for different elements of y.
func weighed(s *graph.Scope, y *G.Node) *G.Node {
	return s.Apply(graph.Op{
		Name: "Weighed",
		Run: func(a *graph.Args) error {
			sum := 0.0
			for i, v := range a.Floats(0) {
				sum += weight(i) * float64(v)
			}
			a.Out(0)[0] = float32(sum)
			return nil
		},
		Grad: func(_ G.Nodes, _, grad *G.Node) G.Nodes {
			return G.Nodes{s.Apply(graph.Op{Name: "WeighedGrad", Out: y.Shape(), Run: func(a *graph.Args) error {
				for i := range a.Out(0) {
					a.Out(0)[i] = float32(weight(i)) * a.Floats(0)[0]
				}
				return nil
			}}, grad)}
		},
	}, y)
}

func weight(i int) float64 { return float64(i%5) - 1.7 }

func weighedSum(y array) float64 {
	sum := 0.0
	for i, v := range y.data {
		sum += weight(i) * v
	}
	return sum
}

// check runs a use forward and backward, twice. It describes what is wrong, if anything, or returns the error
// by which Gorgonia or this package refused it.
func (u usage) check() (wrong string, refused error) {
	defer func() {
		if r := recover(); r != nil {
			wrong, refused = "", fmt.Errorf("panic: %v", r)
		}
	}()
	params := graph.NewParams(1)
	s := graph.New(params)
	var in G.Nodes
	for i, a := range u.in {
		name, shape := fmt.Sprint("x", i), a.shape
		if len(shape) == 0 {
			shape = []int{1}
		}
		n := s.Param(name, graph.Zeros(), shape...)
		values := make([]float32, len(a.data))
		for j, v := range a.data {
			values[j] = float32(v)
		}
		if err := params.Get(name).Adopt(values); err != nil {
			return err.Error(), nil
		}
		if len(a.shape) == 0 {
			n = scalar(s, n)
		}
		in = append(in, n)
	}
	if u.ids != nil {
		in = append(in, s.Ints("ids", len(u.ids)))
	}
	y := s.Node(u.call(in))
	want := u.want(u.in)
	loss := weighed(s, s.Node(G.Neg(y))) // Neg overwrites y where it may
	loss = s.Node(G.Neg(loss))
	for _, x := range in {
		if u.flat {
			loss = s.Node(G.Add(loss, weighed(s, x)))
		}
	}
	p, err := s.CompileGrad(loss, y)
	if err != nil {
		return "", err
	}
	defer p.Close()
	if u.ids != nil {
		if err := p.SetInts("ids", u.ids); err != nil {
			return "", err
		}
	}
	if !slices.Equal([]int(y.Shape()), want.shape) && y.Shape().TotalSize() != len(want.data) {
		return fmt.Sprintf("shape %v, want %v", y.Shape(), want.shape), nil
	}
	for range 2 {
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			return "", fmt.Errorf("run: %w", err)
		}
		for i, v := range p.Value(y) {
			if !near(float64(v), want.data[i]) {
				return fmt.Sprintf("value %v, want %.4v", p.Value(y), want.data), nil
			}
		}
		for i, a := range u.in {
			param := params.Get(fmt.Sprint("x", i))
			gradient := u.difference(i)
			for j, v := range param.GradData() {
				if u.flat {
					gradient[j] += weight(j)
				}
				if !near(float64(v), gradient[j]) {
					return fmt.Sprintf("gradient of input %d is %v, want %.4v", i, param.GradData(), gradient), nil
				}
			}
			for j, v := range param.Data() {
				if v != float32(a.data[j]) {
					return fmt.Sprintf("the run wrote %v into input %d", param.Data(), i), nil
				}
			}
		}
	}
	return "", nil
}

// tolGorgonia is for float32 against central differences in float64; it is relative for numbers above 1.
const tolGorgonia = 2e-4

func near(a, b float64) bool { return math.Abs(a-b) <= tolGorgonia*max(1, math.Abs(b)) }

// difference computes the gradient of the weighed result with respect to an input, by central
// differences of the reference.
func (u usage) difference(i int) []float64 {
	in := slices.Clone(u.in)
	in[i].data = slices.Clone(in[i].data)
	gradient := make([]float64, len(in[i].data))
	const h = 1e-5
	for j, x := range in[i].data {
		in[i].data[j] = x + h
		up := weighedSum(u.want(in))
		in[i].data[j] = x - h
		gradient[j] = (up - weighedSum(u.want(in))) / (2 * h)
		in[i].data[j] = x
	}
	return gradient
}

// TestGorgonia: every use of a Gorgonia function gives the right values, and gradients that match central
// differences, or an error that says what to do instead.
func TestGorgonia(t *testing.T) {
	log.SetOutput(io.Discard) // GroupNorm logs its gradients
	defer log.SetOutput(os.Stderr)
	for _, u := range usages() {
		wrong, err := u.check()
		switch {
		case wrong != "":
			t.Errorf("%v: %s", u, wrong)
		case u.err == "" && err != nil:
			t.Errorf("%v: %v", u, err)
		case u.err != "" && (err == nil || !strings.Contains(err.Error(), u.err)):
			t.Errorf("%v: error %v, want %s", u, err, u.err)
		}
	}
}

// noArithmetic lists functions that take or return nodes but compute nothing themselves.
var noArithmetic = map[string]string{
	"ApplyOp": "adds a node of any op", "ApplyOpWithName": "as ApplyOp", "Must": "passes a node on", "Set": "binds a value", "Read": "copies a value",
	"Let": "binds a value", "UnsafeLet": "binds a value", "SetDerivOf": "marks a node", "ReturnNode": "forgets a node",
	"Grad": "is what CompileGrad calls", "Backpropagate": "is what Grad calls",
	"Lift1": "wraps a function", "Lift1Axial": "wraps a function", "Lift2": "wraps a function", "Lift2Broadcast": "wraps a function",
	"LiftResult": "wraps a result", "TransformResult": "wraps a result", "NodesFromInputs": "unwraps", "CheckOne": "unwraps",
	"NewUniqueNode": "declares an input", "NewScalar": "declares an input", "NewVector": "declares an input", "NewMatrix": "declares an input",
	"NewTensor": "declares an input", "NodeFromAny": "declares an input", "NewConstant": "declares a constant; tensors in TestRefused",
	"OneHotVector": "declares a constant",
	"NewNodeSet":   "a set", "Sort": "lists", "UnstableSort": "lists", "WalkGraph": "lists", "NodesToValueGrads": "lists",
	"WithChildren": "an option", "BindDualValues": "an option", "WithPrecompiled": "an option", "UseCudaFor": "an option",
	"Compile": "a graph", "CompileFunction": "a graph",
	"NewAddOp": "an op for the other machine", "NewSubOp": "an op for the other machine", "NewHadamardProdOp": "an op for the other machine",
	"Broadcast": "is what the Broadcast functions call", "ConvType": "to float64 and back; in TestRefused",
}

// TestNothingForgotten: every exported Gorgonia function that takes or returns nodes has uses in
// TestGorgonia, is refused in TestRefused, or is known to compute nothing.
func TestNothingForgotten(t *testing.T) {
	tested := make(map[string]bool)
	for _, u := range usages() {
		tested[u.name] = true
	}
	for name := range refused {
		tested[name] = true
	}
	dir, err := build.Import("gorgonia.org/gorgonia", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	names, err := filepath.Glob(filepath.Join(dir.Dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || !hasNodes(f.Type) {
				continue
			}
			found++
			if name := f.Name.Name; !tested[name] && noArithmetic[name] == "" {
				t.Errorf("%s is not in the table", name)
			}
		}
	}
	if found < 100 {
		t.Errorf("%d functions found in %s, want more than 100", found, dir.Dir)
	}
}

// hasNodes reports whether a function takes or returns nodes.
func hasNodes(f *ast.FuncType) (has bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && (id.Name == "Node" || id.Name == "Nodes" || id.Name == "Input") {
			has = true
		}
		return true
	})
	return has
}

// TestSameInput: one function with two different settings, applied to the same input, is computed as two functions.
func TestSameInput(t *testing.T) {
	x := arr([]int{2, 2, 2}, values...)
	image := arr([]int{1, 1, 4, 4}, values...)
	node := func(n *G.Node, err error) *G.Node { return G.Must(n, err) }
	for _, c := range []struct {
		name string
		in   array
		a, b func(x *G.Node) *G.Node
	}{
		{"Sum", x, func(x *G.Node) *G.Node { return node(G.Sum(x, 0)) }, func(x *G.Node) *G.Node { return node(G.Sum(x, 1)) }},
		{"Max", x, func(x *G.Node) *G.Node { return node(G.Max(x, 0)) }, func(x *G.Node) *G.Node { return node(G.Max(x, 1)) }},
		{"Slice", x, func(x *G.Node) *G.Node { return node(G.Slice(x, G.S(0))) }, func(x *G.Node) *G.Node { return node(G.Slice(x, G.S(1))) }},
		{"Slice of axes", x, func(x *G.Node) *G.Node { return node(G.Slice(x, G.S(0))) }, func(x *G.Node) *G.Node { return node(G.Slice(x, nil, G.S(0))) }},
		{"Transpose", x, func(x *G.Node) *G.Node { return node(G.Transpose(x, 0, 2, 1)) }, func(x *G.Node) *G.Node { return node(G.Transpose(x, 1, 0, 2)) }},
		{"Concat", x, func(x *G.Node) *G.Node { return node(G.Concat(0, x, x)) }, func(x *G.Node) *G.Node { return node(G.Concat(2, x, x)) }},
		{"At", x, func(x *G.Node) *G.Node { return node(G.At(x, 0, 1, 0)) }, func(x *G.Node) *G.Node { return node(G.At(x, 1, 0, 0)) }},
		{"Reshape", x, func(x *G.Node) *G.Node { return node(G.Reshape(x, tensor.Shape{4, 2})) }, func(x *G.Node) *G.Node { return node(G.Reshape(x, tensor.Shape{2, 4})) }},
		{"BatchedMatMul", x, func(x *G.Node) *G.Node { return node(G.BatchedMatMul(x, x)) }, func(x *G.Node) *G.Node { return node(G.BatchedMatMul(x, x, true)) }},
		{"BatchedMatMul, right", x, func(x *G.Node) *G.Node { return node(G.BatchedMatMul(x, x, true, false)) }, func(x *G.Node) *G.Node { return node(G.BatchedMatMul(x, x, false, true)) }},
		{"LeakyRelu", x, func(x *G.Node) *G.Node { return node(G.LeakyRelu(x, .1)) }, func(x *G.Node) *G.Node { return node(G.LeakyRelu(x, .2)) }},
		{"Sub", x, func(x *G.Node) *G.Node { return node(G.Sub(x, node(G.Square(x)))) }, func(x *G.Node) *G.Node { return node(G.Sub(node(G.Square(x)), x)) }},
		{"Upsample2D", image, func(x *G.Node) *G.Node { return node(G.Upsample2D(x, 2)) }, func(x *G.Node) *G.Node { return node(G.Upsample2D(x, 3)) }},
		{"MaxPool2D", image, func(x *G.Node) *G.Node { return node(G.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{1, 1})) },
			func(x *G.Node) *G.Node { return node(G.MaxPool2D(x, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1})) }},
		{"Im2Col", image, func(x *G.Node) *G.Node {
			return node(G.Im2Col(x, tensor.Shape{2, 2}, tensor.Shape{0, 0}, tensor.Shape{1, 1}, tensor.Shape{1, 1}))
		}, func(x *G.Node) *G.Node {
			return node(G.Im2Col(x, tensor.Shape{2, 2}, tensor.Shape{0, 0}, tensor.Shape{2, 2}, tensor.Shape{1, 1}))
		}},
	} {
		alone := append(valuesOf(t, c.in, c.a), valuesOf(t, c.in, c.b)...)
		together := valuesOf(t, c.in, c.a, c.b)
		for i := range alone {
			if !slices.Equal(alone[i], together[i]) {
				t.Errorf("%s: %v, alone %v", c.name, together[i], alone[i])
			}
		}
	}
}

// valuesOf runs several functions of the same input in one graph.
func valuesOf(t *testing.T, in array, functions ...func(x *G.Node) *G.Node) (all [][]float32) {
	t.Helper()
	s := graph.New(graph.NewParams(1))
	x := s.Floats("x", in.shape...)
	var outs G.Nodes
	for _, f := range functions {
		outs = append(outs, s.Node(f(x), nil))
	}
	p, err := s.Compile(outs...)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var data []float32
	for _, v := range in.data {
		data = append(data, float32(v))
	}
	if err := p.SetFloats("x", data); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for _, n := range outs {
		all = append(all, slices.Clone(p.Value(n)))
	}
	return all
}

// TestRepairedFLOPs: the FLOPs are right for ops that replace Gorgonia's, and for Gorgonia's matrix products.
func TestRepairedFLOPs(t *testing.T) {
	node := G.Must
	for name, c := range map[string]struct {
		build func(x, y *G.Node) *G.Node // x (2, 3), y (3)
		want  map[string]int64
	}{
		"invSqrt":   {func(x, _ *G.Node) *G.Node { return node(G.InverseSqrt(x)) }, map[string]int64{"invSqrt": 6, "invSqrtGrad": 12}},
		"SoftMax":   {func(x, _ *G.Node) *G.Node { return node(G.SoftMax(x)) }, map[string]int64{"Softmax": 5 * 6, "SoftmaxGrad": 4 * 6}},
		"OuterProd": {func(_, y *G.Node) *G.Node { return node(G.OuterProd(y, y)) }, map[string]int64{"OuterProd": 9, "OuterProdGradX": 18, "OuterProdGradY": 18}},
		"Mul":       {func(x, y *G.Node) *G.Node { return node(G.Mul(x, node(G.Transpose(x)))) }, map[string]int64{"A × B": 2 * 4 * 3, "A × Bᵀ": 2 * 6 * 2, "Aᵀ × B": 2 * 6 * 2}},
	} {
		s := graph.New(graph.NewParams(1))
		x, y := s.Param("x", graph.Ones(), 2, 3), s.Param("y", graph.Ones(), 3)
		total := s.Node(G.Add(s.Node(G.Sum(x)), s.Node(G.Sum(y)))) // the loss depends on both
		p, err := s.CompileGrad(s.Node(G.Add(total, s.Node(G.Sum(s.Node(c.build(x, y), nil))))))
		if err != nil {
			t.Fatal(name, err)
		}
		got := make(map[string]int64)
		for _, n := range p.Nodes() {
			got[n.Op] = n.FLOPs
		}
		for op, want := range c.want {
			if got[op] != want {
				t.Errorf("%s: %d for %s, want %d; all %v", name, got[op], op, want, got)
			}
		}
		p.Close()
	}
}
