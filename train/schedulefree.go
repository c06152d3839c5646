package train

import (
	"math"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// ScheduleFree is AdamW with an average of the weights in place of a falling learning rate (Defazio
// et al. 2024, "The Road Less Scheduled", algorithm 1). The rate rises and then stays constant, and
// the average is good at any time, however long the run will be.
//
// With the clipped gradient g of update t = 1, 2, …, taken at the weights being trained, y, each
// becomes
//
//	v = β₂·v + (1-β₂)·g²
//	d = g / (√(v/(1-β₂ᵗ)) + Epsilon) + Decay·y
//	z = z - Rate·d
//	x = (1-c)·x + c·z
//	y = (1-β₁)·z + β₁·x
//
// where x, the average, is what evaluations and checkpoints use (see [Averaging]), and c is the
// share of this update among all so far, each weighted by the square of its rate, as in the
// authors' package schedulefree: 1/t if the rate does not change. Three numbers are kept per
// weight: z, v and x.
type ScheduleFree struct {
	Beta1   float64 // share of the average in the weights being trained
	Beta2   float64 // decay rate of the running mean of the gradient's square
	Epsilon float64 // added outside the square root
}

// NewScheduleFree returns an optimizer with the settings of the authors' package: β 0.9 and 0.999,
// ε 1e-8, rate 0.0025, no decay and no clip. It should be used with [Constant].
func NewScheduleFree() *Optimizer {
	return &Optimizer{Rule: ScheduleFree{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, LearnRate: 0.0025}
}

// Name is "schedule-free AdamW".
func (ScheduleFree) Name() string { return "schedule-free AdamW" }

// Elementwise is true.
func (ScheduleFree) Elementwise() bool { return true }

// scheduleFreeKept are the names in the authors' package, and that of the average.
var scheduleFreeKept = []string{"z", "exp_avg_sq", Twin}

// Keeps names z, the mean of squares and the average.
func (ScheduleFree) Keeps([]int) ([]string, error) { return scheduleFreeKept, nil }

// Begin starts z and the average at the weight.
func (ScheduleFree) Begin(weight []float32, kept [][]float32) {
	copy(kept[0], weight)
	copy(kept[2], weight)
}

// tinySquare is the mean of squares below which it is set to 0: see kernel.AdamW.
const tinySquare = 0x1p-100

// Apply makes an update. Each product is rounded, so that the result is the same on every platform.
func (s ScheduleFree) Apply(c *Change) {
	clip, beta2, fresh, eps := float32(c.Clip), float32(s.Beta2), float32(1-s.Beta2), float32(s.Epsilon)
	root := float32(1 / math.Sqrt(1-math.Pow(s.Beta2, float64(c.Step))))
	rate, decay, share, lead := float32(c.Rate), float32(c.Decay), float32(c.Share), float32(1-s.Beta1)
	z, v, x := c.Kept[0], c.Kept[1], c.Kept[2]
	kernel.For(len(c.Weight), optimizerGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g, y := float32(c.Grad[i]*clip), c.Weight[i]
			square := float32(beta2*v[i]) + float32(float32(fresh*g)*g)
			if square < tinySquare {
				square = 0
			}
			v[i] = square
			d := g/(float32(float32(math.Sqrt(float64(square)))*root)+eps) + float32(decay*y)
			z[i] -= float32(rate * d)
			x[i] += float32(share * (z[i] - x[i]))
			c.Weight[i] = x[i] + float32(lead*(z[i]-x[i]))
		}
	})
}
