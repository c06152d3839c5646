package ops_test

import (
	"math"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// tolPieces is for float32 sums in attention that are taken in a different order; values are about 1.
const tolPieces = 1e-5

// TestPieces: ops that look across positions give two sequences the same results in pieces, of varying
// lengths and starting points, as for the whole sequences.
func TestPieces(t *testing.T) {
	const context, width = 7, 6
	of := func(heads int, o ops.AttentionOptions) func(s *graph.Scope, x *G.Node) *G.Node {
		return func(s *graph.Scope, x *G.Node) *G.Node { return attend(s, x, heads, heads, o) }
	}
	for name, c := range map[string]struct {
		columns int
		op      func(s *graph.Scope, x *G.Node) *G.Node
	}{
		"AddPositions": {width, func(s *graph.Scope, x *G.Node) *G.Node {
			return ops.AddPositions(s, x, s.Param("w", graph.Normal(1), context+2, width))
		}},
		"Rotary":                       {width, func(s *graph.Scope, x *G.Node) *G.Node { return ops.Rotary(s, x, 3, ops.RotaryOptions{}) }},
		"AddSinusoids":                 {width, ops.AddSinusoids},
		"Attention":                    {3 * width, of(3, ops.AttentionOptions{})},
		"Attention in a window":        {3 * width, of(2, ops.AttentionOptions{Window: 3})},
		"Attention with a scale":       {3 * width, of(2, ops.AttentionOptions{Scale: 0.3})},
		"Attention of grouped queries": {8, func(s *graph.Scope, x *G.Node) *G.Node { return attend(s, x, 4, 2, ops.AttentionOptions{}) }},
		"Attention of three matrices": {3 * width, func(s *graph.Scope, x *G.Node) *G.Node {
			y, part := ops.Scale(s, x, 2), func(i int) ops.Heads { return ops.AllHeads(s, ops.Columns(s, x, i*width, width), 2) }
			return ops.Attention(s, part(0), ops.Heads{In: y, First: width, Count: 1, Size: 3}, ops.Heads{In: x, First: 2 * width, Count: 1, Size: 5}, ops.AttentionOptions{})
		}},
	} {
		params := graph.NewParams(3)
		data := make([]float32, 2*context*c.columns)
		for i := range data {
			data[i] = float32(math.Sin(float64(i * i)))
		}
		s := graph.New(params)
		s.SetSequence(2, context)
		want := run(t, s, c.op(s, s.Floats("x", 2*context, c.columns)), data, nil)
		out := len(want) / (2 * context) // columns of the result
		memory := graph.NewCache(2, context)
		past := 0
		for _, n := range []int{3, 1, 2, 1} {
			s := graph.New(params, graph.Incremental(memory))
			s.SetSequence(2, n)
			y := c.op(s, s.Floats("x", 2*n, c.columns))
			var piece, expected []float32
			for b := range 2 {
				piece = append(piece, data[(b*context+past)*c.columns:][:n*c.columns]...)
				expected = append(expected, want[(b*context+past)*out:][:n*out]...)
			}
			got := run(t, s, y, piece, []int{past, past})
			if !slices.EqualFunc(got, expected, func(a, b float32) bool { return math.Abs(float64(a-b)) < tolPieces }) {
				t.Errorf("%s: positions %d to %d are %v, of the whole %v", name, past, past+n-1, got, expected)
			}
			past += n
		}
	}
}

// TestPastOfItsOwn: sequences may be at different positions.
func TestPastOfItsOwn(t *testing.T) {
	s := graph.New(graph.NewParams(1), graph.Incremental(graph.NewCache(2, 4)))
	table := s.Param("w", graph.Zeros(), 4, 1)
	if err := s.Params().Get("w").Adopt([]float32{10, 20, 30, 40}); err != nil {
		t.Fatal(err)
	}
	s.SetSequence(2, 1)
	y := ops.AddPositions(s, s.Floats("x", 2, 1), table)
	if got := run(t, s, y, []float32{1, 2}, []int{3, 1}); !slices.Equal(got, []float32{41, 22}) {
		t.Errorf("%v, want 41 and 22", got)
	}
}

// run returns the value of y for an input x and, in an incremental graph, for the given pasts.
func run(t *testing.T, s *graph.Scope, y *G.Node, x []float32, past []int) []float32 {
	t.Helper()
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetFloats("x", x); err != nil {
		t.Fatal(err)
	}
	if past != nil {
		if err := p.SetInts("past", past); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y))
}

