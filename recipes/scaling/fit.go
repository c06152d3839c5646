package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"

	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
)

// result is a point whose run is finished.
type result struct {
	point
	loss float64 // on the validation text at the end, in nats per byte
}

// parabola is a fit of the loss at one budget as a function of the logarithm of the size (Hoffmann et al. 2022, §3.2).
type parabola struct {
	budget float64
	on     []result
	coef   [3]float64 // of 1, x, x²
	best   float64    // the size at which it is lowest; NaN if outside of the sizes
	lowest float64    // the loss there
}

// at returns the parabola's loss for a size.
func (p parabola) at(n float64) float64 {
	x := math.Log(n)
	return p.coef[0] + x*(p.coef[1]+x*p.coef[2])
}

// measure selects which of a model's sizes a law uses.
type measure func(result) float64

func withoutEmbeddings(r result) float64 { return float64(r.params) }
func withEmbeddings(r result) float64    { return float64(r.total) }

const (
	fewestBudgets = 2  // for a law
	fewestSizes   = 4  // for a parabola, one more than it has coefficients
	reach         = 12 // factor above and below the best size within which a parabola is fitted; losses further off do not follow one
)

// parabolas fits a parabola for each budget that has enough sizes.
func parabolas(all []result, n measure) []parabola {
	var fits []parabola
	for _, on := range byBudget(all) {
		if near := nearest(on, n); len(near) >= fewestSizes {
			fits = append(fits, fitParabola(near, n))
		}
	}
	return fits
}

// byBudget groups the main results by budget, from the smallest on.
func byBudget(all []result) (groups [][]result) {
	last := 0.0
	for _, r := range mainOf(all) {
		if r.budget != last {
			groups, last = append(groups, nil), r.budget
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], r)
	}
	return groups
}

// mainOf leaves out the results that check the learning rate or the seed.
func mainOf(all []result) []result {
	return slices.DeleteFunc(slices.Clone(all), func(r result) bool { return !r.main() })
}

// enough returns an error if a plan has too few points to fit laws to, whatever the losses.
func enough(points []point) error {
	var all []result
	for _, p := range points {
		all = append(all, result{point: p})
	}
	budgets := 0
	for _, on := range byBudget(all) {
		if len(on) >= fewestSizes {
			budgets++
		}
	}
	return tooFew(budgets)
}

func tooFew(budgets int) error {
	if budgets >= fewestBudgets {
		return nil
	}
	return usage.Errorf("too few points to fit: %s with %d models or more, of which the best is neither the smallest nor the largest; want %d budgets",
		plural.Of(budgets, "budget"), fewestSizes, fewestBudgets)
}

// nearest returns the results whose sizes are within reach of the best one's.
func nearest(on []result, n measure) []result {
	best := n(slices.MinFunc(on, func(a, b result) int { return cmp.Compare(a.loss, b.loss) }))
	return slices.DeleteFunc(slices.Clone(on), func(r result) bool { return n(r) > reach*best || best > reach*n(r) })
}

func fitParabola(on []result, n measure) parabola {
	p := parabola{budget: on[0].budget, on: on, best: math.NaN(), lowest: math.NaN()}
	x, y := mat.NewDense(len(on), 3, nil), mat.NewVecDense(len(on), nil)
	low, high, spent := math.Inf(1), 0.0, 0.0
	for i, r := range on {
		l := math.Log(n(r))
		x.SetRow(i, []float64{1, l, l * l})
		y.SetVec(i, r.loss)
		low, high = min(low, n(r)), max(high, n(r))
		spent += r.spent() / float64(len(on))
	}
	p.budget = spent // differs from the budget, as steps are whole numbers
	var c mat.VecDense
	if c.SolveVec(x, y) != nil {
		return p // for example two sizes only, as in a resample
	}
	copy(p.coef[:], c.RawVector().Data)
	if best := math.Exp(-p.coef[1] / (2 * p.coef[2])); p.coef[2] > 0 && best >= low && best <= high {
		p.best, p.lowest = best, p.at(best)
	}
	return p
}

// off returns the root mean square of the residuals.
func (p parabola) off() float64 {
	sum := 0.0
	for _, r := range p.on {
		d := p.at(float64(r.params)) - r.loss
		sum += d * d / float64(len(p.on))
	}
	return math.Sqrt(sum)
}

// power is y = factor · x^exponent.
type power struct{ factor, exponent float64 }

func (p power) at(x float64) float64 { return p.factor * math.Pow(x, p.exponent) }

// fitPower fits a line to the logarithms; the result is NaN with fewer than two points.
func fitPower(x, y []float64) power {
	var lx, ly []float64
	for i := range x {
		if !math.IsNaN(y[i]) {
			lx, ly = append(lx, math.Log(x[i])), append(ly, math.Log(y[i]))
		}
	}
	if len(lx) < 2 {
		return power{math.NaN(), math.NaN()}
	}
	a, b := stat.LinearRegression(lx, ly, nil, false)
	return power{math.Exp(a), b}
}

// frontier fits the best size and the lowest loss as functions of compute to the lowest points of the parabolas.
func frontier(fits []parabola) (size, loss power) {
	var c, n, l []float64
	for _, p := range fits {
		c, n, l = append(c, p.budget), append(n, p.best), append(l, p.lowest)
	}
	return fitPower(c, n), fitPower(c, l)
}

