package graph_test

import (
	"fmt"
	"math"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// shapes are the shapes that elementwise functions are tested with.
var shapes = [][]int{{}, {1}, {6}, {2, 3}, {1, 6}, {6, 1}, {1, 1}, {2, 1, 3}, {3, 2, 1}}

// unary returns uses of an elementwise function with all shapes.
func unary(name string, f func(*G.Node) (*G.Node, error), ref func(float64) float64, values ...float64) (uses []usage) {
	for _, shape := range shapes {
		uses = append(uses, usage{name: name, in: []array{arr(shape, values...)},
			call: func(in G.Nodes) (*G.Node, error) { return f(in[0]) },
			want: func(in []array) array { return mapped(in[0], ref) }})
	}
	return uses
}

func mapped(a array, f func(float64) float64) array {
	out := array{a.shape, make([]float64, len(a.data))}
	for i, x := range a.data {
		out.data[i] = f(x)
	}
	return out
}

// binary returns uses of an elementwise function of two arguments with all shapes, and with a scalar on either side.
func binary(name string, f func(a, b *G.Node) (*G.Node, error), ref func(a, b float64) float64, a, b []float64) (uses []usage) {
	add := func(left, right []int) {
		uses = append(uses, usage{name: name, in: []array{arr(left, a...), arr(right, b...)},
			call: func(in G.Nodes) (*G.Node, error) { return f(in[0], in[1]) },
			want: func(in []array) array { return zipped(in[0], in[1], ref) }})
	}
	for _, shape := range shapes {
		add(shape, shape)
		if len(shape) > 0 {
			add(shape, nil)
			add(nil, shape)
		}
	}
	for _, shape := range [][]int{{}, {6}, {2, 3}} {
		uses = append(uses, usage{name: name, how: " constant right", in: []array{arr(shape, a...)},
			call: func(in G.Nodes) (*G.Node, error) { return f(in[0], G.NewConstant(float32(b[0]))) },
			want: func(in []array) array { return mapped(in[0], func(x float64) float64 { return ref(x, b[0]) }) }},
			usage{name: name, how: " constant left", in: []array{arr(shape, b...)},
				call: func(in G.Nodes) (*G.Node, error) { return f(G.NewConstant(float32(a[0])), in[0]) },
				want: func(in []array) array { return mapped(in[0], func(x float64) float64 { return ref(a[0], x) }) }},
			usage{name: name, how: " itself", in: []array{arr(shape, a...)},
				call: func(in G.Nodes) (*G.Node, error) { return f(in[0], in[0]) },
				want: func(in []array) array { return mapped(in[0], func(x float64) float64 { return ref(x, x) }) }})
	}
	return uses
}

// zipped applies f elementwise, with NumPy's broadcasting between arrays with the same number of
// dimensions, and of scalars.
func zipped(a, b array, f func(a, b float64) float64) array {
	shape := slices.Clone(a.shape)
	if len(b.shape) > len(shape) {
		shape = slices.Clone(b.shape)
	}
	for i := range shape {
		if len(b.shape) > 0 {
			shape[i] = max(shape[i], b.shape[i])
		}
	}
	out := arr(shape, 0)
	for i := range out.data {
		out.data[i] = f(a.data[from(i, shape, a.shape)], b.data[from(i, shape, b.shape)])
	}
	return out
}

// from returns the offset in an array of shape small that is broadcast to element i of an array of shape large.
func from(i int, large, small []int) int {
	offset, stride := 0, 1
	for d := len(small) - 1; d >= 0; d-- {
		offset += i % large[d] % small[d] * stride
		i /= large[d]
		stride *= small[d]
	}
	return offset
}

// broadcast returns uses of a function of two arguments with broadcasting.
func broadcast(name string, f func(a, b *G.Node, left, right []byte) (*G.Node, error), ref func(a, b float64) float64, a, b []float64) (uses []usage) {
	for _, c := range []struct {
		left, right []int
		l, r        []byte
	}{
		{[]int{2, 3}, []int{2, 1}, nil, []byte{1}},
		{[]int{2, 1}, []int{2, 3}, []byte{1}, nil},
		{[]int{2, 3}, []int{1, 3}, nil, []byte{0}},
		{[]int{1, 3}, []int{2, 3}, []byte{0}, nil},
		{[]int{2, 1}, []int{1, 3}, []byte{1}, []byte{0}},
		{[]int{2, 3}, []int{1, 1}, nil, []byte{0, 1}},
		{[]int{2, 2, 3}, []int{2, 1, 3}, nil, []byte{1}},
		{[]int{2, 2, 3}, []int{1, 2, 1}, nil, []byte{0, 2}},
		{[]int{1, 2, 1}, []int{2, 2, 3}, []byte{0, 2}, nil},
		{[]int{3, 1}, []int{3, 1}, nil, nil},
	} {
		uses = append(uses, usage{name: name, in: []array{arr(c.left, a...), arr(c.right, b...)},
			call: func(in G.Nodes) (*G.Node, error) { return f(in[0], in[1], c.l, c.r) },
			want: func(in []array) array { return zipped(in[0], in[1], ref) }})
	}
	return uses
}

// reduced applies f along the given axes, which are dropped; no axes means all.
func reduced(a array, axes []int, f func([]float64) float64) array {
	if len(axes) == 0 {
		for d := range a.shape {
			axes = append(axes, d)
		}
	}
	var shape, flat []int
	for d, n := range a.shape {
		if slices.Contains(axes, d) {
			flat = append(flat, 1)
		} else {
			shape, flat = append(shape, n), append(flat, n)
		}
	}
	out := arr(shape, 0)
	groups := make([][]float64, len(out.data))
	for i, x := range a.data {
		at := from(i, a.shape, flat)
		groups[at] = append(groups[at], x)
	}
	for i, g := range groups {
		out.data[i] = f(g)
	}
	return out
}

// flat marks uses as having no gradient.
func flat(uses []usage) []usage {
	for i := range uses {
		uses[i].flat = true
	}
	return uses
}

// failing marks uses as errors.
func failing(err string, uses []usage) []usage {
	for i := range uses {
		uses[i].err = err
	}
	return uses
}

func reduction(name string, f func(a *G.Node, axes ...int) (*G.Node, error), ref func([]float64) float64, each ...[]int) (uses []usage) {
	values := []float64{.5, -1.5, 2, .25, 3, -.75, 1.25, -2, .1, 1.75, -.3, .9}
	for _, c := range []struct {
		shape []int
		axes  []int
	}{
		{[]int{6}, nil}, {[]int{6}, []int{0}}, {[]int{2, 3}, nil}, {[]int{2, 3}, []int{0}}, {[]int{2, 3}, []int{1}}, {[]int{2, 3}, []int{0, 1}},
		{[]int{1, 6}, []int{0}}, {[]int{1, 6}, []int{1}}, {[]int{6, 1}, []int{1}}, {[]int{6, 1}, []int{0}}, {[]int{1}, nil},
		{[]int{2, 2, 3}, nil}, {[]int{2, 2, 3}, []int{0}}, {[]int{2, 2, 3}, []int{1}}, {[]int{2, 2, 3}, []int{2}}, {[]int{2, 2, 3}, []int{0, 1}}, {[]int{2, 2, 3}, []int{1, 2}}, {[]int{2, 2, 3}, []int{0, 2}},
		{[]int{2, 1, 3}, []int{1}}, {nil, nil},
	} {
		if each != nil && !slices.ContainsFunc(each, func(e []int) bool { return len(e) == len(c.axes) }) {
			continue
		}
		uses = append(uses, usage{name: name, how: fmt.Sprint(c.axes), in: []array{arr(c.shape, values...)},
			call: func(in G.Nodes) (*G.Node, error) { return f(in[0], c.axes...) },
			want: func(in []array) array { return reduced(in[0], c.axes, ref) }})
	}
	return uses
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func bool01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// matmul multiplies two matrices.
func matmul(a, b array) array {
	m, k, n := a.shape[0], a.shape[1], b.shape[1]
	out := arr([]int{m, n}, 0)
	for i := range m {
		for j := range n {
			for l := range k {
				out.data[i*n+j] += a.data[i*k+l] * b.data[l*n+j]
			}
		}
	}
	return out
}

// transposed permutes the axes of an array.
func transposed(a array, axes ...int) array {
	shape := make([]int, len(axes))
	for i, d := range axes {
		shape[i] = a.shape[d]
	}
	out := arr(shape, 0)
	strides := make([]int, len(a.shape))
	stride := 1
	for d := len(a.shape) - 1; d >= 0; d-- {
		strides[d] = stride
		stride *= a.shape[d]
	}
	for i := range out.data {
		rest, at := i, 0
		for d := len(shape) - 1; d >= 0; d-- {
			at += rest % shape[d] * strides[axes[d]]
			rest /= shape[d]
		}
		out.data[i] = a.data[at]
	}
	return out
}

// sliced returns the elements [lo, hi) of an axis.
func sliced(a array, axis, lo, hi int) array {
	inner := 1
	for _, d := range a.shape[axis+1:] {
		inner *= d
	}
	var out array
	out.shape = slices.Clone(a.shape)
	out.shape[axis] = hi - lo
	for i, x := range a.data {
		if at := i / inner % a.shape[axis]; at >= lo && at < hi {
			out.data = append(out.data, x)
		}
	}
	return out
}

func sliceText(all []tensor.Slice) string {
	text := ""
	for _, s := range all {
		if s == nil {
			text += "[:]"
		} else {
			text += fmt.Sprintf("[%d:%d:%d]", s.Start(), s.End(), s.Step())
		}
	}
	return text
}

func reshaped(a array, shape ...int) array { return array{shape, a.data} }

func one(f func(x *G.Node) (*G.Node, error)) func(in G.Nodes) (*G.Node, error) {
	return func(in G.Nodes) (*G.Node, error) { return f(in[0]) }
}

func two(f func(a, b *G.Node) (*G.Node, error)) func(in G.Nodes) (*G.Node, error) {
	return func(in G.Nodes) (*G.Node, error) { return f(in[0], in[1]) }
}

var (
	values = []float64{.5, -1.5, 2, .25, 3, -.75, 1.25, -2, .1, 1.75, -.3, .9}
	others = []float64{1.5, .3, -.8, 2.5, -.4, 1.1, .7}
)

func softmax(log bool) func(x []float64) []float64 {
	return func(x []float64) []float64 {
		out, top, total := make([]float64, len(x)), slices.Max(x), 0.0
		for _, v := range x {
			total += math.Exp(v - top)
		}
		for i, v := range x {
			out[i] = v - top - math.Log(total)
			if !log {
				out[i] = math.Exp(out[i])
			}
		}
		return out
	}
}

// alongLast applies f to each row along the last axis.
func alongLast(a array, f func([]float64) []float64) array {
	out := arr(a.shape, 0)
	n := a.shape[len(a.shape)-1]
	for i := 0; i < len(a.data); i += n {
		copy(out.data[i:], f(a.data[i:i+n]))
	}
	return out
}

func usages() (uses []usage) {
	all := []float64{.5, -1.5, 2, .25, 3, -.75}
	positive := []float64{.25, 1, 4, .5, 2, 9}
	add := func(more ...usage) { uses = append(uses, more...) }
	add(unary("Abs", G.Abs, math.Abs, all...)...)
	add(flat(unary("Sign", G.Sign, func(x float64) float64 { return bool01(x > 0) - bool01(x < 0) }, all...))...)
	add(flat(unary("Ceil", G.Ceil, math.Ceil, .5, -1.5, 2.2, .25, 3.7, -.75))...)
	add(flat(unary("Floor", G.Floor, math.Floor, .5, -1.5, 2.2, .25, 3.7, -.75))...)
	add(unary("Sin", G.Sin, math.Sin, all...)...)
	add(unary("Cos", G.Cos, math.Cos, all...)...)
	add(unary("Exp", G.Exp, math.Exp, all...)...)
	add(unary("Log", G.Log, math.Log, positive...)...)
	add(unary("Log2", G.Log2, math.Log2, positive...)...)
	add(unary("Neg", G.Neg, func(x float64) float64 { return -x }, all...)...)
	add(unary("Square", G.Square, func(x float64) float64 { return x * x }, all...)...)
	add(unary("Sqrt", G.Sqrt, math.Sqrt, positive...)...)
	add(unary("Inverse", G.Inverse, func(x float64) float64 { return 1 / x }, all...)...)
	add(unary("InverseSqrt", G.InverseSqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }, positive...)...)
	add(unary("Cube", G.Cube, func(x float64) float64 { return x * x * x }, all...)...)
	add(unary("Tanh", G.Tanh, math.Tanh, all...)...)
	add(unary("Sigmoid", G.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, .5, -1.5, 2, 95, -95, -.75)...)
	add(unary("Log1p", G.Log1p, math.Log1p, .5, -.5, 2, 1e-4, 3, -.75)...)
	add(unary("Expm1", G.Expm1, math.Expm1, .5, -1.5, 2, 1e-4, 3, -.75)...)
	add(unary("Softplus", G.Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, .5, -1.5, 2, 120, -120, -.75)...)
	add(unary("Rectify", G.Rectify, func(x float64) float64 { return max(x, 0) }, all...)...)
	add(unary("LeakyRelu", func(x *G.Node) (*G.Node, error) { return G.LeakyRelu(x, .1) }, func(x float64) float64 { return max(x, 0) + .1*min(x, 0) }, all...)...)
	add(unary("Mish", G.Mish, func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) }, all...)...)

	type pair struct {
		name   string
		f      func(a, b *G.Node) (*G.Node, error)
		spread func(a, b *G.Node, left, right []byte) (*G.Node, error)
		ref    func(a, b float64) float64
		a, b   []float64
		flat   bool
	}
	cmp := func(f func(a, b *G.Node, same bool) (*G.Node, error)) func(a, b *G.Node) (*G.Node, error) {
		return func(a, b *G.Node) (*G.Node, error) { return f(a, b, true) }
	}
	bcmp := func(f func(a, b *G.Node, same bool, l, r []byte) (*G.Node, error)) func(a, b *G.Node, l, r []byte) (*G.Node, error) {
		return func(a, b *G.Node, l, r []byte) (*G.Node, error) { return f(a, b, true, l, r) }
	}
	for _, p := range []pair{
		{"Add", G.Add, G.BroadcastAdd, func(a, b float64) float64 { return a + b }, values, others, false},
		{"Sub", G.Sub, G.BroadcastSub, func(a, b float64) float64 { return a - b }, values, others, false},
		{"HadamardProd", G.HadamardProd, G.BroadcastHadamardProd, func(a, b float64) float64 { return a * b }, values, others, false},
		{"HadamardDiv", G.HadamardDiv, G.BroadcastHadamardDiv, func(a, b float64) float64 { return a / b }, values, others, false},
		{"Div", G.Div, nil, func(a, b float64) float64 { return a / b }, values, others, false},
		{"Pow", G.Pow, G.BroadcastPow, math.Pow, []float64{.5, 1.5, 2, .7}, []float64{2, -.5, 3, 1.5, .25}, false},
		{"Gt", cmp(G.Gt), bcmp(G.BroadcastGt), func(a, b float64) float64 { return bool01(a > b) }, values, others, true},
		{"Gte", cmp(G.Gte), bcmp(G.BroadcastGte), func(a, b float64) float64 { return bool01(a >= b) }, values, others, true},
		{"Lt", cmp(G.Lt), bcmp(G.BroadcastLt), func(a, b float64) float64 { return bool01(a < b) }, values, others, true},
		{"Lte", cmp(G.Lte), bcmp(G.BroadcastLte), func(a, b float64) float64 { return bool01(a <= b) }, values, others, true},
		{"Eq", cmp(G.Eq), bcmp(G.BroadcastEq), func(a, b float64) float64 { return bool01(a == b) }, values, others, true},
		{"Ne", cmp(G.Ne), bcmp(G.BroadcastNe), func(a, b float64) float64 { return bool01(a != b) }, values, others, true},
		{"MaxBetween", G.MaxBetween, nil, math.Max, values, others, false},
		{"MinBetween", G.MinBetween, nil, math.Min, values, others, false},
		{"BinaryXent", G.BinaryXent, nil, func(p, y float64) float64 { return -y*math.Log(p) - (1-y)*math.Log(1-p) }, []float64{.2, .7, .5, .9}, []float64{.3, .8, .6, .1, .5}, false},
	} {
		uses, spread := binary(p.name, p.f, p.ref, p.a, p.b), []usage(nil)
		if p.spread != nil {
			spread = broadcast("Broadcast"+p.name, p.spread, p.ref, p.a, p.b)
		}
		if p.flat {
			uses, spread = flat(uses), flat(spread)
		}
		for i, u := range uses {
			mixed := strings.Contains(u.how, "constant")
			scalars := len(u.in[0].shape) == 0 || len(u.in) > 1 && len(u.in[1].shape) == 0
			switch {
			case strings.HasSuffix(p.name, "Between") && (scalars || mixed):
				uses[i].err = p.name // for scalars "Cannot perform …", otherwise an error of type inference
			case p.name == "BinaryXent" && mixed:
				uses[i].err = "No Graph Supplied"
			}
		}
		add(uses...)
		add(spread...)
	}
	for _, c := range [][2][]int{{{2, 3}, {2, 1}}, {{2, 1}, {2, 3}}, {{2, 3}, {1, 3}}, {{1, 3}, {2, 3}}, {{2, 2, 3}, {1, 2, 1}}} {
		add(usage{name: "Auto", in: []array{arr(c[0], values...), arr(c[1], others...)},
			call: func(in G.Nodes) (*G.Node, error) { return G.Auto(G.BroadcastHadamardProd, in[0], in[1]) },
			want: func(in []array) array { return zipped(in[0], in[1], func(a, b float64) float64 { return a * b }) }})
	}

	add(reduction("Sum", G.Sum, sum)...)
	add(reduction("Mean", G.Mean, func(x []float64) float64 { return sum(x) / float64(len(x)) })...)
	add(reduction("Max", G.Max, slices.Max[[]float64])...)
	for p := 1; p <= 3; p++ {
		norm := func(x []float64) float64 {
			s := 0.0
			for _, v := range x {
				s += math.Pow(math.Abs(v), float64(p))
			}
			return math.Pow(s, 1/float64(p))
		}
		uses := reduction("Norm", func(a *G.Node, axes ...int) (*G.Node, error) { return G.Norm(a, axes[0], p) }, norm, []int{0})
		if p != 2 {
			uses = failing("Norm with a p other than 2", uses)
		}
		add(uses...)
		add(reduction("Norm", func(a *G.Node, axes ...int) (*G.Node, error) {
			a, err := G.Abs(a)
			if err != nil {
				return nil, err
			}
			return G.Norm(a, axes[0], p)
		}, norm, []int{0})...)
	}
	logSumExp := reduction("LogSumExp", func(a *G.Node, axes ...int) (*G.Node, error) { return G.LogSumExp(a, axes[0]) }, func(x []float64) float64 {
		s := 0.0
		for _, v := range x {
			s += math.Exp(v)
		}
		return math.Log(s)
	}, []int{0})
	for i, u := range logSumExp {
		switch shape := u.in[0].shape; {
		case len(shape) == 1 || fmt.Sprint(shape, u.how) == "[1 6][0]":
			logSumExp[i].err = "use ops.LogSumExp"
		default: // Gorgonia's version subtracts the maximum without broadcasting
			logSumExp[i].err = "hape"
		}
	}
	add(logSumExp...)
	for _, axes := range [][]int{{0}, {1}} {
		for _, left := range []bool{false, true} {
			add(usage{name: "KeepDims", how: fmt.Sprint(axes, left), in: []array{arr([]int{2, 3}, values...)},
				call: one(func(x *G.Node) (*G.Node, error) {
					return G.KeepDims(x, left, func(x *G.Node) (*G.Node, error) { return G.Sum(x, axes...) })
				}),
				want: func(in []array) array {
					out := reduced(in[0], axes, sum)
					if left {
						out.shape = append([]int{1}, out.shape...)
					} else {
						out.shape = append(out.shape, 1)
					}
					return out
				}})
		}
	}
	for axis, n := range []int{2, 3} {
		add(usage{name: "SizeOf", in: []array{arr([]int{2, 3}, values...)},
			call: one(func(x *G.Node) (*G.Node, error) {
				n, err := G.SizeOf(axis, x)
				if err != nil {
					return nil, err
				}
				return G.HadamardDiv(x, n)
			}),
			want: func(in []array) array { return mapped(in[0], func(x float64) float64 { return x / float64(n) }) }})
	}

	// Shapes.
	for _, c := range []struct{ from, to []int }{{[]int{6}, []int{2, 3}}, {[]int{2, 3}, []int{6}}, {[]int{2, 3}, []int{3, 2}}, {[]int{2, 2, 3}, []int{4, 3}}, {[]int{1}, []int{1, 1}}, {nil, []int{1}}, {nil, []int{1, 1}}} {
		add(usage{name: "Reshape", how: fmt.Sprint(c.to), in: []array{arr(c.from, values...)},
			call: one(func(x *G.Node) (*G.Node, error) { return G.Reshape(x, tensor.Shape(c.to).Clone()) }),
			want: func(in []array) array { return reshaped(in[0], c.to...) }})
	}
	for _, shape := range [][]int{{6}, {2, 3}, {2, 2, 3}} {
		add(usage{name: "Ravel", in: []array{arr(shape, values...)}, call: one(G.Ravel),
			want: func(in []array) array { return reshaped(in[0], len(in[0].data)) }})
	}
	for _, axes := range [][]int{{1, 0}, {0, 2, 1}, {2, 0, 1}, {2, 1, 0}, {1, 0, 2}} {
		shape := []int{2, 2, 3}[3-len(axes):]
		add(usage{name: "Transpose", how: fmt.Sprint(axes), in: []array{arr(shape, values...)},
			call: one(func(x *G.Node) (*G.Node, error) { return G.Transpose(x, axes...) }),
			want: func(in []array) array { return transposed(in[0], axes...) }})
	}
	for _, c := range []struct {
		shape  []int
		slices []tensor.Slice
		want   func(a array) array
		err    string
	}{
		{[]int{6}, []tensor.Slice{G.S(1, 4)}, func(a array) array { return sliced(a, 0, 1, 4) }, ""},
		{[]int{6}, []tensor.Slice{G.S(2)}, func(a array) array { return array{nil, a.data[2:3]} }, ""},
		{[]int{3, 4}, []tensor.Slice{G.S(1, 3)}, func(a array) array { return sliced(a, 0, 1, 3) }, ""},
		{[]int{3, 4}, []tensor.Slice{nil, G.S(1, 3)}, func(a array) array { return sliced(a, 1, 1, 3) }, ""},
		{[]int{3, 4}, []tensor.Slice{G.S(0, 2), G.S(2, 4)}, func(a array) array { return sliced(sliced(a, 0, 0, 2), 1, 2, 4) }, ""},
		{[]int{3, 4}, []tensor.Slice{G.S(1)}, func(a array) array { return reshaped(sliced(a, 0, 1, 2), 4) }, ""},
		{[]int{3, 4}, []tensor.Slice{nil, G.S(1)}, func(a array) array { return reshaped(sliced(a, 1, 1, 2), 3) }, ""},
		{[]int{3, 4}, []tensor.Slice{G.S(1, 2), G.S(2, 4)}, func(a array) array { return reshaped(sliced(sliced(a, 0, 1, 2), 1, 2, 4), 2) }, ""},
		{[]int{3, 4}, []tensor.Slice{G.S(0, 3, 2)}, func(a array) array {
			return array{[]int{2, 4}, append(slices.Clone(a.data[:4]), a.data[8:]...)}
		}, "panic: "},
		{[]int{2, 3, 2}, []tensor.Slice{nil, G.S(1, 3)}, func(a array) array { return sliced(a, 1, 1, 3) }, ""},
		{[]int{2, 3, 2}, []tensor.Slice{G.S(1), nil, G.S(1)}, func(a array) array { return reshaped(sliced(sliced(a, 0, 1, 2), 2, 1, 2), 3) }, ""},
		{[]int{2, 3, 2}, []tensor.Slice{nil, nil, G.S(0, 1)}, func(a array) array { return reshaped(sliced(a, 2, 0, 1), 2, 3) }, ""},
		{[]int{1, 3, 1}, []tensor.Slice{G.S(0, 1), G.S(1), G.S(0, 1)}, func(a array) array { return array{nil, a.data[1:2]} }, "it panicked: "},
	} {
		add(usage{name: "Slice", how: sliceText(c.slices), err: c.err, in: []array{arr(c.shape, values...)},
			call: one(func(x *G.Node) (*G.Node, error) { return G.Slice(x, c.slices...) }),
			want: func(in []array) array { return c.want(in[0]) }})
	}
	for _, c := range []struct{ shape, at []int }{{[]int{6}, []int{2}}, {[]int{2, 3}, []int{1, 2}}} {
		add(usage{name: "At", in: []array{arr(c.shape, values...)},
			call: one(func(x *G.Node) (*G.Node, error) { return G.At(x, c.at...) }),
			want: func(in []array) array {
				i := 0
				for d, at := range c.at {
					i = i*c.shape[d] + at
				}
				return array{nil, in[0].data[i : i+1]}
			}})
	}
	for _, c := range []struct {
		axis int
		a, b []int
	}{{0, []int{2}, []int{3}}, {0, []int{2, 3}, []int{1, 3}}, {1, []int{2, 3}, []int{2, 2}}, {1, []int{2, 1}, []int{2, 1}}, {0, []int{1, 3}, []int{1, 3}}, {1, []int{2, 2, 3}, []int{2, 1, 3}}, {2, []int{2, 2, 1}, []int{2, 2, 2}}, {2, []int{1, 2, 2}, []int{1, 2, 1}}} {
		add(usage{name: "Concat", how: fmt.Sprint(c.axis), in: []array{arr(c.a, values...), arr(c.b, others...)},
			call: func(in G.Nodes) (*G.Node, error) { return G.Concat(c.axis, in...) },
			want: func(in []array) array {
				shape := slices.Clone(c.a)
				shape[c.axis] += c.b[c.axis]
				out := array{shape: shape}
				inA, inB := 1, 1
				for d := c.axis; d < len(c.a); d++ {
					inA, inB = inA*c.a[d], inB*c.b[d]
				}
				for i := range len(in[0].data) / inA {
					out.data = append(append(out.data, in[0].data[i*inA:(i+1)*inA]...), in[1].data[i*inB:(i+1)*inB]...)
				}
				return out
			}})
	}
	for axis, shape := range [][]int{{4, 3}, {3, 4}} {
		for part := range 2 {
			add(usage{name: "Unconcat", how: fmt.Sprint(axis, part), in: []array{arr(shape, values...)},
				call: one(func(x *G.Node) (*G.Node, error) {
					parts, err := G.Unconcat(x, axis, 2)
					if err != nil {
						return nil, err
					}
					return parts[part], nil
				}),
				want: func(in []array) array { return sliced(in[0], axis, 2*part, 2*part+2) }})
		}
	}
	add(usage{name: "DiagFlat", err: "Type inference error", in: []array{arr([]int{3}, values...)}, call: one(G.DiagFlat),
		want: func(in []array) array {
			out := arr([]int{3, 3}, 0)
			for i, x := range in[0].data {
				out.data[4*i] = x
			}
			return out
		}})

	// Products.
	m := func(shape ...int) array { return arr(shape, values...) }
	o := func(shape ...int) array { return arr(shape, others...) }
	add(
		usage{name: "Mul", how: " vectors", in: []array{m(3), o(3)}, call: two(G.Mul), want: func(in []array) array {
			return reshaped(matmul(reshaped(in[0], 1, 3), reshaped(in[1], 3, 1)))
		}},
		usage{name: "Mul", how: " matrices", in: []array{m(2, 3), o(3, 4)}, call: two(G.Mul), want: func(in []array) array { return matmul(in[0], in[1]) }},
		usage{name: "Mul", how: " one row", in: []array{m(1, 3), o(3, 4)}, call: two(G.Mul), want: func(in []array) array { return matmul(in[0], in[1]) }},
		usage{name: "Mul", how: " one column", in: []array{m(4, 3), o(3, 1)}, call: two(G.Mul), want: func(in []array) array { return matmul(in[0], in[1]) }},
		usage{name: "Mul", how: " outer", in: []array{m(4, 1), o(1, 3)}, call: two(G.Mul), want: func(in []array) array { return matmul(in[0], in[1]) }},
		usage{name: "Mul", how: " row by column", in: []array{m(1, 3), o(3, 1)}, call: two(G.Mul), want: func(in []array) array { return matmul(in[0], in[1]) }},
		usage{name: "Mul", how: " matrix by vector", in: []array{m(2, 3), o(3)}, call: two(G.Mul), want: func(in []array) array {
			return reshaped(matmul(in[0], reshaped(in[1], 3, 1)), 2)
		}},
		usage{name: "Mul", how: " vector by matrix", in: []array{m(2), o(2, 3)}, call: two(G.Mul), want: func(in []array) array {
			return reshaped(matmul(reshaped(in[0], 1, 2), in[1]), 3)
		}},
		usage{name: "Mul", how: " square vector by matrix", in: []array{m(3), o(3, 3)}, call: two(G.Mul), want: func(in []array) array {
			return reshaped(matmul(reshaped(in[0], 1, 3), in[1]), 3)
		}},
		usage{name: "Mul", how: " by itself", in: []array{m(3, 3)}, call: one(func(x *G.Node) (*G.Node, error) { return G.Mul(x, x) }), want: func(in []array) array {
			return matmul(in[0], in[0])
		}},
		usage{name: "Mul", how: " scalar by matrix", in: []array{m(), o(2, 3)}, call: two(G.Mul), want: func(in []array) array {
			return zipped(in[0], in[1], func(a, b float64) float64 { return a * b })
		}},
		usage{name: "OuterProd", in: []array{m(2), o(3)}, call: two(G.OuterProd), want: func(in []array) array {
			return matmul(reshaped(in[0], 2, 1), reshaped(in[1], 1, 3))
		}},
		usage{name: "OuterProd", how: " square", in: []array{m(3), o(3)}, call: two(G.OuterProd), want: func(in []array) array {
			return matmul(reshaped(in[0], 3, 1), reshaped(in[1], 1, 3))
		}},
		usage{name: "Tensordot", how: " matrices", in: []array{m(2, 3), o(3, 4)}, call: two(func(a, b *G.Node) (*G.Node, error) {
			return G.Tensordot([]int{1}, []int{0}, a, b)
		}), want: func(in []array) array { return matmul(in[0], in[1]) }},
		usage{name: "Tensordot", how: " of transposed", in: []array{m(3, 2), o(4, 3)}, call: two(func(a, b *G.Node) (*G.Node, error) {
			return G.Tensordot([]int{0}, []int{1}, a, b)
		}), want: func(in []array) array { return matmul(transposed(in[0], 1, 0), transposed(in[1], 1, 0)) }},
		usage{name: "Tensordot", how: " vectors", in: []array{m(3), o(3)}, call: two(func(a, b *G.Node) (*G.Node, error) {
			return G.Tensordot([]int{0}, []int{0}, a, b)
		}), want: func(in []array) array { return reshaped(matmul(reshaped(in[0], 1, 3), reshaped(in[1], 3, 1))) }},
		usage{name: "Tensordot", how: " of two axes", in: []array{m(2, 3, 2), o(3, 2, 2)}, call: two(func(a, b *G.Node) (*G.Node, error) {
			return G.Tensordot([]int{1, 2}, []int{0, 1}, a, b)
		}), want: func(in []array) array { return matmul(reshaped(in[0], 2, 6), reshaped(in[1], 6, 2)) }},
		usage{name: "Tensordot", how: " of one of three", in: []array{m(2, 2, 3), o(3, 2)}, call: two(func(a, b *G.Node) (*G.Node, error) {
			return G.Tensordot([]int{2}, []int{0}, a, b)
		}), want: func(in []array) array { return reshaped(matmul(reshaped(in[0], 4, 3), in[1]), 2, 2, 2) }},
	)
	for _, ta := range []bool{false, true} {
		for _, tb := range []bool{false, true} {
			for _, d := range [][4]int{{2, 2, 3, 4}, {1, 2, 3, 1}, {2, 1, 1, 1}, {3, 1, 2, 2}} {
				n, rows, inner, cols := d[0], d[1], d[2], d[3]
				a, b := []int{n, rows, inner}, []int{n, inner, cols}
				if ta {
					a = []int{n, inner, rows}
				}
				if tb {
					b = []int{n, cols, inner}
				}
				add(usage{name: "BatchedMatMul", how: fmt.Sprint(ta, tb), in: []array{m(a...), o(b...)},
					call: two(func(a, b *G.Node) (*G.Node, error) { return G.BatchedMatMul(a, b, ta, tb) }),
					want: func(in []array) array {
						out := array{shape: []int{n, rows, cols}}
						for i := range n {
							x, y := reshaped(sliced(in[0], 0, i, i+1), a[1:]...), reshaped(sliced(in[1], 0, i, i+1), b[1:]...)
							if ta {
								x = transposed(x, 1, 0)
							}
							if tb {
								y = transposed(y, 1, 0)
							}
							out.data = append(out.data, matmul(x, y).data...)
						}
						return out
					}})
			}
		}
	}

	// Rows.
	for _, shape := range [][]int{{4}, {2, 3}, {2, 2, 3}, {3, 1}, {1, 3}} {
		for _, c := range []struct {
			name string
			f    func(x *G.Node, axes ...int) (*G.Node, error)
			ref  func([]float64) []float64
		}{{"SoftMax", G.SoftMax, softmax(false)}, {"LogSoftMax", G.LogSoftMax, softmax(true)}, {"Sparsemax", G.Sparsemax, sparsemax}} {
			problem := ""
			if c.name == "Sparsemax" && len(shape) != 2 {
				problem = "Gorgonia's Sparsemax"
			}
			add(usage{name: c.name, err: problem, in: []array{arr(shape, .5, -1.5, 2, 95, .3, .1, -95)},
				call: one(func(x *G.Node) (*G.Node, error) { return c.f(x, len(shape)-1) }),
				want: func(in []array) array { return alongLast(in[0], c.ref) }})
		}
	}
	add(usage{name: "ReduceAdd", in: []array{m(2, 3), o(2, 3), m(2, 3)}, call: func(in G.Nodes) (*G.Node, error) { return G.ReduceAdd(in) },
		want: func(in []array) array {
			plus := func(a, b float64) float64 { return a + b }
			return zipped(zipped(in[0], in[1], plus), in[2], plus)
		}},
		usage{name: "ReduceMul", in: []array{m(2, 3), o(3, 2), m(2, 2)}, call: func(in G.Nodes) (*G.Node, error) { return G.ReduceMul(in) },
			want: func(in []array) array { return matmul(matmul(in[0], in[1]), in[2]) }})
	return append(uses, imageUses()...)
}

// sparsemax follows algorithm 1 of Martins and Astudillo 2016.
func sparsemax(x []float64) []float64 {
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	total, tau := 0.0, 0.0
	for k, v := range sorted {
		total += v
		if 1+float64(k+1)*v > total {
			tau = (total - 1) / float64(k+1)
		}
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = max(v-tau, 0)
	}
	return out
}
