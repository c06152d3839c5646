package train

import (
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/optional"
)

// EMA wraps another rule and keeps an exponential moving average of its weights, which evaluations
// and checkpoints use (see [Averaging]; Polyak & Juditsky 1992 weight all updates equally). It
// keeps one number per weight in addition to those of the rule. After update t = 1, 2, … with
// weight w, the average becomes
//
//	x = x + (1 - min(Decay, (1+t)/(10+t)))·(w - x)
//
// so that the initial weights are soon forgotten, as in TensorFlow's ExponentialMovingAverage.
type EMA struct {
	Rule
	Decay float64 // fraction of the average that an update keeps, below 1
}

// Name is that of the rule.
func (e EMA) Name() string {
	if e.Rule == nil {
		return "EMA"
	}
	return e.Rule.Name()
}

// Keeps adds the average to what the rule keeps. It is an error if the rule is itself [Averaging].
func (e EMA) Keeps(shape []int) ([]string, error) {
	if e.Rule == nil {
		return nil, errors.New("EMA.Rule is not set")
	}
	if err := checkShares("EMA.Decay", e.Decay); err != nil {
		return nil, err
	}
	if _, ok := optional.As[Averaging](e.Rule); ok {
		return nil, fmt.Errorf("it already keeps an average of its own")
	}
	names, err := e.Rule.Keeps(shape)
	return append(names[:len(names):len(names)], Twin), err
}

// Elementwise reports whether the wrapped rule is elementwise.
func (e EMA) Elementwise() bool {
	inner, ok := optional.As[Elementwise](e.Rule)
	return ok && inner.Elementwise()
}

// Begin starts the average at the weight.
func (e EMA) Begin(weight []float32, kept [][]float32) { copy(kept[len(kept)-1], weight) }

// Apply makes an update by the rule, and then updates the average.
func (e EMA) Apply(c *Change) {
	last := len(c.Kept) - 1
	x, inner := c.Kept[last], *c
	inner.Kept = c.Kept[:last]
	e.Rule.Apply(&inner)
	t := float64(c.Step)
	fresh := float32(1 - min(e.Decay, (1+t)/(10+t)))
	kernel.For(len(x), optimizerGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x[i] += float32(fresh * (c.Weight[i] - x[i]))
		}
	})
}
