package mymodel

import (
	"math"

	"github.com/gorgpt/gorgpt/train"
)

// Adagrad divides the gradient by the root of the sum of its squares so far (Duchi et al. 2011). In the
// command, it is --solver adagrad.
type Adagrad struct{ Epsilon float64 }

func init() {
	train.RegisterRule(train.NamedRule{
		Name: "adagrad", About: "half the memory, wants lr ten times as large", Heeds: []string{"epsilon"},
		Make: func(s train.RuleSettings) train.Rule { return Adagrad{s.Epsilon} },
	})
}

// Name returns "Adagrad".
func (Adagrad) Name() string { return "Adagrad" }

// Keeps returns the name of the sum of squares.
func (Adagrad) Keeps([]int) ([]string, error) { return []string{"sum"}, nil }

// Apply makes one update.
func (a Adagrad) Apply(c *train.Change) {
	sum := c.Kept[0]
	for i, g := range c.Grad {
		g *= float32(c.Clip)
		sum[i] += g * g
		c.Weight[i] -= float32(c.Rate * (c.Decay*float64(c.Weight[i]) + float64(g)/(math.Sqrt(float64(sum[i]))+a.Epsilon)))
	}
}
