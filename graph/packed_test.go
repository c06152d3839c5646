package graph_test

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/ops"
)

// blocksOf returns a matrix of arbitrary MXFP4 blocks.
func blocksOf(rows, cols int) *graph.Packed {
	w := &graph.Packed{Format: kernel.MXFP4, Rows: rows, Cols: cols}
	for i := range rows * cols / 2 {
		w.Codes = append(w.Codes, byte(37*i))
	}
	for i := range rows * cols / 32 {
		w.Scales = append(w.Scales, byte(125+i%4))
	}
	return w
}

// experts declares a grouped product of 4 rows over 2 groups.
func experts(s *graph.Scope) (y, w *G.Node) {
	e := s.At("experts").Grouped(graph.Groups{Count: 2, PerRow: 1, Ends: s.Floats("ends", 2)})
	w = e.Param("w", graph.Normal(1), 3, 32)
	return ops.Dense(e, s.Floats("x", 4, 32), w, nil), w
}

// run compiles and runs what declare returns, and returns its value.
func run(t *testing.T, params *graph.Params, declare func(s *graph.Scope) *G.Node) []float32 {
	t.Helper()
	s := graph.New(params)
	y := declare(s)
	p, err := s.Compile(y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	x := make([]float32, 4*32)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	if err := p.SetFloats("x", x); err != nil {
		t.Fatal(err)
	}
	if err := p.SetFloats("ends", []float32{3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y))
}

// TestPacked: a program without gradients uses packed blocks directly and computes bit for bit the same as
// with decoded numbers; an op that needs numbers, a gradient, and Data decode them.
func TestPacked(t *testing.T) {
	blocks := blocksOf(2*3, 32)
	product := func(s *graph.Scope) *G.Node { y, _ := experts(s); return y }
	store := func() (*graph.Params, *graph.Param) {
		params := graph.NewParams(1)
		product(graph.New(params))
		p := params.Get("experts.w")
		if err := p.AdoptPacked(blocks, false); err != nil {
			t.Fatal(err)
		}
		return params, p
	}
	params, p := store()
	got := run(t, params, product)
	if b, _ := p.Packed(); b == nil {
		t.Error("a product of experts has made numbers of the blocks")
	}
	if d := p.Data(); !slices.Equal(d[:4], []float32{0, 0, 3 * 0.25, 1 * 0.25}) { // bytes 0x00 and 0x25, scale 2⁻²
		t.Errorf("numbers %v", d[:4])
	}
	if b, _ := p.Packed(); b != nil {
		t.Error("there are numbers, and blocks too")
	}
	if want := run(t, params, product); !slices.Equal(got, want) {
		t.Errorf("%v of blocks, %v of numbers", got, want)
	}

	params, p = store()
	sum := run(t, params, func(s *graph.Scope) *G.Node {
		y, w := experts(s)
		return ops.Add(s, y, ops.Reshape(s, ops.Columns(s, ops.Reshape(s, w, 4, 48), 0, 3), 4, 3)) // which needs numbers
	})
	if b, _ := p.Packed(); b != nil || len(sum) != 12 {
		t.Error("an op that reads numbers has left blocks")
	}

	params, p = store()
	s := graph.New(params)
	y, _ := experts(s)
	program, err := s.CompileGrad(s.Node(G.Sum(y)))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for name, x := range map[string][]float32{"x": make([]float32, 128), "ends": {1, 4}} {
		if err := program.SetFloats(name, x); err != nil {
			t.Fatal(err)
		}
	}
	if err := program.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	if b, _ := p.Packed(); b != nil {
		t.Error("a program with a gradient has left blocks")
	}
}

// TestPackedReaders: each op that can use a packed matrix directly computes bit for bit the same as with its
// numbers; a matrix packed in the wrong orientation is decoded.
func TestPackedReaders(t *testing.T) {
	ids := func(s *graph.Scope) *G.Node { return s.Ints("ids", 3) }
	x := func(s *graph.Scope, width int) *G.Node { return s.Floats("x", 3, width) }
	for name, c := range map[string]struct {
		shape   []int
		how     graph.Reading
		declare func(s *graph.Scope, w *G.Node) *G.Node
	}{
		"Dense":   {[]int{5, 64}, graph.ByRows, func(s *graph.Scope, w *G.Node) *G.Node { return ops.Dense(s, x(s, 64), w, nil) }},
		"Linear":  {[]int{64, 5}, graph.ByColumns, func(s *graph.Scope, w *G.Node) *G.Node { return ops.Linear(s, x(s, 64), w, nil) }},
		"Project": {[]int{5, 64}, graph.AsTable, func(s *graph.Scope, w *G.Node) *G.Node { return ops.Project(s, x(s, 64), w) }},
		"Embed":   {[]int{5, 64}, graph.AsTable, func(s *graph.Scope, w *G.Node) *G.Node { return ops.Embed(s, ids(s), w) }},
		"HeadLoss": {[]int{5, 64}, graph.AsTable, func(s *graph.Scope, w *G.Node) *G.Node {
			return ops.HeadLoss(s, x(s, 64), w, ids(s), ops.LossOptions{})
		}},
	} {
		values := func(columns, spread bool) (values []float32, packed bool) {
			params := graph.NewParams(1)
			s := graph.New(params)
			y := c.declare(s, s.Param("w", graph.Zeros(), c.shape...))
			p := params.Get("w")
			if p.Reading() != c.how {
				t.Errorf("%s reads as %d, want %d", name, p.Reading(), c.how)
			}
			rows, cols := c.shape[0], c.shape[1]
			if columns {
				rows, cols = cols, rows
			}
			m, err := kernel.Pack(kernel.BF16, rows, cols, counted(rows*cols))
			if err == nil {
				err = p.AdoptPacked(m, columns)
			}
			if err != nil {
				t.Fatal(err)
			}
			if spread {
				p.Data()
			}
			program, err := s.Compile(y)
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			if s.Lookup("x") != nil {
				err = program.SetFloats("x", counted(3*64))
			}
			if err == nil && s.Lookup("ids") != nil {
				err = program.SetInts("ids", []int{4, 0, 2})
			}
			if err == nil {
				err = program.Run()
			}
			if err != nil {
				t.Fatal(err)
			}
			w, _ := p.Packed()
			return slices.Clone(program.Value(y)), w != nil
		}
		columns := c.how == graph.ByColumns
		got, packed := values(columns, false)
		want, _ := values(columns, true)
		if !packed {
			t.Errorf("%s has made numbers of its matrix", name)
		}
		if near := slices.EqualFunc(got, want, func(a, b float32) bool { return a == b || columns && a-b < 1e-4 && b-a < 1e-4 }); !near {
			t.Errorf("%s: %v packed, %v of numbers", name, got, want)
		}
		if _, packed := values(!columns, false); packed {
			t.Errorf("%s has read a matrix that lies the other way", name)
		}
	}
}

// counted returns n small numbers.
func counted(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*7%13)/4 - 1
	}
	return x
}

