package train

import (
	"errors"
	"maps"
	"math"
	"testing"

	"gorgonia.org/gorgonia"
)

// TestGuard: nothing stands out before the window is full, and then only values far above the mean; after a
// lasting change, the new values soon no longer stand out.
func TestGuard(t *testing.T) {
	g := Guard{Deviations: 3, Window: 4}
	var s GuardState
	for i, c := range []struct {
		loss, norm float64
		want       bool
	}{
		{5, 1, false}, {50, 1, false}, {4, 1.1, false}, {5, 0.9, false}, // the window is not full
		{60, 1, false}, // 50 is in the window, so 60 is not an outlier by 3 deviations
		{4.9, 1, false}, {5.1, 1, false}, {5, 1, false},
		{1, 1, false},    // below the mean
		{5, 30, true},    // the norm stands out
		{500, 1, true},   // the loss stands out
		{500, 1, false},  // the previous 500 is in the window now
		{500, 10, false}, // so is the 30
	} {
		if got := g.skips(&s, c.loss, c.norm); got != c.want {
			t.Errorf("step %d, loss %v, norm %v: skipped is %t", i, c.loss, c.norm, got)
		}
	}
	if s.Skipped != 2 || len(s.Losses) != 4 {
		t.Errorf("%d skipped, %d losses kept; want 2 and 4", s.Skipped, len(s.Losses))
	}
	if (Guard{}).skips(&s, math.MaxFloat64, 1) {
		t.Error("a guard of 0 deviations skips")
	}
}

// TestGuardLeavesWeights: a skipped step changes neither the weights nor the solver.
func TestGuardLeavesWeights(t *testing.T) {
	tr, r := newToy()
	tr.Guard = Guard{Deviations: 2, Window: 5}
	skips, steps := 0, 0
	last := map[string][]float32{}
	tr.Observers = append(tr.Observers, Every(1, 0, func(step int) error {
		steps++
		s := r.steps[len(r.steps)-1]
		now := weights(tr.Params)
		if same := maps.EqualFunc(last, now, sameBits); same != s.Skipped {
			t.Errorf("step %d: skipped is %t, the same weights %t", step, s.Skipped, same)
		}
		last = now
		if s.Skipped {
			skips++
		}
		if done := tr.Solver.(*Optimizer).State().Step; done != step-skips {
			t.Errorf("step %d: the solver has done %d, want %d", step, done, step-skips)
		}
		return nil
	}))
	mustRun(t, tr)
	if skips == 0 || skips > 20 || steps != 60 {
		t.Errorf("%d of %d steps skipped, want a few", skips, steps)
	}
	for _, g := range []Guard{{Deviations: -1}, {Deviations: math.NaN()}, {Deviations: 1, Window: 1}} {
		tr.Guard = g
		if err := tr.Run(t.Context()); err == nil {
			t.Errorf("%+v is no error", g)
		}
	}
}

// TestHooks: a hook sees gradients before the solver does, may change them, and may skip an update.
func TestHooks(t *testing.T) {
	tr, r := newToy()
	var norms []float64
	tr.Hooks = []Hook{
		HookFunc(func(u *Update) error {
			norms = append(norms, u.Norm)
			for _, vg := range u.Model {
				v, err := vg.Grad()
				if err != nil {
					return err
				}
				for i := range v.Data().([]float32) {
					v.Data().([]float32)[i] *= 2
				}
			}
			return nil
		}),
		HookFunc(func(u *Update) error { u.Skip = u.Step >= 10; return nil }),
	}
	tr.Steps = 12
	mustRun(t, tr)
	for i, s := range r.steps {
		if math.Abs(s.GradNorm-2*norms[i]) > 1e-9 || s.Skipped != (i >= 10) {
			t.Errorf("step %d: norm %v after doubling %v, skipped %t", i+1, s.GradNorm, norms[i], s.Skipped)
		}
	}
	broken := errors.New("broken")
	tr, _ = newToy()
	tr.Hooks = []Hook{HookFunc(func(*Update) error { return broken })}
	if err := tr.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("error is %v, want the hook's", err)
	}
}

// TestLionFollowsThePaper compares with algorithm 2 of the paper in float64.
func TestLionFollowsThePaper(t *testing.T) {
	const rate, beta1, beta2, decay = 0.01, 0.9, 0.99, 0.1
	p := newVector("w", 2, 3)
	copy(p.w, []float32{1, -2, 3, -4, 5, 0})
	want := []float64{1, -2, 3, -4, 5, 0}
	m := make([]float64, 6)
	rule := Lion{Beta1: beta1, Beta2: beta2}
	l := &Optimizer{Rule: rule, LearnRate: rate, Decay: decay}
	for step := range 30 {
		for i := range p.g {
			p.g[i] = float32(math.Sin(float64(7*step + 3*i)))
			if i == 5 {
				p.g[i] = 0 // the mean stays 0, so the weight does not move
			}
		}
		for i, g := range p.g {
			want[i] *= 1 - rate*decay
			switch c := beta1*m[i] + (1-beta1)*float64(g); {
			case c > 0:
				want[i] -= rate
			case c < 0:
				want[i] += rate
			}
			m[i] = beta2*m[i] + (1-beta2)*float64(g)
		}
		if err := l.Step(valueGrads(p)); err != nil {
			t.Fatal(err)
		}
	}
	// 30 roundings of numbers up to 5.
	if d := maxDiff(p.w, want); d > 30*5*6e-8 {
		t.Errorf("weights %v, want %v", p.w, want)
	}
	s := l.State()
	if s.Step != 30 || len(s.Tensors) != 1 || s.Tensors[0].Name != "w.exp_avg" || maxDiff(s.Tensors[0].Data, m) > 1e-6 {
		t.Errorf("state %+v, want step 30 and means %v", s, m)
	}
	if err := NewLion().Restore(s); err != nil {
		t.Error(err)
	}
	p.g[1] = float32(math.Inf(1))
	if err := l.Step(valueGrads(p)); err == nil || err.Error() != "Lion: the gradient of w is not finite: element 1 of 6 is +Inf" {
		t.Errorf("error is %v", err)
	}
}

func TestGroups(t *testing.T) {
	matrix, table, bias := newVector("h.0.weight", 2, 1), newVector("wte.weight", 2, 1), newVector("h.0.bias", 2)
	for _, p := range []*vector{matrix, table, bias} {
		copy(p.w, []float32{1, -2})
	}
	a := NewAdamW()
	a.LearnRate, a.Decay = 0.5, 0.1
	a.Groups = []Group{{Pattern: "wte.*", Decay: new(0.0)}, {Pattern: "*.bias", Decay: new(0.2), Rate: new(0.5)}, {Pattern: "*", Decay: new(0.1)}}
	if err := CheckGroups(a.Groups); err != nil {
		t.Fatal(err)
	}
	if err := a.Step([]gorgonia.ValueGrad{matrix, table, bias}); err != nil { // gradients are 0
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    *vector
		want float32
	}{{matrix, 0.95}, {table, 1}, {bias, 0.95}} {
		if c.p.w[0] != c.want {
			t.Errorf("%s is %v, want %v", c.p.name, c.p.w[0], c.want)
		}
	}
	if err := CheckGroups([]Group{{Pattern: "[a"}}); err == nil {
		t.Error("a pattern that is none is no error")
	}
}
