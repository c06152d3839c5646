package graph_test

import (
	"fmt"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// blocksOf are n numbers in MXFP4.
func blocksOf(n int) (blocks, scales []byte) {
	for i := range n / 2 {
		blocks = append(blocks, byte(37*i))
	}
	for i := range n / 32 {
		scales = append(scales, byte(125+i%4))
	}
	return blocks, scales
}

// experts declares a grouped product of 4 rows over 2 groups.
func experts(s *graph.Scope) (y, w *G.Node) {
	e := s.At("experts").Grouped(graph.Groups{Count: 2, PerRow: 1, Ends: s.Floats("ends", 2)})
	w = e.Param("w", graph.Normal(1), 3, 32)
	return ops.Dense(e, s.Floats("x", 4, 32), w, nil), w
}

// run gives the values of the product.
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

// TestPacked: a program that only reads takes the blocks as they are and gives the bits of the numbers; an op that asks for numbers, a gradient
// and Data make numbers of them.
func TestPacked(t *testing.T) {
	blocks, scales := blocksOf(2 * 3 * 32)
	product := func(s *graph.Scope) *G.Node { y, _ := experts(s); return y }
	store := func() (*graph.Params, *graph.Param) {
		params := graph.NewParams(1)
		product(graph.New(params))
		p := params.Get("experts.w")
		if err := p.AdoptPacked(blocks, scales); err != nil {
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
		return ops.Add(s, y, ops.Reshape(s, ops.Columns(s, ops.Reshape(s, w, 4, 48), 0, 3), 4, 3)) // which reads numbers
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

func TestAdoptPackedErrors(t *testing.T) {
	params := graph.NewParams(1)
	p, err := params.Declare("w", graph.Zeros(), 2, 33)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AdoptPacked(make([]byte, 33), make([]byte, 2)); err == nil || err.Error() != "w: 2 blocks and 2 scales of MXFP4 do not fill shape (2, 33)" {
		t.Errorf("error %v", err)
	}
	if p, err = params.Declare("v", graph.Ones(), 2, 32); err != nil {
		t.Fatal(err)
	}
	if err := p.AdoptPacked(make([]byte, 32), make([]byte, 3)); err == nil || err.Error() != "v: 2 blocks and 3 scales of MXFP4 do not fill shape (2, 32)" {
		t.Errorf("error %v", err)
	}
	data := p.Data()
	if err := p.AdoptPacked(slices.Repeat([]byte{0x22}, 32), []byte{127, 128}); err != nil || data[0] != 1 || data[40] != 2 {
		t.Errorf("%v, numbers that programs hold are %v", err, data[:2])
	}
}

// Blocks of a file become the weights; Data has the numbers.
func ExampleParam_AdoptPacked() {
	params := graph.NewParams(1)
	p, err := params.Declare("w", graph.Zeros(), 1, 32)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.AdoptPacked(slices.Repeat([]byte{0x21}, 16), []byte{128})
	fmt.Println(err, p.Data()[:4])
	// Output: <nil> [1 2 1 2]
}
