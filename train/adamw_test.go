package train

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// tolTorch bounds the difference from PyTorch after eight updates of weights of order 1, in which the same
// roundings occur in a different order. 1.3e-7 was measured, one unit in the last place of a number above 1;
// the bound is four times that.
const tolTorch = 5e-7

// tolPaper bounds the difference from float64 after sixty updates of weights up to 3, each of which rounds
// the weight twice by up to 1.2e-7: at worst 1.4e-5. 2.0e-6 was measured; the bound is four times that.
const tolPaper = 8e-6

// vector is a parameter of any shape, without a graph.
type vector struct {
	name  string
	w, g  []float32
	shape tensor.Shape
}

func newVector(name string, shape ...int) *vector {
	n := tensor.Shape(shape).TotalSize()
	return &vector{name, make([]float32, n), make([]float32, n), shape}
}

func (v *vector) Name() string          { return v.name }
func (v *vector) Value() gorgonia.Value { return v.dense(v.w) }
func (v *vector) Grad() (gorgonia.Value, error) {
	return v.dense(v.g), nil
}

func (v *vector) dense(x []float32) gorgonia.Value {
	return tensor.New(tensor.WithShape(v.shape...), tensor.WithBacking(x))
}

// always is a parameter that asks for weight decay whatever its rank.
type always struct{ *vector }

func (always) Decay() bool { return true }

func valueGrads(vs ...*vector) (out []gorgonia.ValueGrad) {
	for _, v := range vs {
		out = append(out, v)
	}
	return out
}

func fillNormal(rng *rand.Rand, x []float32, scale float64) {
	for i := range x {
		x[i] = float32(rng.NormFloat64() * scale)
	}
}

func maxDiff(got []float32, want []float64) float64 {
	d := 0.0
	for i, x := range got {
		d = max(d, math.Abs(float64(x)-want[i]))
	}
	return d
}

// reference is algorithm 2 of Loshchilov & Hutter (2019), line by line in float64: θ ← θ - η(α·m̂/(√v̂ + ε) +
// λθ), where the paper's λ is Decay·LearnRate.
type reference struct {
	theta, m, v []float64
	t           int
}

func (r *reference) step(g []float64, alpha, beta1, beta2, eps, lambda float64) {
	r.t++
	for i := range r.theta {
		r.m[i] = beta1*r.m[i] + (1-beta1)*g[i]
		r.v[i] = beta2*r.v[i] + (1-beta2)*g[i]*g[i]
		mHat := r.m[i] / (1 - math.Pow(beta1, float64(r.t)))
		vHat := r.v[i] / (1 - math.Pow(beta2, float64(r.t)))
		r.theta[i] -= alpha*mHat/(math.Sqrt(vHat)+eps) + lambda*r.theta[i]
	}
}

func TestAdamWFollowsThePaper(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := newVector("w", 5, 7)
	fillNormal(rng, p.w, 1)
	ref := reference{m: make([]float64, 35), v: make([]float64, 35)}
	for _, x := range p.w {
		ref.theta = append(ref.theta, float64(x))
	}
	rule := AdamW{Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-6}
	a := &Optimizer{Rule: rule, Decay: 0.3}
	for i := range 60 {
		fillNormal(rng, p.g, math.Pow(10, float64(i%7-5)))
		g := make([]float64, len(p.g))
		for j, x := range p.g {
			g[j] = float64(x)
		}
		a.SetLearnRate(1e-2 / float64(i+1))
		ref.step(g, a.LearnRate, rule.Beta1, rule.Beta2, rule.Epsilon, a.LearnRate*a.Decay)
		if err := a.Step(valueGrads(p)); err != nil {
			t.Fatal(err)
		}
		if d := maxDiff(p.w, ref.theta); d > tolPaper {
			t.Fatalf("update %d: weights differ by %.2g, want at most %g", i+1, d, tolPaper)
		}
	}
}

