package checkpoint

import (
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// TestDraw: weights are the ones that the seed determines, rounded to the requested width.
func TestDraw(t *testing.T) {
	m, err := models.Parse([]byte(byColumns))
	if err != nil {
		t.Fatal(err)
	}
	want := graph.NewParams(3)
	if err := models.Declare(m, want); err != nil {
		t.Fatal(err)
	}
	got, err := Draw(m, 3, Float32)
	if err != nil {
		t.Fatal(err)
	}
	sameParams(t, got, want)
	packed, err := Draw(m, 3, Int8)
	if err != nil {
		t.Fatal(err)
	}
	if w, columns := packed.Get("h.0.attn.c_attn.weight").Packed(); w == nil || !columns || w.Rows != 192 || w.Cols != 64 {
		t.Errorf("c_attn is %v, by columns %v", w, columns)
	}
	half := packed.Get("wte.weight").Data() // drawn from N(0, 0.02): all are below 0.1, so half a rounding step is below 0.0004
	for i, v := range want.Get("wte.weight").Data() {
		if d := half[i] - v; d > 4e-4 || d < -4e-4 {
			t.Fatalf("element %d is %v, want %v", i, half[i], v)
		}
	}
}
