package gpt2

import (
	"math"
	"testing"
)

// TestScale: attention scales its scores as transformers does with scale_attn_weights and
// scale_attn_by_inverse_layer_idx.
func TestScale(t *testing.T) {
	for _, test := range []struct {
		unscaled, byLayer bool
		block             int
		want              float64
	}{
		{false, false, 2, 0}, // the op's default, 1/√4
		{true, false, 2, 1},
		{false, true, 2, 1. / 2 / 3},
		{true, true, 0, 1},
		{true, true, 2, 1. / 3},
	} {
		c := New(7, 5, 8, 3, 2)
		c.Scaled, c.ScaleByLayer = !test.unscaled, test.byLayer
		if got := c.scale(test.block); math.Abs(got-test.want) > 1e-15 {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
