package train

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"gorgonia.org/gorgonia"
)

// tolMuon bounds the difference of Muon's weights, of order 1, from PyTorch's and from float64. The
// polynomial's slope of 3.4 amplifies the rounding of each of five steps by up to 3.4⁵ = 470 units of 6e-8,
// of which the rate takes a tenth. 7.3e-7 was measured; the bound is four times that.
const tolMuon = 3e-6

// TestRulesEqualPyTorch compares SGD and Muon with PyTorch's.
func TestRulesEqualPyTorch(t *testing.T) {
	b, err := os.ReadFile("testdata/rules.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Runs []struct {
			Rule     string
			Shape    []int
			Momentum float64
			Nesterov bool
			Decay    float64 `json:"weight_decay"`
			Scale    string  `json:"adjust_lr_fn"`
			Start    []float64
			Steps    []struct {
				Rate          float64
				Grad, Weights []float64
			}
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Runs) != 7 {
		t.Fatalf("%d runs, want 7", len(golden.Runs))
	}
	for _, run := range golden.Runs {
		p := newVector("w", run.Shape...)
		copyFloats(p.w, run.Start)
		o, tolerance := &Optimizer{Rule: SGD{Momentum: run.Momentum, Nesterov: run.Nesterov}, Decay: run.Decay}, tolTorch
		if run.Rule == "Muon" {
			o.Rule, tolerance = &Muon{Momentum: run.Momentum, OutIn: true, MatchRMS: run.Scale != "original"}, tolMuon
		}
		for i, step := range run.Steps {
			copyFloats(p.g, step.Grad)
			o.SetLearnRate(step.Rate)
			if err := o.Step(valueGrads(p)); err != nil {
				t.Fatal(err)
			}
			if d := maxDiff(p.w, step.Weights); !(d <= tolerance) {
				t.Errorf("%s %v %s, update %d: weights differ by %.2g, want at most %g", run.Rule, run.Shape, run.Scale, i+1, d, tolerance)
			}
		}
	}
}

// muonReference computes the update of one matrix in float64, as in the paper: rows are outputs, and a
// tall matrix is transposed.
func muonReference(w, m, g [][]float64, rate, mu float64) {
	rows, cols := len(w), len(w[0])
	x := make([][]float64, rows)
	norm := 0.0
	for i := range x {
		x[i] = make([]float64, cols)
		for j := range x[i] {
			m[i][j] = mu*m[i][j] + (1-mu)*g[i][j]
			x[i][j] = mu*m[i][j] + (1-mu)*g[i][j]
			norm += x[i][j] * x[i][j]
		}
	}
	norm = math.Sqrt(norm) + 1e-7
	for i := range x {
		for j := range x[i] {
			x[i][j] /= norm
		}
	}
	if rows > cols {
		x = transposed(x)
	}
	for range 5 {
		a := product(x, transposed(x))
		aa := product(a, a)
		for i := range a {
			for j := range a {
				a[i][j] = -4.7750*a[i][j] + 2.0315*aa[i][j]
			}
		}
		next := product(a, x)
		for i := range x {
			for j := range x[i] {
				next[i][j] += 3.4445 * x[i][j]
			}
		}
		x = next
	}
	if rows > cols {
		x = transposed(x)
	}
	for i := range w {
		for j := range w[i] {
			w[i][j] -= rate * math.Sqrt(max(1, float64(rows)/float64(cols))) * x[i][j]
		}
	}
}

func transposed(x [][]float64) [][]float64 {
	y := make([][]float64, len(x[0]))
	for j := range y {
		for i := range x {
			y[j] = append(y[j], x[i][j])
		}
	}
	return y
}

