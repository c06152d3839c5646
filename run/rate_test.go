package run

import (
	"math"
	"testing"

	"github.com/gorgpt/gorgpt/models"
)

// TestFillRate: a learning rate that is given is used; otherwise it depends on the width, and is a tenth of
// that for pre-trained weights.
func TestFillRate(t *testing.T) {
	wide, err := models.Find("gpt2") // width 768
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		recipe Recipe
		given  bool
		from   *Trained
		want   float64
	}{
		{Recipe{Model: "gpt2-minute"}, false, nil, 8e-3},
		{Recipe{Model: "gpt2-minute", Width: 24}, false, nil, 8e-3},
		{Recipe{Model: "gpt2-minute", Width: 192}, false, nil, 4e-3},
		{Recipe{Model: "gpt2"}, false, nil, 1e-3},
		{Recipe{Model: "gpt2"}, true, nil, 0.3},
		{Recipe{From: "dir"}, false, &Trained{Model: wide}, 1e-4},
		{Recipe{From: "dir"}, true, &Trained{Model: wide}, 0.3},
	} {
		r := c.recipe
		r.LearnRate = 0.3
		r.Leave(func(string) bool { return c.given })
		if err := r.fillRate(c.from); err != nil || math.Abs(r.LearnRate-c.want) > 1e-15 {
			t.Errorf("%+v: %v, %v, want %v", c.recipe, r.LearnRate, err, c.want)
		}
	}
	r := Recipe{Model: "gpt9"}
	if err := r.fillRate(nil); err == nil {
		t.Error("an unknown model has a rate")
	}
}
