package run

import (
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
)

// rateWidth is the width of the model for which the default of lr was chosen.
const rateWidth = 96

// Leave takes back what was not given and depends on the model, for [Create] to fill in: the context of a checkpoint that the
// run begins with, and the learning rate.
func (r *Recipe) Leave(given func(setting string) bool) {
	if r.From != "" && !given("context") {
		r.Context = 0
	}
	if !given("lr") {
		r.LearnRate = 0
	}
}

// fillRate is the learning rate of a recipe that has none. Wider models want less, in proportion (Yang et al. 2022, Tensor Programs V,
// §5), and what was trained before is not to be undone by the first updates: a tenth.
func (r *Recipe) fillRate(from *Trained) error {
	if r.LearnRate != 0 {
		return nil
	}
	width, share := r.Width, 1.0
	switch {
	case from != nil:
		width, share = models.DimsOf(from.Model).Width, 0.1
	case width == 0:
		m, err := models.Find(r.Model)
		if err != nil {
			return usage.Of(err)
		}
		width = models.DimsOf(m).Width
	}
	r.LearnRate = Defaults().LearnRate * share * min(1, rateWidth/float64(max(width, 1)))
	return nil
}
