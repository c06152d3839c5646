package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// made returns the runs of a plan with losses that follow a law, with a little noise.
func made(t *testing.T, law surface, coefficients []float64, noise float64, budgets ...float64) []result {
	t.Helper()
	var chosen []counted
	for _, s := range sizes {
		c, err := s.count()
		if err != nil {
			t.Fatal(err)
		}
		chosen = append(chosen, c)
	}
	points, err := runs(budgets, chosen, 1e12)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var all []result
	for _, p := range points {
		if p.main() {
			all = append(all, result{p, law.at(coefficients, float64(p.params), p.tokens()) * math.Exp(noise*random.NormFloat64())})
		}
	}
	return all
}

// The papers' own coefficients: Kaplan et al. 2020, fig. 4; Hoffmann et al. 2022, eq. 10.
var (
	kaplanPublished     = []float64{0.076, 0.095, math.Log(8.8e13), math.Log(5.4e13)}
	chinchillaPublished = []float64{0.34, 0.28, math.Log(406.4), math.Log(410.7), math.Log(1.69)}
)

// TestSurfaces: fits recover the exponents that the losses were made with, which lie in the intervals.
func TestSurfaces(t *testing.T) {
	budgets := []float64{1e12, 1e13, 1e14, 1e15}
	for name, law := range map[string]struct {
		surface
		published []float64
	}{"kaplan": {kaplan, kaplanPublished}, "chinchilla": {chinchilla, chinchillaPublished}} {
		exact := made(t, law.surface, law.published, 0, budgets...)
		got := law.fit(exact, law.start)
		if off := law.off(exact, got); off > 1e-3 {
			t.Errorf("%s: off by %.2g on losses of the law itself", name, off)
		}
		// The losses determine the exponents less precisely than they determine the fitted losses, as exponents and factors
		// can offset each other.
		for i := range 2 {
			if math.Abs(got[i]/law.published[i]-1) > 0.05 {
				t.Errorf("%s: exponents %.4f, want %v", name, got[:2], law.published[:2])
			}
		}
		noisy := made(t, law.surface, law.published, 0.003, budgets...)
		best := law.fit(noisy, law.start)
		intervals, without := bootstrap(100, best, redrawn(noisy), func(r []result) []float64 { return law.fit(r, [][]float64{best}) })
		for i := range 2 {
			if x := intervals[i]; without > 0 || !(x.low < law.published[i] && law.published[i] < x.high) || x.high-x.low > 0.5 {
				t.Errorf("%s: exponent %.3f in %.3f to %.3f, %d without; made with %.3f", name, x.value, x.low, x.high, without, law.published[i])
			}
		}
	}
}

// TestFrontier: if C = 6ND and the loss follows Chinchilla's law, the best size is proportional to
// C^(β/(α+β)), which the parabolas recover.
func TestFrontier(t *testing.T) {
	var all []result
	for _, c := range []float64{1e18, 1e19, 1e20, 1e21} {
		g := math.Pow(0.34*406.4/(0.28*410.7), 1/0.62) // Hoffmann et al. 2022, eq. 4
		best := g * math.Pow(c/6, 0.28/0.62)
		for _, k := range []float64{0.25, 0.5, 1, 2, 4} {
			p := point{counted: counted{params: int(k * best)}, budget: c, factor: 1, seed: 1}
			p.flops = 6 * float64(p.params)
			p.steps = int(c / p.flops / (batch * window))
			all = append(all, result{p, chinchilla.at(chinchillaPublished, float64(p.params), p.tokens())})
		}
	}
	fits := parabolas(all, withoutEmbeddings)
	if size, loss := frontier(fits); len(fits) != 4 || math.Abs(size.exponent-0.28/0.62) > 0.01 || !(loss.exponent < 0) {
		t.Errorf("%d parabolas, exponents %.3f and %.3f; want 4, %.3f and one below 0", len(fits), size.exponent, loss.exponent, 0.28/0.62)
	}
	exponent := func(all []result) []float64 {
		size, _ := frontier(parabolas(all, withoutEmbeddings))
		return []float64{size.exponent}
	}
	x, without := bootstrap(100, exponent(all), shaken(fits, withoutEmbeddings), exponent)
	if without > 0 || !(x[0].low < x[0].value && x[0].value < x[0].high && x[0].high-x[0].low < 0.1) {
		t.Errorf("%+v, %d without", x[0], without)
	}
}

