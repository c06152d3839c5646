package reference

import "math"

// differenceStep balances the truncation error of a central difference, about
// step², against the rounding of a float64 loss, about 1e-16/step.
const differenceStep = 1e-5

// GradientError compares a gradient with central differences of f, a function of x, at no more than samples evenly
// spread elements. It returns the largest error divided by the largest gradient, or by floor if that is larger.
func GradientError(f func() float64, x []float64, gradient []float32, samples int, floor float64) float64 {
	worst, scale := 0.0, floor
	for i := 0; i < len(x); i += 1 + (len(x)-1)/samples {
		old := x[i]
		x[i] = old + differenceStep
		above := f()
		x[i] = old - differenceStep
		below := f()
		x[i] = old
		want := (above - below) / (2 * differenceStep)
		if e := math.Abs(want - float64(gradient[i])); e > worst || math.IsNaN(e) {
			worst = e
		}
		scale = math.Max(scale, math.Abs(want))
	}
	return worst / scale
}

// Worst returns the largest difference between two slices, relative to the largest element of want or to 1,
// whichever is larger.
func Worst(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst, scale := 0.0, 1.0
	for i, w := range want {
		e := math.Abs(float64(got[i]) - w)
		if e > worst || math.IsNaN(e) {
			worst = e
		}
		scale = math.Max(scale, math.Abs(w))
	}
	return worst / scale
}
