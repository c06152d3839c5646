package weights_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// tensors is a source in memory.
type tensors []weights.Tensor

func (tensors) Name() string { return "memory" }
func (tensors) Close() error { return nil }

func (all tensors) Tensors() (infos []weights.Info) {
	for _, t := range all {
		infos = append(infos, weights.Info{Name: t.Name, Type: weights.F32, Shape: t.Shape})
	}
	return infos
}

func (all tensors) Read(name string, dst []float32) error {
	for _, t := range all {
		if t.Name == name {
			copy(dst, t.Data)
			return nil
		}
	}
	return fmt.Errorf("no %s", name)
}

func (all tensors) Map(name string) []float32 {
	for _, t := range all {
		if t.Name == name {
			return t.Data
		}
	}
	return nil
}

// forms are two ways to store a stack of two vectors: as one tensor each, or each after two other numbers in
// a row of a wider tensor.
var forms = [][]weights.Whole{
	{{Name: "w", Shape: []int{2, 3}, Pieces: []weights.Piece{{Name: "w.0", Shape: []int{3}}, {Name: "w.1", Shape: []int{3}}}}},
	{{Name: "w", Shape: []int{2, 3}, Pieces: []weights.Piece{
		{Name: "vw", Shape: []int{3}, Of: []int{2, 5}, From: 2}, {Name: "vw", Shape: []int{3}, Of: []int{2, 5}, From: 7},
	}}},
}

// The vectors of two experts, stored one by one, are assembled into a matrix, and split into two vectors again.
func ExampleAssemble() {
	file := tensors{{Name: "model.w.1", Shape: []int{3}, Data: []float32{4, 5, 6}}, {Name: "model.w.0", Shape: []int{3}, Data: []float32{1, 2, 3}}}
	src, err := weights.Assemble(file, forms, func(name string) string { return strings.TrimPrefix(name, "model.") })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	w := make([]float32, 6)
	fmt.Println(src.Tensors(), src.Read("w", w), w)
	for _, x := range weights.Split(weights.Tensor{Name: "w", Shape: []int{2, 3}, Data: w}, forms[0]) {
		fmt.Println(x.Name, x.Shape, x.Data)
	}
	// Output:
	// [{w F32 [2 3]}] <nil> [1 2 3 4 5 6]
	// w.0 [3] [1 2 3]
	// w.1 [3] [4 5 6]
}

// TestAssemble: pieces may be parts of tensors, tensors that are already whole are kept, and errors name the tensors.
func TestAssemble(t *testing.T) {
	other := weights.Tensor{Name: "a", Shape: []int{2}, Data: []float32{8, 9}}
	fused := weights.Tensor{Name: "vw", Shape: []int{2, 5}, Data: []float32{0, 0, 1, 2, 3, 0, 0, 4, 5, 6}}
	src, err := weights.Assemble(tensors{fused, other}, forms, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, a := make([]float32, 6), make([]float32, 2)
	if err := src.Read("w", w); err != nil || !slices.Equal(w, []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("%v, %v", w, err)
	}
	if err := src.Read("a", a); err != nil || !slices.Equal(a, other.Data) || len(src.Tensors()) != 2 {
		t.Errorf("%v, %v of %v", a, err, src.Tensors())
	}
	if m := src.(weights.Mapper); m.Map("w") != nil || !slices.Equal(m.Map("a"), other.Data) {
		t.Error("a whole is mapped, or another is not")
	}
	if err := src.Read("w", w[:5]); err == nil || err.Error() != "memory: w is (2, 3), 6 numbers; the buffer holds 5" {
		t.Error(err)
	}
	if same, err := weights.Assemble(tensors{other}, forms, nil); err != nil || len(same.Tensors()) != 1 {
		t.Errorf("%v, %v", same, err)
	}
	whole := tensors{{Name: "w", Shape: []int{2, 3}, Data: make([]float32, 6)}}
	if same, err := weights.Assemble(whole, forms, nil); err != nil || !slices.Equal(same.Tensors()[0].Shape, []int{2, 3}) {
		t.Errorf("%v, %v", same, err)
	}
	for want, file := range map[string]tensors{
		"memory: missing w.1":                                        {{Name: "w.0", Shape: []int{3}}},
		"memory: w.1 is (4), want (3)":                               {{Name: "w.0", Shape: []int{3}}, {Name: "w.1", Shape: []int{4}}},
		"memory: vw is (5, 2), want (2, 5)":                          {{Name: "vw", Shape: []int{5, 2}}},
		"memory: missing w.0; w.1 is (), want (3)":                   {{Name: "w.1"}},
		"memory: w.0 and model.w.0 are the same tensor of the model": {{Name: "w.0", Shape: []int{3}}, {Name: "model.w.0", Shape: []int{3}}},
	} {
		bare := func(name string) string { return strings.TrimPrefix(name, "model.") }
		if _, err := weights.Assemble(file, forms, bare); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