// surface is a law L(N, D) with coefficients, the first two of which are the exponents of N and D.
type surface struct {
	at    func(c []float64, n, d float64) float64
	start [][]float64 // where the search for coefficients begins
}

// kaplan is ((Nc/N)^(αN/αD) + Dc/D)^αD (Kaplan et al. 2020, eq. 1.5) of αN, αD, ln Nc, ln Dc.
var kaplan = surface{
	at: func(c []float64, n, d float64) float64 {
		return math.Pow(math.Exp((c[2]-math.Log(n))*c[0]/c[1])+math.Exp(c[3]-math.Log(d)), c[1])
	},
	start: [][]float64{{0.076, 0.095, 18, 18}, {0.15, 0.2, 16, 18}, {0.3, 0.3, 14, 16}},
}

// chinchilla is E + A/N^α + B/D^β (Hoffmann et al. 2022, eq. 2) of α, β, ln A, ln B, ln E.
var chinchilla = surface{
	at: func(c []float64, n, d float64) float64 {
		return math.Exp(c[4]) + math.Exp(c[2]-c[0]*math.Log(n)) + math.Exp(c[3]-c[1]*math.Log(d))
	},
	start: [][]float64{{0.34, 0.28, 4, 4, 0}, {0.34, 0.28, 4, 4, -1}, {0.5, 0.5, 5, 6, 0}, {0.2, 0.5, 2, 6, -1}, {0.5, 0.25, 5, 3, 0}},
}

// huber is the deviation at which the loss of a fit changes from squares to magnitudes (Hoffmann et al. 2022, app. D.2).
const huber = 1e-3

// misfit returns the sum of the Huber losses between logarithms.
func (s surface) misfit(all []result, c []float64) float64 {
	sum := 0.0
	for _, r := range all {
		d := math.Abs(math.Log(s.at(c, float64(r.params), r.tokens())) - math.Log(r.loss))
		if d <= huber {
			sum += d * d / 2
		} else {
			sum += huber * (d - huber/2)
		}
	}
	if math.IsNaN(sum) {
		return math.Inf(1)
	}
	return sum
}

// fit searches for the coefficients from each of the given starts.
func (s surface) fit(all []result, starts [][]float64) (best []float64) {
	least := math.Inf(1)
	problem := optimize.Problem{Func: func(c []float64) float64 { return 1e6 * s.misfit(all, c) }}
	for _, start := range starts {
		for range 3 { // restarted from its result, as the simplex collapses early
			r, err := optimize.Minimize(problem, start, &optimize.Settings{FuncEvaluations: 4000}, &optimize.NelderMead{})
			if err != nil && r == nil {
				break
			}
			if start = r.X; r.F < least {
				least, best = r.F, slices.Clone(r.X)
			}
		}
	}
	return best
}

// off returns the root mean square of the relative difference between a fit and the measured losses.
func (s surface) off(all []result, c []float64) float64 {
	sum := 0.0
	for _, r := range all {
		d := s.at(c, float64(r.params), r.tokens())/r.loss - 1
		sum += d * d / float64(len(all))
	}
	return math.Sqrt(sum)
}

// interval is an estimate with the range of 95 % of its values over resamples of the points.
type interval struct{ value, low, high float64 }

// bootstrap repeats fits on resampled points: change makes the points, and estimate returns numbers fitted to
// them. Resamples without a fit, which have NaN among the numbers, are left out and counted.
func bootstrap(resamples int, values []float64, change func(*rand.Rand) []result, estimate func([]result) []float64) (all []interval, without int) {
	random := rand.New(rand.NewPCG(1, 2))
	drawn := make([][]float64, len(values))
	for range resamples {
		got := estimate(change(random))
		if slices.ContainsFunc(got, math.IsNaN) {
			without++
			continue
		}
		for i, x := range got {
			drawn[i] = append(drawn[i], x)
		}
	}
	for i, v := range values {
		slices.Sort(drawn[i])
		one := interval{v, math.NaN(), math.NaN()}
		if len(drawn[i]) > 0 {
			one.low, one.high = stat.Quantile(0.025, stat.Empirical, drawn[i], nil), stat.Quantile(0.975, stat.Empirical, drawn[i], nil)
		}
		all = append(all, one)
	}
	return all, without
}

// redrawn draws the same number of points with replacement.
func redrawn(all []result) func(*rand.Rand) []result {
	return func(random *rand.Rand) []result {
		drawn := make([]result, len(all))
		for i := range drawn {
			drawn[i] = all[random.IntN(len(all))]
		}
		return drawn
	}
}

// shaken adds resampled residuals to the parabolas, since resampling points would leave budgets with two
// sizes. The residuals are scaled up to make up for the number of fitted coefficients.
func shaken(fits []parabola, n measure) func(*rand.Rand) []result {
	var residuals []float64
	for _, p := range fits {
		grow := math.Sqrt(float64(len(p.on)) / float64(len(p.on)-len(p.coef)))
		for _, r := range p.on {
			residuals = append(residuals, grow*(r.loss-p.at(n(r))))
		}
	}
	return func(random *rand.Rand) []result {
		var all []result
		for _, p := range fits {
			for _, r := range p.on {
				r.loss = p.at(n(r)) + residuals[random.IntN(len(residuals))]
				all = append(all, r)
			}
		}
		return all
	}
}