func product(a, b [][]float64) [][]float64 {
	c := make([][]float64, len(a))
	for i := range c {
		c[i] = make([]float64, len(b[0]))
		for j := range c[i] {
			for k := range b {
				c[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return c
}

// TestMuonFollowsThePaper compares with the reference for both layouts of weights: a matrix stored as
// [in, out] is transposed.
func TestMuonFollowsThePaper(t *testing.T) {
	for _, shape := range [][]int{{4, 9}, {9, 4}, {5, 5}, {1, 7}, {7, 1}, {33, 70}} {
		for _, outIn := range []bool{false, true} {
			random := rand.New(rand.NewPCG(5, 6))
			p := newVector("w", shape...)
			fillNormal(random, p.w, 1)
			as64 := func(x []float32) (out [][]float64) {
				for i := range shape[0] {
					out = append(out, nil)
					for _, v := range x[i*shape[1] : (i+1)*shape[1]] {
						out[i] = append(out[i], float64(v))
					}
				}
				if !outIn {
					out = transposed(out)
				}
				return out
			}
			w, m := as64(p.w), as64(make([]float32, len(p.w)))
			o := &Optimizer{Rule: &Muon{Momentum: 0.95, OutIn: outIn}, LearnRate: 0.02}
			for i := range 10 {
				fillNormal(random, p.g, 0.1)
				muonReference(w, m, as64(p.g), 0.02, 0.95)
				if err := o.Step(valueGrads(p)); err != nil {
					t.Fatal(err)
				}
				want := w
				if !outIn {
					want = transposed(w)
				}
				if d := maxDiff(p.w, slices.Concat(want...)); !(d <= tolMuon) {
					t.Errorf("%v, out first %v, update %d: weights differ by %.2g, want at most %g", shape, outIn, i+1, d, tolMuon)
				}
			}
		}
	}
}

// orthogonalizeWhole is orthogonalize with complete instead of half products.
func (m *Muon) orthogonalizeWhole(rows, cols int) {
	kernel.Scale(m.x, m.x, float32(1/(math.Sqrt(kernel.SumSquares(m.x))+1e-7)))
	n, wide := min(rows, cols), rows <= cols
	gram, poly := make([]float32, n*n), make([]float32, n*n)
	for range newtonSchulzSteps {
		kernel.Gemm(!wide, wide, n, n, max(rows, cols), 1, m.x, cols, m.x, cols, 0, gram, n)
		copy(poly, gram)
		kernel.Gemm(false, false, n, n, n, newtonSchulz[2], gram, n, gram, n, newtonSchulz[1], poly, n)
		y := slices.Clone(m.x)
		if wide {
			kernel.Gemm(false, false, rows, cols, n, 1, poly, n, m.x, cols, newtonSchulz[0], y, cols)
		} else {
			kernel.Gemm(false, false, rows, cols, n, 1, m.x, cols, poly, n, newtonSchulz[0], y, cols)
		}
		m.x = y
	}
}

// TestMuonHalves: computing half of a symmetric product and mirroring it gives bit for bit the whole product.
func TestMuonHalves(t *testing.T) {
	for _, shape := range [][]int{{1, 9}, {193, 300}, {384, 384}, {385, 400}, {400, 385}, {600, 577}} {
		rows, cols := shape[0], shape[1]
		half, whole := &Muon{x: make([]float32, rows*cols), y: make([]float32, rows*cols)}, &Muon{}
		fillNormal(rand.New(rand.NewPCG(3, 4)), half.x, 1)
		whole.x = slices.Clone(half.x)
		half.orthogonalize(rows, cols)
		whole.orthogonalizeWhole(rows, cols)
		if !sameBits(half.x, whole.x) {
			t.Errorf("%v: half the products give other bits than all", shape)
		}
	}
}

// TestMuonOfExperts: each expert's matrix is updated as it would be alone; biases of experts do not count as matrices.
func TestMuonOfExperts(t *testing.T) {
	params, random := graph.NewParams(1), rand.New(rand.NewPCG(1, 3))
	s := graph.New(params)
	e := s.At("h.0").Grouped(graph.Groups{Count: 3, PerRow: 1, Ends: s.Floats("ends", 3)})
	e.Param("weight", graph.Normal(1), 4, 6)
	e.Param("bias", graph.Normal(1), 6)
	var single []*graph.Param
	for i := range 3 {
		p, err := params.Declare(fmt.Sprint("h.", i+1), graph.Normal(1), 4, 6)
		if err != nil {
			t.Fatal(err)
		}
		copy(p.Data(), params.Get("h.0.weight").Data()[24*i:])
		single = append(single, p)
	}
	o := NewMuon("h.*")
	o.Clip = 0
	for range 3 {
		for _, p := range params.All() {
			for i := range p.GradData() {
				p.GradData()[i] = float32(random.NormFloat64())
			}
		}
		for i, p := range single {
			copy(p.GradData(), params.Get("h.0.weight").GradData()[24*i:])
		}
		if err := o.Step(params.ValueGrads()); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range single {
		if !slices.Equal(p.Data(), params.Get("h.0.weight").Data()[24*i:][:24]) {
			t.Errorf("expert %d differs from a matrix alone", i)
		}
	}
	all := &Optimizer{Rule: &Muon{}}
	const want = "Muon: Muon of h.0.bias: its rank is 1, want a matrix"
	if err := all.Step([]gorgonia.ValueGrad{params.Get("h.0.bias")}); err == nil || err.Error() != want {
		t.Error(err)
	}
	kept := make(map[string]bool)
	for _, x := range o.State().Tensors {
		kept[x.Name] = true
	}
	if !kept["h.0.bias.exp_avg"] || kept["h.0.weight.exp_avg"] {
		t.Errorf("kept are %v", kept)
	}
}

// TestFreezeMatricesOfExperts: freezing matrices by a group does not freeze the biases of experts.
func TestFreezeMatricesOfExperts(t *testing.T) {
	params := graph.NewParams(1)
	s := graph.New(params)
	e := s.At("h.0").Grouped(graph.Groups{Count: 3, PerRow: 1, Ends: s.Floats("ends", 3)})
	e.Param("weight", graph.Normal(1), 4, 6)
	e.Param("bias", graph.Normal(1), 6)
	o := NewAdamW()
	o.Groups = []Group{{Pattern: "h.*", Matrices: true, Frozen: true}}
	tr := &Trainer{Params: params, Solver: o}
	if err := tr.freeze(); err != nil {
		t.Fatal(err)
	}
	if learn := params.Trainable(); len(learn) != 1 || learn[0].Name() != "h.0.bias" {
		t.Errorf("%d parameters learn, want the bias", len(learn))
	}
}

// TestNewMuon: hidden matrices are updated by Muon and the rest by AdamW, and the state includes both.
func TestNewMuon(t *testing.T) {
	params := valueGrads(newVector("wte.weight", 4, 2), newVector("h.0.fc.weight", 2, 4), newVector("h.0.fc.bias", 4))
	random := rand.New(rand.NewPCG(1, 1))
	weights := func(stop int) []float32 {
		o, random := NewMuon("h.*"), rand.New(rand.NewPCG(1, 2))
		for _, p := range params {
			clear(p.(*vector).w)
		}
		for i := range 6 {
			if i == stop {
				s := o.State()
				if o = NewMuon("h.*"); o.Restore(s) != nil {
					t.Fatal(o.Restore(s))
				}
			}
			for _, p := range params {
				fillNormal(random, p.(*vector).g, 1)
			}
			if err := o.Step(params); err != nil {
				t.Fatal(err)
			}
		}
		return slices.Concat(params[0].(*vector).w, params[1].(*vector).w, params[2].(*vector).w)
	}
	whole := weights(-1)
	if resumed := weights(3); !slices.Equal(whole, resumed) {
		t.Errorf("resumed weights are %v, want %v", resumed, whole)
	}
	o := NewMuon("h.*")
	for _, p := range params {
		fillNormal(random, p.(*vector).g, 1)
	}
	if err := o.Step(params); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range o.State().Tensors {
		names = append(names, s.Name)
	}
	want := []string{"wte.weight.exp_avg", "wte.weight.exp_avg_sq", "h.0.fc.weight.momentum_buffer", "h.0.fc.bias.exp_avg", "h.0.fc.bias.exp_avg_sq"}
	if !slices.Equal(names, want) {
		t.Errorf("state has %v, want %v", names, want)
	}
}

// TestGroupsCompose: a rate of 0 keeps a parameter unchanged but updates its moments, a frozen parameter is
// left out of norm and state, and nothing is ignored silently.
func TestGroupsCompose(t *testing.T) {
	still, frozen, free := newVector("still", 2, 1), newVector("frozen", 2, 1), newVector("free", 2)
	for _, p := range []*vector{still, frozen, free} {
		copy(p.w, []float32{1, -2})
		copy(p.g, []float32{3, 4})
	}
	o := NewAdamW()
	o.Groups = []Group{{Pattern: "still", Rate: new(0.0)}, {Pattern: "f*n", Frozen: true}, {Pattern: "f*", Rule: SGD{}}}
	if err := o.Step(valueGrads(still, frozen, free)); err != nil {
		t.Fatal(err)
	}
	if want := []float32{1, -2}; !slices.Equal(still.w, want) || !slices.Equal(frozen.w, want) || slices.Equal(free.w, want) {
		t.Errorf("weights %v, %v, %v; want only the last to change", still.w, frozen.w, free.w)
	}
	if s := o.State().Tensors; len(s) != 2 || s[0].Name != "still.exp_avg" || s[0].Data[0] == 0 {
		t.Errorf("state is %+v, want the moments of still", s)
	}
	if want := math.Sqrt(2 * 25); math.Abs(o.GradNorm()-want) > 1e-6 {
		t.Errorf("norm is %v, want %v", o.GradNorm(), want)
	}
	for _, c := range []struct {
		o    *Optimizer
		p    []gorgonia.ValueGrad
		want string
	}{
		{&Optimizer{Rule: SGD{}, Groups: []Group{{Pattern: "wte"}}}, valueGrads(free), `SGD: group "wte": no trainable parameter matches`},
		{NewMuon("f*"), valueGrads(free), `AdamW: group "f*": no trainable matrix matches`},
		{&Optimizer{Rule: &Muon{}}, valueGrads(free), "Muon: Muon of free: its rank is 1, want a matrix"},
		{&Optimizer{Rule: SGD{}, Groups: []Group{{Pattern: "*", Frozen: true}}}, valueGrads(free), "SGD: there is nothing to train: all 1 parameters are frozen"},
		{&Optimizer{Rule: SGD{}, Groups: []Group{{Pattern: "*", Frozen: true, Rate: new(1.0)}}}, valueGrads(free), `SGD: group "*": frozen parameters have no rule, rate or decay`},
		{&Optimizer{Rule: SGD{}, Groups: []Group{{Pattern: "*", Rate: new(-1.0)}}}, valueGrads(free), `SGD: group "*": its factor on the learning rate is -1, want 0 or more`},
		{&Optimizer{}, valueGrads(free), "train: Optimizer.Rule is not set"},
	} {
		if err := c.o.Step(c.p); err == nil || err.Error() != c.want {
			t.Errorf("error is %v, want %s", err, c.want)
		}
	}
	o.Groups = nil
	const want = "AdamW: the state of free is [], want [.exp_avg and .exp_avg_sq] for AdamW"
	if err := o.Step(valueGrads(still, free)); err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestFreezesOne: a frozen group freezes what its pattern matches, but not parameters below it, such as adapters.
func TestFreezesOne(t *testing.T) {
	params := graph.NewParams(1)
	s := graph.New(params)
	s.Param("w", graph.Normal(1), 3)
	s.At("w").Param("adapter", graph.Normal(1), 3)
	tr := &Trainer{Params: params, Solver: &Optimizer{Rule: SGD{}, Groups: []Group{{Pattern: "w", Frozen: true}}}}
	if err := tr.freeze(); err != nil {
		t.Fatal(err)
	}
	if !params.Get("w").Frozen() || params.Get("w.adapter").Frozen() {
		t.Errorf("w is frozen: %v, w.adapter: %v", params.Get("w").Frozen(), params.Get("w.adapter").Frozen())
	}
}

// TestNoRule: an optimizer without a rule is an error when its state is restored, too.
func TestNoRule(t *testing.T) {
	const want = "train: Optimizer.Rule is not set"
	if err := new(Optimizer).Restore(SolverState{Step: 1}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestKept: the size of what an optimizer keeps is known in advance, for any rules and groups.
func TestKept(t *testing.T) {
	decay := 0.0
	groups := NewMuon("h.*")
	groups.Groups = append([]Group{{Pattern: "*.bias", Rule: SGD{}}, {Pattern: "wpe", Frozen: true}, {Pattern: "wte", Decay: &decay}}, groups.Groups...)
	for name, o := range map[string]*Optimizer{
		"AdamW": NewAdamW(), "Lion": NewLion(), "SGD": NewSGD(), "SGD without momentum": {Rule: SGD{}}, "groups": groups,
	} {
		params := graph.NewParams(1)
		for path, shape := range map[string][]int{"wte": {5, 4}, "wpe": {3, 4}, "h.0": {4, 8}, "h.0.bias": {8}, "ln": {4}, "frozen": {7}} {
			p, err := params.Declare(path, graph.Zeros(), shape...)
			if err != nil {
				t.Fatal(err)
			}
			p.SetFrozen(path == "frozen")
		}
		before, err := o.Kept(params)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Step(params.ValueGrads()); err != nil {
			t.Fatal(err)
		}
		var kept int64
		for _, x := range o.State().Tensors {
			kept += int64(len(x.Data))
		}
		if before != kept {
			t.Errorf("%s: %d counted, %d kept", name, before, kept)
		}
	}
	params := graph.NewParams(1)
	if _, err := params.Declare("v", graph.Zeros(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Optimizer{Rule: &Muon{}}).Kept(params); err == nil || err.Error() != "Muon: Muon of v: its rank is 1, want a matrix" {
		t.Error(err)
	}
	if _, err := new(Optimizer).Kept(params); err == nil || err.Error() != "train: Optimizer.Rule is not set" {
		t.Error(err)
	}
}