// TestNoLowest: a parabola that opens downwards, or is lowest outside of the sizes, has no best size,
// and is left out of the laws.
func TestNoLowest(t *testing.T) {
	fit := func(losses ...float64) parabola {
		var on []result
		for i, l := range losses {
			on = append(on, result{point{counted: counted{params: 1000 << i}, budget: 1}, l})
		}
		return fitParabola(on, withoutEmbeddings)
	}
	for _, losses := range [][]float64{{1, 2, 2, 1}, {1, 2, 4, 7}, {7, 4, 2, 1}} {
		if p := fit(losses...); !math.IsNaN(p.best) || !math.IsNaN(p.lowest) {
			t.Errorf("%v: best %g, lowest %g; want none", losses, p.best, p.lowest)
		}
	}
	if p := fit(5, 2, 1, 2, 5); math.Abs(p.best-4000) > 1e-6 || math.Abs(p.lowest-1-2*p.off()/2) > 0.5 {
		t.Errorf("best %g, lowest %g; want 4000", p.best, p.lowest)
	}
	if p := fitPower([]float64{1, 10, 100}, []float64{2, math.NaN(), 200}); math.Abs(p.exponent-1) > 1e-12 || math.Abs(p.factor-2) > 1e-12 {
		t.Errorf("%+v, want 2x", p)
	}
	if p := fitPower([]float64{1, 10}, []float64{2, math.NaN()}); !math.IsNaN(p.exponent) {
		t.Errorf("%+v of one point", p)
	}
}

// TestCount: N without embeddings is 12·L·C² plus the gains of layer norms; FLOPs are six for each
// weight that is multiplied, including the head's, plus those of attention, GELU and norms.
func TestCount(t *testing.T) {
	for _, s := range sizes {
		c, err := s.count()
		if err != nil {
			t.Fatal(err)
		}
		if want := 12*s.layers*s.width*s.width + (2*s.layers+1)*s.width; c.params != want {
			t.Errorf("%s: %d weights, want %d", s.name, c.params, want)
		}
		if want := c.params + (vocabulary+window)*s.width; c.total != want {
			t.Errorf("%s: %d weights in all, want %d", s.name, c.total, want)
		}
		products := 6 * float64(12*s.layers*s.width*s.width+vocabulary*s.width)
		if over := c.flops/products - 1; over < 0.02 || over > 0.3 { // the share of attention and norms is largest for C = 24
			t.Errorf("%s: %.4g FLOPs for a token, %.0f %% above those of products", s.name, c.flops, 100*over)
		}
	}
	if !slices.IsSortedFunc(sizes, func(a, b size) int { return a.layers*a.width*a.width - b.layers*b.width*b.width }) {
		t.Error("sizes are not in order")
	}
}

// TestBestOfAll: a budget's best of all weights is in the row of that budget, even if another budget has
// a parabola only over all weights, because its sizes are further apart without the embeddings.
func TestBestOfAll(t *testing.T) {
	var all []result
	for budget, params := range map[float64][]int{1: {10, 200, 4000, 80_000}, 2: {1000, 2000, 4000, 8000}, 3: {2000, 4000, 8000, 16_000}} {
		for i, n := range params {
			loss := []float64{2, 1, 1.2, 2.5}[i]
			all = append(all, result{point{counted: counted{params: n, total: n + 100_000}, budget: budget, factor: 1, seed: 1}, loss})
		}
	}
	slices.SortStableFunc(all, func(a, b result) int { return cmp.Compare(a.budget, b.budget) })
	fits := parabolas(all, withoutEmbeddings)
	got := bestOfAll(all, fits)
	if len(fits) != 2 || len(got) != 2 {
		t.Fatalf("%d parabolas, %d of all weights, want 2", len(fits), len(got))
	}
	for i, p := range fits {
		if want := fitParabola(p.on, withEmbeddings).best; got[i] != want || math.IsNaN(want) {
			t.Errorf("budget %g: %g, want %g", p.on[0].budget, got[i], want)
		}
	}
}