func TestAdoptPackedErrors(t *testing.T) {
	params := graph.NewParams(1)
	p, err := params.Declare("w", graph.Zeros(), 2, 64)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(err error, want string) {
		t.Helper()
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	fails(p.AdoptPacked(&graph.Packed{Format: kernel.Q4_0, Rows: 2, Cols: 33}, false), "w: rows of 33 numbers are not whole groups of 32, as Q4_0 requires")
	fails(p.AdoptPacked(&graph.Packed{Rows: 2, Cols: 33}, false), "w: Format(0) is not a format of packed numbers")
	fails(p.AdoptPacked(&graph.Packed{Format: kernel.Q8_0, Rows: 2, Cols: 64, Codes: make([]byte, 128), Scales: make([]byte, 6)}, false),
		"w: 128 bytes of codes, 6 of scales and 0 of offsets; want 128, 8 and 0 for 2 rows of 64 numbers in Q8_0")
	fails(p.AdoptPacked(blocksOf(2, 64), true), "w: 2 rows of 64 numbers in MXFP4 do not fill shape (2, 64)")
	fails(p.AdoptPacked(blocksOf(4, 32), false), "w: 4 rows of 32 numbers in MXFP4 do not fill shape (2, 64)")

	if p, err = params.Declare("v", graph.Ones(), 2, 32); err != nil {
		t.Fatal(err)
	}
	data := p.Data()
	w := &graph.Packed{Format: kernel.MXFP4, Rows: 2, Cols: 32, Codes: slices.Repeat([]byte{0x22}, 32), Scales: []byte{127, 128}}
	if err := p.AdoptPacked(w, false); err != nil || data[0] != 1 || data[40] != 2 {
		t.Errorf("%v, numbers that programs hold are %v", err, data[:2])
	}
}

// Blocks from a file become the weights; Data returns them decoded.
func ExampleParam_AdoptPacked() {
	params := graph.NewParams(1)
	p, err := params.Declare("w", graph.Zeros(), 1, 32)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.AdoptPacked(&graph.Packed{Format: kernel.MXFP4, Rows: 1, Cols: 32, Codes: slices.Repeat([]byte{0x21}, 16), Scales: []byte{128}}, false)
	fmt.Println(err, p.Data()[:4])
	// Output: <nil> [1 2 1 2]
}