// TestPartsLearn: if the head's weight is detached, its states get the same gradient as otherwise, and vice versa.
func TestPartsLearn(t *testing.T) {
	gradients := func(detached string) map[string][]float32 {
		s := graph.New(graph.NewParams(5))
		in := make(map[string]*G.Node)
		for name, rows := range map[string]int{"x": 3, "w": 5} {
			n := s.Param(name, graph.Normal(1), rows, 2)
			in[name] = ops.Scale(s, n, 1)
			if name == detached {
				in[name] = ops.Detach(s, n)
			}
		}
		loss := ops.LinearCrossEntropy(s, in["x"], in["w"], s.Ints("t", 3))
		if detached != "" { // otherwise the detached parameter would be an error
			loss = s.Node(G.Add(loss, ops.Scale(s, s.Node(G.Sum(s.Lookup(detached))), 0)))
		}
		p, err := s.CompileGrad(loss)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.SetInts("t", []int{1, 4, -1}); err != nil {
			t.Fatal(err)
		}
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return map[string][]float32{"x": s.Params().Get("x").GradData(), "w": s.Params().Get("w").GradData()}
	}
	both := gradients("")
	for detached, learned := range map[string]string{"w": "x", "x": "w"} {
		got := gradients(detached)
		if !slices.Equal(got[learned], both[learned]) || slices.ContainsFunc(got[detached], func(v float32) bool { return v != 0 }) {
			t.Errorf("without %s: %v, with it %v", detached, got, both)
		}
	}
}

// TestOfWeights: a weight that passes through Gorgonia's ops gets the gradient that the chain rule gives, if
// it is used only that way, in another way too, or twice.
func TestOfWeights(t *testing.T) {
	// For Σ x·f(w) with rows x of (1, 2) and (3, 5), the gradient of f is 4 in the first row and 7 in the second.
	for name, c := range map[string]struct {
		use  func(s *graph.Scope, x, w *G.Node) *G.Node
		want [2]float32
	}{
		"itself": {func(s *graph.Scope, x, w *G.Node) *G.Node { return ops.Linear(s, x, w, nil) }, [2]float32{4, 7}},
		"Neg":    {func(s *graph.Scope, x, w *G.Node) *G.Node { return ops.Linear(s, x, s.Node(G.Neg(w)), nil) }, [2]float32{-4, -7}},
		"Square": {func(s *graph.Scope, x, w *G.Node) *G.Node { return ops.Linear(s, x, s.Node(G.Square(w)), nil) }, [2]float32{4 * 2 * 3, 7 * 2 * 3}},
		"w - w":  {func(s *graph.Scope, x, w *G.Node) *G.Node { return ops.Linear(s, x, s.Node(G.Sub(w, w)), nil) }, [2]float32{0, 0}},
		"Neg beside w": {func(s *graph.Scope, x, w *G.Node) *G.Node {
			return ops.Add(s, ops.Linear(s, x, s.Node(G.Neg(w)), nil), ops.Linear(s, x, ops.Scale(s, w, 3), nil))
		}, [2]float32{8, 14}},
		"w + w": {func(s *graph.Scope, x, w *G.Node) *G.Node { return ops.Linear(s, x, s.Node(G.Add(w, w)), nil) }, [2]float32{8, 14}},
		"w and Neg of it": {func(s *graph.Scope, x, w *G.Node) *G.Node {
			return ops.Add(s, ops.Linear(s, x, w, nil), ops.Linear(s, x, s.Node(G.Neg(w)), nil))
		}, [2]float32{0, 0}},
		"transposed in Project": {func(s *graph.Scope, x, w *G.Node) *G.Node { return ops.Project(s, x, s.Node(G.Transpose(w))) }, [2]float32{4, 7}},
		"Neg of an embedding": {func(s *graph.Scope, x, w *G.Node) *G.Node {
			return ops.Linear(s, x, ops.Embed(s, s.Ints("ids", 2), s.Node(G.Neg(w))), nil)
		}, [2]float32{-7, -4}},
	} {
		s := graph.New(graph.NewParams(1))
		x, w := s.Floats("x", 2, 2), s.Param("w", graph.Zeros(), 2, 3)
		if err := s.Params().Get("w").Adopt([]float32{3, 3, 3, 3, 3, 3}); err != nil {
			t.Fatal(err)
		}
		p, err := s.CompileGrad(s.Node(G.Sum(c.use(s, x, w))))
		if err != nil {
			t.Fatal(name, err)
		}
		defer p.Close()
		if err := p.SetFloats("x", []float32{1, 2, 3, 5}); err != nil {
			t.Fatal(err)
		}
		if s.Lookup("ids") != nil {
			if err := p.SetInts("ids", []int{1, 0}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // two gradients with a weight of ½ add up to one
			if err := p.RunGrad(0.5); err != nil {
				t.Fatal(err)
			}
		}
		got := s.Params().Get("w").GradData()
		for i, v := range got {
			if v != c.want[i/3] {
				t.Errorf("%s: gradient %v, want rows of %v", name, got, c.want)
				break
			}
		}
	}
}