func TestAdamWEqualsPyTorch(t *testing.T) {
	b, err := os.ReadFile("testdata/adamw.json")
	if err != nil {
		t.Fatal(err)
	}
	type tensors map[string][]float64
	var golden struct {
		Shapes map[string][]int
		Runs   []struct {
			Name             string
			Betas            [2]float64
			Eps, Decay, Clip float64
			Rates            []float64
			Start            tensors
			Steps            []struct {
				Grads, Weights tensors
				Norm           float64
			}
			Mean   tensors `json:"exp_avg"`
			Square tensors `json:"exp_avg_sq"`
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	for _, run := range golden.Runs {
		t.Run(run.Name, func(t *testing.T) {
			var params []*vector
			for name, shape := range golden.Shapes {
				p := newVector(name, shape...)
				copyFloats(p.w, run.Start[name])
				params = append(params, p)
			}
			a := &Optimizer{Rule: AdamW{Beta1: run.Betas[0], Beta2: run.Betas[1], Epsilon: run.Eps}, Decay: run.Decay, Clip: run.Clip}
			for i, step := range run.Steps {
				for _, p := range params {
					copyFloats(p.g, step.Grads[p.name])
				}
				a.SetLearnRate(run.Rates[i])
				if err := a.Step(valueGrads(params...)); err != nil {
					t.Fatal(err)
				}
				if d := math.Abs(a.GradNorm()/step.Norm - 1); d > tolTorch {
					t.Errorf("update %d: norm %v, want %v", i+1, a.GradNorm(), step.Norm)
				}
				for _, p := range params {
					if d := maxDiff(p.w, step.Weights[p.name]); d > tolTorch {
						t.Errorf("update %d: %s differs by %.2g, want at most %g", i+1, p.name, d, tolTorch)
					}
				}
			}
			for _, s := range a.State().Tensors {
				name, first := strings.CutSuffix(s.Name, ".exp_avg")
				want := run.Mean[name]
				if !first {
					want = run.Square[strings.TrimSuffix(s.Name, ".exp_avg_sq")]
				}
				if d := maxDiff(s.Data, want); d > tolTorch {
					t.Errorf("%s differs by %.2g, want at most %g", s.Name, d, tolTorch)
				}
			}
		})
	}
}

func copyFloats(to []float32, from []float64) {
	for i, x := range from {
		to[i] = float32(x)
	}
}

func TestAdamWFirstUpdateIsTheLearningRate(t *testing.T) {
	// Both bias corrections cancel at t = 1: m̂ = g and √v̂ = |g|, so each weight
	// moves by the learning rate against the sign of its gradient.
	p := newVector("b", 4)
	copy(p.g, []float32{1e-3, -5, 2e4, 0})
	a := NewAdamW()
	a.LearnRate, a.Clip = 0.01, 0
	if err := a.Step(valueGrads(p)); err != nil {
		t.Fatal(err)
	}
	if d := maxDiff(p.w, []float64{-0.01, 0.01, -0.01, 0}); d > 0.01*2e-5 { // ε/|g| is 1e-5
		t.Errorf("weights are %v, want ∓0.01 and 0", p.w)
	}
}

func TestAdamWDecaysMatricesOnly(t *testing.T) {
	matrix, bias, asked := newVector("matrix", 2, 1), newVector("bias", 2), newVector("asked", 2)
	for _, p := range []*vector{matrix, bias, asked} {
		copy(p.w, []float32{1, -2})
	}
	a := NewAdamW()
	a.LearnRate, a.Decay = 0.5, 0.1
	if err := a.Step([]gorgonia.ValueGrad{matrix, bias, always{asked}}); err != nil { // gradients are 0
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    *vector
		want []float32
	}{{matrix, []float32{0.95, -1.9}}, {bias, []float32{1, -2}}, {asked, []float32{0.95, -1.9}}} {
		if !slices.Equal(c.p.w, c.want) {
			t.Errorf("%s is %v, want %v", c.p.name, c.p.w, c.want)
		}
	}
}

func TestAdamWClipsTheGlobalNorm(t *testing.T) {
	// 3² + 4² = 5². The first moment after one update is (1-β₁)·clipped gradient.
	for _, c := range []struct {
		clip   float64
		factor float64
	}{{0, 1}, {10, 1}, {5, 5 / (5 + 1e-6)}, {1, 1 / (5 + 1e-6)}} {
		p, q := newVector("p", 1), newVector("q", 1, 1)
		p.g[0], q.g[0] = 3, -4
		a := NewAdamW()
		a.Clip = c.clip
		if err := a.Step(valueGrads(p, q)); err != nil {
			t.Fatal(err)
		}
		if a.GradNorm() != 5 {
			t.Errorf("clip %v: norm is %v, want 5", c.clip, a.GradNorm())
		}
		s := a.State().Tensors
		got := []float32{s[0].Data[0], s[2].Data[0]}
		if d := maxDiff(got, []float64{0.3 * c.factor, -0.4 * c.factor}); d > tolTorch {
			t.Errorf("clip %v: moments are %v, want (0.3, -0.4)·%v", c.clip, got, c.factor)
		}
		if p.g[0] != 0 || q.g[0] != 0 {
			t.Errorf("clip %v: the gradients are %v, %v after the step, want 0", c.clip, p.g[0], q.g[0])
		}
	}
}

func TestNormDoesNotDependOnTheOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var params []*vector
	for i := range 20 {
		p := newVector(fmt.Sprint("p", i), 5)
		fillNormal(rng, p.g, math.Exp(rng.NormFloat64()))
		params = append(params, p)
	}
	want, err := gradNorm(valueGrads(params...))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		rng.Shuffle(len(params), func(i, j int) { params[i], params[j] = params[j], params[i] })
		if got, _ := gradNorm(valueGrads(params...)); got != want {
			t.Fatalf("the norm is %v, and %v in another order", want, got)
		}
	}
}

