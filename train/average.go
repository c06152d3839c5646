package train

import (
	"slices"

	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
)

// Twin is how rules name an average of weights that they keep: the average while parameters hold the weights in
// training, and those weights while parameters hold the average, as in a checkpoint.
const Twin = "twin"

// Averaging is a [Rule] that trains some weights and has an average of them which is better. Of what it
// keeps, [Twin] is the average. Evaluations, samples and checkpoints have it in the place of the weights;
// see [Trainer.Average]. [ScheduleFree] and [EMA] are such rules.
type Averaging interface {
	Rule
	// Begin fills what is kept of a parameter, in the order of Keeps, before its first update.
	Begin(weight []float32, kept [][]float32)
}

// Averager is a solver that has an average of the weights it trains. An [Optimizer] is one.
type Averager interface {
	// Average has the parameters hold the average, or else the weights in training again, to the bit. It
	// does nothing where they hold that already, or where there is no average.
	Average(model []gorgonia.ValueGrad, on bool) error
}

// Average exchanges the weights of rules that are [Averaging] with their averages: on puts the averages into the parameters.
// A gradient is to be taken of the weights, so off. On an error nothing has changed.
func (o *Optimizer) Average(model []gorgonia.ValueGrad, on bool) error {
	if o.averaged == on {
		return nil
	}
	var pairs [][2][]float32
	for _, vg := range model {
		named, ok := vg.(gorgonia.Namer)
		if !ok {
			continue
		}
		s := o.byName[named.Name()]
		if s == nil {
			continue
		}
		i := slices.Index(s.names, Twin)
		if i < 0 {
			continue
		}
		weight, err := floats(vg.Value())
		if err != nil {
			return o.failed("%s: %w", s.name, err)
		}
		if len(weight) != len(s.kept[i]) {
			return o.failed("moments of %s are %v, want %v", s.name, s.shape, vg.Value().Shape())
		}
		pairs = append(pairs, [2][]float32{weight, s.kept[i]})
	}
	for _, p := range pairs {
		for i, x := range p[0] {
			p[0][i], p[1][i] = p[1][i], x
		}
	}
	if len(pairs) > 0 {
		o.averaged = on
	}
	return nil
}

// Average has Params hold the average of the weights, where the solver has one, until the next
// update. Evaluations, Save and whoever comes after Run find it there; an [Observer] that uses the
// weights after a step has to call this.
func (t *Trainer) Average() error { return t.average(t.Params.ValueGrads(), true) }

func (t *Trainer) average(model []gorgonia.ValueGrad, on bool) error {
	if a, ok := optional.As[Averager](t.Solver); ok {
		return a.Average(model, on)
	}
	return nil
}

// rates are what the learning rates of a run's updates come to.
type rates struct {
	Highest float64 `json:"highest_rate,omitzero"`
	Squares float64 `json:"rate_squares,omitzero"` // sum of the squares of the highest so far, an update each
}

// share takes another rate, and returns the part that its update has in Squares.
func (r *rates) share(rate float64) float64 {
	r.Highest = max(r.Highest, rate)
	r.Squares += r.Highest * r.Highest
	if r.Squares == 0 {
		return 0
	}
	return r.Highest * r.Highest / r.Squares
}
