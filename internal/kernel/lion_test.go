package kernel

import (
	"slices"
	"testing"
)

// TestLion: signs, decay, clip and means of single numbers, and the same bits for any
// split of the work.
func TestLion(t *testing.T) {
	c := Lion{Clip: 0.5, Shrink: 0.75, Rate: 0.25, Beta1: 0.5, Beta2: 0.75}
	w, g, m := []float32{1, 1, 1, 2, 1}, []float32{4, -4, 0, 8, 1e-40}, []float32{0, 0, 0, -16, 0}
	c.Update(w, g, m)
	// The direction of the fourth is (-16 + 4)/2: against its gradient.
	if want := []float32{0.5, 1, 0.75, 1.75, 0.5}; !slices.Equal(w, want) {
		t.Errorf("weights %v, want %v", w, want)
	}
	if want := []float32{0.5, -0.5, 0, -11, 0}; !slices.Equal(m, want) {
		t.Errorf("means %v, want %v", m, want)
	}
	const n = 3*adamGrain + 17
	w, g, m = normals(1, n), normals(2, n), normals(3, n)
	w2, m2 := slices.Clone(w), slices.Clone(m)
	c.Update(w, g, m)
	c.update(w2, g, m2)
	if !slices.Equal(w, w2) || !slices.Equal(m, m2) {
		t.Error("the split changes the result")
	}
}
