package train

import (
	"slices"

	"github.com/gorgpt/gorgpt/internal/optional"
	"gorgonia.org/gorgonia"
)

// Twin is the name under which a rule keeps an average of a parameter's weights. While the
// parameter holds the weights being trained, this tensor holds the average; while the parameter
// holds the average, as in a checkpoint, it holds the weights being trained.
const Twin = "twin"

// Averaging is a [Rule] that keeps an average of the weights it trains, which performs better than
// the weights themselves. The average is the kept tensor named [Twin]. Evaluations, samples and
// checkpoints use it instead of the weights; see [Trainer.Average]. [ScheduleFree] and [EMA] are
// averaging rules.
type Averaging interface {
	Rule
	// Begin fills what is kept of a parameter, in the order of Keeps, before its first update.
	Begin(weight []float32, kept [][]float32)
}

// Averager is a solver that keeps an average of the weights it trains. An [Optimizer] is one.
type Averager interface {
	// Average makes the parameters hold the average if on is true, and otherwise the weights being
	// trained, restored bit for bit. It is a no-op if they already do, or if there is no average.
	Average(model []gorgonia.ValueGrad, on bool) error
}

// Average exchanges the weights of rules that are [Averaging] with their averages: with on, the
// parameters hold the averages. Gradients must be taken of the weights themselves, that is, after
// Average with on false. On an error nothing has changed.
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

// Average makes Params hold the average of the weights, if the solver keeps one, until the next
// update. Evaluations, Save and code that runs after Run find it there already; an [Observer] that
// uses the weights after a step has to call Average first.
func (t *Trainer) Average() error { return t.average(t.Params.ValueGrads(), true) }

func (t *Trainer) average(model []gorgonia.ValueGrad, on bool) error {
	if a, ok := optional.As[Averager](t.Solver); ok {
		return a.Average(model, on)
	}
	return nil
}

// rates summarizes the learning rates of a run's updates so far.
type rates struct {
	Highest float64 `json:"highest_rate,omitzero"`
	Squares float64 `json:"rate_squares,omitzero"` // sum, over the updates, of the square of the highest rate so far
}

// share adds the rate of one more update, and returns that update's share of Squares.
func (r *rates) share(rate float64) float64 {
	r.Highest = max(r.Highest, rate)
	r.Squares += r.Highest * r.Highest
	if r.Squares == 0 {
		return 0
	}
	return r.Highest * r.Highest / r.Squares
}
