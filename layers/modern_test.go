package layers_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// Tolerances for float32 results against PyTorch's float64 results (with angles in float32): absolute for
// logits and losses, which are of size 1 to 10, and relative to the largest element of its tensor for a
// gradient. 2e-6 was measured.
const (
	tolLogits = 1e-5
	// tolGradient is the same as in models/gpt2. The smallest gradients, those of BLOOM's queries, are differences of
	// larger numbers: the fused and the composed form, with and without assembly, are all off by 7e-6 to 1.1e-5.
	tolGradient = 2e-5
	// tolNothing is for gradients that are 0 except for rounding; 2e-8 was measured.
	tolNothing = 1e-7
)

// bare is the settings of weights without biases.
var bare = layers.BranchWeights{NoBias: true}

// turned returns a function that rotates queries and keys, after normalizing each head if rms is given.
func turned(heads, kv int, theta float64, rms *layers.RMS) func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
	return func(s *graph.Scope, q, k *G.Node) (*G.Node, *G.Node) {
		if rms != nil {
			q, k = layers.RMSNorm(s.At("q_norm"), q, *rms), layers.RMSNorm(s.At("k_norm"), k, *rms)
		}
		o := ops.RotaryOptions{Theta: theta}
		return ops.Rotary(s, q, heads, o), ops.Rotary(s, k, kv, o)
	}
}

// fixture holds what PyTorch computed, by name.
type fixture map[string][]float32

func openFixture(t *testing.T, name string) fixture {
	t.Helper()
	file, err := safetensors.Open("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := make(fixture)
	for _, info := range file.Tensors() {
		all[info.Name] = make([]float32, info.Size())
		if err := file.Read(info.Name, all[info.Name]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// load sets the parameters to the fixture's weights.
func (f fixture) load(t *testing.T, params *graph.Params) {
	t.Helper()
	count := 0
	for name := range f {
		if strings.HasPrefix(name, "weight.") {
			count++
		}
	}
	if len(params.All()) != count {
		t.Fatalf("parameters %v; the fixture has %d", params.Names(), count)
	}
	for _, p := range params.All() {
		if n := copy(p.Data(), f["weight."+p.Name()]); n != p.Size() {
			t.Fatalf("%s: %d values, want %d", p.Name(), n, p.Size())
		}
	}
}

func (f fixture) ids(name string) (ids []int) {
	for _, v := range f[name] {
		ids = append(ids, int(v))
	}
	return ids
}

// off returns the largest difference between got and want.
func off(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst := 0.0
	for i, v := range got {
		worst = max(worst, math.Abs(float64(v-want[i])))
	}
	return worst
}

// run declares the model and its loss, and runs them forward and backward on the fixture's batch.
func (m modern) run(t *testing.T, f fixture, composed bool, options ...graph.Option) (logits []float32, loss float32, params *graph.Params) {
	t.Helper()
	params = graph.NewParams(1)
	s := graph.New(params, options...)
	y := m(s, s.Ints("tokens", 2, 13), composed) // (B·T, V)
	p, err := s.CompileGrad(ops.CrossEntropy(s, y, s.Ints("targets", 2, 13)), y)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.load(t, params)
	for _, input := range []string{"tokens", "targets"} {
		if err := p.SetInts(input, f.ids(input)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.RunGrad(1); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(y)), p.Loss(), params
}

// TestModern: models built from components newer than GPT-2 match transformers' logits, loss and gradients,
// with fused and with composed attention.
func TestModern(t *testing.T) {
	for name, m := range moderns {
		want := openFixture(t, name)
		for _, composed := range []bool{false, true} {
			logits, loss, params := m.run(t, want, composed)
			if e := off(logits, want["logits"]); !(e <= tolLogits) {
				t.Errorf("%s, composed %v: logits are off by %.1e", name, composed, e)
			}
			if e := off([]float32{loss}, want["loss"]); !(e <= tolLogits) {
				t.Errorf("%s, composed %v: the loss is off by %.1e", name, composed, e)
			}
			for _, param := range params.All() {
				grad := want["grad."+param.Name()]
				scale := max(float64(slices.Max(grad)), -float64(slices.Min(grad)))
				if scale < tolNothing { // a bias that all keys share does not change the softmax
					scale = tolNothing / tolGradient
				}
				if e := off(param.GradData(), grad); !(e <= tolGradient*scale) {
					t.Errorf("%s, composed %v: the gradient of %s is off by %.1e of %.1e", name, composed, param.Name(), e, scale)
				}
			}
		}
	}
}

// TestModernRecompute: recomputing blocks does not change a single bit.
func TestModernRecompute(t *testing.T) {
	for name, m := range moderns {
		f := openFixture(t, name)
		blocks := "layers.*"
		if name == "gptj" || name == "bloom" {
			blocks = "h.*"
		}
		logits, _, params := m.run(t, f, false)
		again, _, others := m.run(t, f, false, graph.Recompute(blocks))
		if !slices.Equal(logits, again) {
			t.Errorf("%s: other logits", name)
		}
		for _, p := range params.All() {
			if !slices.Equal(p.GradData(), others.Get(p.Name()).GradData()) {
				t.Errorf("%s: another gradient of %s", name, p.Name())
			}
		}
	}
}

// TestModernPieces: computed token by token and in larger pieces, the logits are those of the whole sequence.
func TestModernPieces(t *testing.T) {
	for name, m := range moderns {
		want := openFixture(t, name)
		params, cache := graph.NewParams(1), graph.NewCache(2, 13)
		tokens := want.ids("tokens")
		past := 0
		for _, n := range []int{4, 1, 1, 3, 1, 3} {
			s := graph.New(params, graph.Incremental(cache))
			logits := m(s, s.Ints("tokens", 2, n), false)
			p, err := s.Compile(logits)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			want.load(t, params)
			if err := p.SetInts("tokens", slices.Concat(tokens[past:past+n], tokens[13+past:13+past+n])); err != nil {
				t.Fatal(err)
			}
			if err := p.SetInts("past", []int{past, past}); err != nil {
				t.Fatal(err)
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			all := want["logits"]
			expected := slices.Concat(all[past*29:(past+n)*29], all[(13+past)*29:(13+past+n)*29])
			if e := off(p.Value(logits), expected); !(e <= tolLogits) {
				t.Errorf("%s: the logits of positions %d to %d are off by %.1e", name, past, past+n-1, e)
			}
			past += n
		}
	}
}