func TestAdamWStateRoundTrip(t *testing.T) {
	// Seven updates in one go; and three, after which a new solver with the state of the first makes four.
	weights := func(stop int) []float32 {
		rng := rand.New(rand.NewPCG(3, 4))
		p, q := newVector("h.0.w", 3, 5), newVector("h.0.b", 5)
		fillNormal(rng, p.w, 1)
		a := NewAdamW()
		for i := range 7 {
			if i == stop {
				s := a.State()
				a = NewAdamW()
				if err := a.Restore(s); err != nil {
					t.Fatal(err)
				}
				if a.State().Step != stop {
					t.Fatalf("restored step is %d, want %d", a.State().Step, stop)
				}
			}
			fillNormal(rng, p.g, 1)
			fillNormal(rng, q.g, 1)
			if err := a.Step(valueGrads(p, q)); err != nil {
				t.Fatal(err)
			}
		}
		return slices.Concat(p.w, q.w)
	}
	if whole, resumed := weights(-1), weights(3); !slices.Equal(whole, resumed) {
		t.Errorf("resumed weights are %v, want %v", resumed, whole)
	}
}

func TestAdamWRestoreCopies(t *testing.T) {
	p := newVector("p", 2)
	a, b := NewAdamW(), NewAdamW()
	for range 2 {
		p.g[0] = 1
		if err := a.Step(valueGrads(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Restore(a.State()); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(a.State().Tensors[0].Data)
	if err := b.Step(valueGrads(p)); err != nil {
		t.Fatal(err)
	}
	if after := a.State().Tensors[0].Data; !slices.Equal(before, after) {
		t.Errorf("a step of the copy changed the original from %v to %v", before, after)
	}
}

func TestAdamWErrors(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		name string
		make func() []gorgonia.ValueGrad
		want string
	}{
		{"NaN", func() []gorgonia.ValueGrad {
			p, q := newVector("h.0.w", 2, 2), newVector("h.0.b", 3)
			q.g[1] = nan
			return valueGrads(p, q)
		}, "AdamW: the gradient of h.0.b is not finite: element 1 of 3 is NaN"},
		{"infinite", func() []gorgonia.ValueGrad {
			p := newVector("w", 2)
			p.g[0] = float32(math.Inf(-1))
			return valueGrads(p)
		}, "AdamW: the gradient of w is not finite: element 0 of 2 is -Inf"},
		{"no name", func() []gorgonia.ValueGrad { return valueGrads(newVector("", 1)) },
			"AdamW: parameter 1 of 1 has no name"},
		{"same name", func() []gorgonia.ValueGrad { return valueGrads(newVector("w", 1), newVector("w", 1)) },
			"AdamW: two parameters are named w"},
		{"float64", func() []gorgonia.ValueGrad {
			return []gorgonia.ValueGrad{gorgonia.NewMatrix(gorgonia.NewGraph(), tensor.Float64, gorgonia.WithShape(1, 2),
				gorgonia.WithName("w"), gorgonia.WithInit(gorgonia.Zeroes()))}
		}, "AdamW: w: tensor is (1, 2) of float64, want float32 of rank 1 or more"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			a := NewAdamW()
			if err := a.Step(c.make()); err == nil || err.Error() != c.want {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

func TestAdamWErrorChangesNothing(t *testing.T) {
	p, q := newVector("p", 2, 1), newVector("q", 1)
	copy(p.w, []float32{1, 2})
	copy(p.g, []float32{3, 4})
	q.g[0] = float32(math.NaN())
	a := NewAdamW()
	if err := a.Step(valueGrads(p, q)); err == nil {
		t.Fatal("NaN gradient is no error")
	}
	if s := a.State(); p.w[0] != 1 || p.w[1] != 2 || p.g[0] != 3 || s.Step != 0 || s.Tensors[0].Data[0] != 0 {
		t.Errorf("weights %v, state %+v have changed", p.w, s)
	}
	q.g[0] = 1
	if err := a.Step(valueGrads(p, q)); err != nil {
		t.Errorf("step after an error: %v", err)
	}
}

func TestAdamWRestoreErrors(t *testing.T) {
	one := func(name string, shape ...int) Tensor {
		return Tensor{name, shape, make([]float32, tensor.Shape(shape).TotalSize())}
	}
	for want, tensors := range map[string][]Tensor{
		`AdamW: restored tensor "w" ends neither in .exp_avg nor in .exp_avg_sq`:             {one("w", 1)},
		`AdamW: restored state has .exp_avg of w, want .exp_avg and .exp_avg_sq`:             {one("w.exp_avg", 1)},
		`AdamW: restored moments of w are (2) and (1, 2), want the same shape`:               {one("w.exp_avg", 2), one("w.exp_avg_sq", 1, 2)},
		`AdamW: restored tensor w.exp_avg appears twice`:                                     {one("w.exp_avg", 2), one("w.exp_avg", 2)},
		`AdamW: restored tensor w.exp_avg of (2, 2) has 3 elements, want 4`:                  {{"w.exp_avg", []int{2, 2}, make([]float32, 3)}},
		`AdamW: the restored state has no moments of p`:                                      {one("w.exp_avg", 1), one("w.exp_avg_sq", 1)},
		`AdamW: moments of p are (3), want (2)`:                                              {one("p.exp_avg", 3), one("p.exp_avg_sq", 3)},
		`AdamW: the restored state has moments of w, which is not a parameter of this model`: {one("p.exp_avg", 2), one("p.exp_avg_sq", 2), one("w.exp_avg", 1), one("w.exp_avg_sq", 1)},
	} {
		a := NewAdamW()
		err := a.Restore(SolverState{Step: 1, Tensors: tensors})
		if err == nil {
			err = a.Step(valueGrads(newVector("p", 2)))
		}
		if err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

func TestAdamWAllocatesNothingMuch(t *testing.T) {
	var params []*vector
	for i := range 100 {
		params = append(params, newVector(fmt.Sprint("p", i), 10, 10))
	}
	model := valueGrads(params...)
	a := NewAdamW()
	got := testing.AllocsPerRun(20, func() {
		if err := a.Step(model); err != nil {
			t.Fatal(err)
		}
	})
	// The test's own Value and Grad make 100 + 100 tensor headers of about 8 allocations each; the solver
	// adds a few per parameter.
	headers := testing.AllocsPerRun(20, func() {
		for _, p := range params {
			p.Value()
			p.Grad()
		}
	})
	if perParam := (got - headers) / 100; perParam > 5 {
		t.Errorf("%.1f allocations a parameter, want at most 5", perParam)
	}
}

// TestLateParameter: a parameter that is unfrozen later begins at update 1, as in PyTorch, whose bias correction counts the
// updates of each parameter; a pause does not count either. Restoring keeps the counts, within a pause too.
func TestLateParameter(t *testing.T) {
	adam := func() *Optimizer {
		return &Optimizer{Rule: AdamW{Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8}, LearnRate: 0.1}
	}
	step := func(o *Optimizer, params ...*vector) {
		t.Helper()
		for _, x := range params {
			x.g[0], x.g[1] = 0.5, -2
		}
		if err := o.Step(valueGrads(params...)); err != nil {
			t.Fatal(err)
		}
	}
	again := func(o *Optimizer) *Optimizer { // saved and restored
		t.Helper()
		data, err := json.Marshal(o.State())
		if err != nil {
			t.Fatal(err)
		}
		s := SolverState{Tensors: o.State().Tensors}
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		o = adam()
		if err := o.Restore(s); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for _, restored := range []bool{false, true} {
		p, late, paused, alone := newVector("p", 2), newVector("late", 2), newVector("paused", 2), newVector("alone", 2)
		a, b := adam(), adam()
		step(a, p, paused)
		step(a, p)
		step(a, p, late)
		step(b, alone)
		for range 3 {
			if restored {
				a = again(a)
			}
			step(a, p, late, paused)
			step(b, alone)
		}
		if !slices.Equal(late.w, alone.w) || !slices.Equal(paused.w, alone.w) {
			t.Errorf("restored %t: late %v, paused %v, want %v", restored, late.w, paused.w, alone.w)
		}
	}
}
