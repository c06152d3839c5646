package weights

import (
	"slices"
	"testing"
)

// matrix is a source of a matrix and a vector, whose numbers count up from 0.
type matrix struct{ rows, cols int }

func (m matrix) Name() string { return "matrix" }
func (m matrix) Close() error { return nil }
func (m matrix) Tensors() []Info {
	return []Info{{Name: "m", Type: F32, Shape: []int{m.rows, m.cols}}, {Name: "v", Type: F32, Shape: []int{2}}}
}
func (m matrix) Read(_ string, dst []float32) error {
	for i := range dst {
		dst[i] = float32(i)
	}
	return nil
}
func (m matrix) Map(string) []float32 { return []float32{7} }

func TestTransposed(t *testing.T) {
	src := Transposed(matrix{70, 35}, func(name string) bool { return name == "m" })
	if shape := src.Tensors()[0].Shape; !slices.Equal(shape, []int{35, 70}) {
		t.Fatalf("shape %v", shape)
	}
	got := make([]float32, 70*35)
	if err := src.Read("m", got); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if r, c := i/70, i%70; v != float32(c*35+r) {
			t.Fatalf("element (%d, %d) is %v, want %d", r, c, v, c*35+r)
		}
	}
	v := make([]float32, 2)
	if err := src.Read("v", v); err != nil || !slices.Equal(v, []float32{0, 1}) {
		t.Errorf("the vector is %v, %v", v, err)
	}
	if m := src.(Mapper); m.Map("m") != nil || m.Map("v") == nil {
		t.Error("a transposed matrix is mapped, or the vector is not")
	}
}
