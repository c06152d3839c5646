package graph

import (
	"errors"
	"slices"
	"testing"
)

// TestFill fills a parameter before and after it would be initialized.
func TestFill(t *testing.T) {
	ps := NewParams(1)
	p, err := ps.Declare("w", Normal(1), 3)
	if err != nil {
		t.Fatal(err)
	}
	want := errors.New("cut short")
	err = p.Fill(func(data []float32) error {
		if !slices.Equal(data, []float32{0, 0, 0}) {
			t.Errorf("to be filled: %v, want nothing drawn", data)
		}
		copy(data, []float32{1, 2, 3})
		return want
	})
	if err != want {
		t.Errorf("error %v, want the function's", err)
	}
	data := p.Data()
	if !slices.Equal(data, []float32{1, 2, 3}) {
		t.Errorf("weights %v, want [1 2 3]", data)
	}
	if err := p.Fill(func(data []float32) error { data[0] = 4; return nil }); err != nil || data[0] != 4 {
		t.Errorf("filled again: %v, %v; want the same memory with 4 in it", data, err)
	}
}

func TestAdopt(t *testing.T) {
	ps := NewParams(1)
	p, err := ps.Declare("w", Normal(1), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Adopt([]float32{1, 2}); err == nil || err.Error() != "w: 2 numbers do not fill shape (3)" {
		t.Errorf("error %v", err)
	}
	mine := []float32{1, 2, 3}
	if err := p.Adopt(mine); err != nil {
		t.Fatal(err)
	}
	if data := p.Data(); &data[0] != &mine[0] {
		t.Error("the weights are a copy")
	}
	if value := p.Value().Data().([]float32); &value[0] != &mine[0] {
		t.Error("the tensor is of a copy")
	}
	// Programs hold mine now, so other numbers are copied into it.
	if err := p.Adopt([]float32{4, 5, 6}); err != nil || !slices.Equal(mine, []float32{4, 5, 6}) {
		t.Errorf("adopted again: %v, %v; want [4 5 6] in the same memory", mine, err)
	}
}
