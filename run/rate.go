package run

import (
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
)

// rateWidth is the model width for which the default of lr was chosen.
const rateWidth = 96

// Leave clears settings that were not given and depend on the model, so that [Create] fills them
// in: the context, if the run starts from a checkpoint, and the learning rate.
func (r *Recipe) Leave(given func(setting string) bool) {
	if r.From != "" && !given("context") {
		r.Context = 0
	}
	if !given("lr") {
		r.LearnRate = 0
	}
}

// fillRate sets the learning rate of a recipe that has none. Wider models need a lower one, in
// proportion to their width (Yang et al. 2022, Tensor Programs V, §5). Trained weights need a
// tenth, so that the first updates do not undo their training.
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
