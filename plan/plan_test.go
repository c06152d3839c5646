package plan

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/models"
)

// find returns a model of the catalogue.
func find(t *testing.T, name string) models.Model {
	t.Helper()
	m, err := models.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// planned returns a plan, which must be possible.
func planned(t *testing.T, name string, o Options) *Plan {
	t.Helper()
	p, err := Of(find(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// near reports whether x differs from want by at most the given share of it.
func near(x, want, share float64) bool { return math.Abs(x-want) <= share*math.Abs(want) }

// TestGPT3: parameters and petaflop/s-days of all sizes match table D.1 of GPT-3's paper, which assumes 6
// operations per parameter for each of 300B tokens, to the digits printed there.
func TestGPT3(t *testing.T) {
	for name, c := range map[string]struct{ millions, days float64 }{
		"gpt3-125m": {125, 2.60}, "gpt3-350m": {356, 7.42}, "gpt3-760m": {760, 15.8}, "gpt3-1.3b": {1320, 27.5},
		"gpt3-2.7b": {2650, 55.2}, "gpt3-6.7b": {6660, 139}, "gpt3-13b": {12850, 268}, "gpt3-175b": {174600, 3640},
	} {
		p := planned(t, name, Options{Tokens: 300e9})
		var sum, rest int64
		for _, part := range p.Parameters.Parts {
			sum += part.Count
			if !part.Embedding {
				rest += part.Count
			}
		}
		d := models.DimsOf(find(t, name))
		tables := int64(d.Vocab+d.Context) * int64(d.Width)
		if sum != p.Parameters.Total || rest != p.Parameters.Rest || sum-rest != tables || len(p.Parameters.Parts) != 7 {
			t.Errorf("%s: %+v", name, p.Parameters)
		}
		if n := float64(sum) / 1e6; !near(n, c.millions, 0.005) {
			t.Errorf("%s: %v million parameters, want %v", name, n, c.millions)
		}
		if days := p.FLOPs.SixN * 300e9 / pfDay; !near(days, c.days, 0.006) {
			t.Errorf("%s: %v petaflop/s-days by the rule, want %v", name, days, c.days)
		}
		// The backward pass takes twice as many operations as the forward pass, and 2.5 times as many for attention.
		if f := p.FLOPs; !near(f.Training, 3*f.Forward, 0.03) || f.Training < f.SixN || f.Recomputed <= f.Training || f.Recomputed > 4.0/3*f.Training {
			t.Errorf("%s: %+v", name, f)
		}
		if !near(p.Run.PFDays, p.FLOPs.Training*300e9/pfDay, 1e-9) || p.Run.Updates != math.Ceil(300e9/float64(d.Context)) {
			t.Errorf("%s: %+v", name, p.Run)
		}
	}
}

// TestAttention: the FLOPs of attention, gradient included, are those of its products, 12·T·C per layer and
// token if everything were computed, and half of that, 6·T·C, under the causal mask. The gradient computes
// the scores again, hence the factor of 7/6.
func TestAttention(t *testing.T) {
	p := planned(t, "gpt2", Options{})
	if got, want := p.FLOPs.Parts["attention"], 7.0/6*6*1024*768*12; !near(got, want, 0.03) {
		t.Errorf("%v, want about %v", got, want)
	}
	most, few := planned(t, "gpt3-175b", Options{Batch: 1 << 19}), planned(t, "gpt3-175b", Options{})
	if !near(most.FLOPs.Recomputed, few.FLOPs.Recomputed, 1e-6) || most.Memory.Results < 1e5*few.Memory.Results {
		t.Errorf("%+v of large batches, %+v of small ones", most.FLOPs, few.FLOPs)
	}
	sum := 0.0
	for _, x := range p.FLOPs.Parts {
		sum += x
	}
	if !near(sum, p.FLOPs.Training, 1e-9) {
		t.Errorf("parts are %v, all %v", sum, p.FLOPs.Training)
	}
}

// TestMemory: the solver's rule determines the size of the moments; ranks sum the gradients of micro-batches
// in a tree; the peak is the sum of all parts; recomputation changes only the results.
func TestMemory(t *testing.T) {
	const n = 4 * 124439808
	kept := planned(t, "gpt2", Options{})
	for solver, moments := range map[string]float64{
		"adamw": 2 * n, "lion": n, "sgd": n,
		// One moment for the matrices of the blocks, 12·768²·12 in all, and two for the rest.
		"muon": 2*n - 4*12*12*768*768,
	} {
		m := planned(t, "gpt2", Options{Solver: solver}).Memory
		if m.Weights != n || m.Gradients != n || m.Moments != moments || m.Sums != 0 {
			t.Errorf("%s: %+v, want moments of %v", solver, m, moments)
		}
		if sum := m.Weights + m.Gradients + m.Moments + m.Results + m.Text + m.Process; m.Peak != sum || m.PeakKept != sum || m.Kept != m.Results {
			t.Errorf("%s: %+v, sum %v", solver, m, sum)
		}
	}
	again := planned(t, "gpt2", Options{Recompute: true})
	saved := kept.Memory.Results - again.Memory.Results
	if saved < kept.Memory.Results/2 || again.Memory.Peak != kept.Memory.Peak-saved || again.Memory.Peak != kept.Memory.PeakRecomputed {
		t.Errorf("%+v\nrecomputed %+v", kept.Memory, again.Memory)
	}
	for micro, sums := range map[int]float64{1: 0, 2: 1, 3: 2, 4: 2, 5: 3} {
		if m := planned(t, "gpt2", Options{Ranks: 2, Accumulate: 2 * micro}).Memory; m.Sums != sums*n {
			t.Errorf("%d micro-batches: %v of sums, want %v", micro, m.Sums, sums*n)
		}
	}
	// The keys and values of 12 layers, for 256 positions of width 768.
	if m := planned(t, "gpt2", Options{Context: 256}).Memory; m.KeysValues != 2*4*12*256*768 {
		t.Errorf("%v bytes of keys and values", m.KeysValues)
	}
}

// TestRanks: how much ranks send to each other, and how long a run takes.
func TestRanks(t *testing.T) {
	const n = 4 * 124439808
	p := planned(t, "gpt2", Options{Ranks: 4, Batch: 2, Context: 64, Accumulate: 12, Tokens: 15360, Rate: 1e9, GPU: "a100", Share: 0.5})
	if p.Wire != (Wire{Update: 1.5 * n, All: 6 * n, Broadcast: n}) {
		t.Errorf("%+v", p.Wire)
	}
	if p.Run.Update != 2*64*12 || p.Run.Updates != 10 || p.Own != 4 { // in the tree, the last rank has no micro-batch
		t.Errorf("%+v", p.Run)
	}
	if days := p.FLOPs.Training * 15360 / (1e9 * machineShare) / 86400; !near(p.Machine.Days, days, 1e-9) || !near(p.Machine.Ranks, days*4/12, 1e-9) {
		t.Errorf("%+v, want %v days", p.Machine, days)
	}
	if days := p.FLOPs.Training * 15360 / (312e12 * 0.5) / 86400; !near(p.GPU.Days, days, 1e-9) || p.GPU.Name != "A100" {
		t.Errorf("%+v, want %v days", p.GPU, days)
	}
	if q := planned(t, "gpt2", Options{Recompute: true, Rate: 1e9, Tokens: 1e9}); !near(q.Machine.Days, q.FLOPs.Recomputed*1e9/(1e9*machineShare)/86400, 1e-9) || q.GPU != nil || q.Wire != (Wire{}) {
		t.Errorf("%+v %+v", q.Machine, q.Wire)
	}
}

// TestLaws compares with numbers from the papers, and from others who used the formulas.
func TestLaws(t *testing.T) {
	// nanoGPT's scaling_laws.ipynb: losses of 2.66 and 2.00 after 300B tokens; table A3 of Hoffmann et al.: 20.0B
	// tokens for 1B parameters, 219.5B for 10B.
	for n, loss := range map[float64]float64{125e6: 2.66, 175e9: 2.00} {
		if l := lawsOf(n, n, 300e9).Chinchilla.Loss; math.Abs(l-loss) > 0.005 {
			t.Errorf("Chinchilla's loss for %g is %v, want %v", n, l, loss)
		}
	}
	for n, tokens := range map[float64]float64{400e6: 7.7e9, 1e9: 20e9, 10e9: 219.5e9, 175e9: 4.3e12} {
		if d := lawsOf(n, n, 300e9).Chinchilla.Tokens; !near(d, tokens, 0.01) {
			t.Errorf("Chinchilla's tokens for %g are %g, want %g", n, d, tokens)
		}
	}
	// Kaplan et al.: the laws of size and of tokens, each with the other unbounded; one petaflop/s-day is best spent on
	// 1.3e9 parameters and 2e10 tokens.
	if l := lawsOf(1e9, 1e9, 1e30).Kaplan.Loss; !near(l, math.Pow(8.8e13/1e9, 0.076), 1e-6) {
		t.Errorf("L(N) is %v", l)
	}
	if l := lawsOf(1e40, 1e40, 1e10).Kaplan.Loss; !near(l, math.Pow(5.4e13/1e10, 0.095), 1e-6) {
		t.Errorf("L(D) is %v", l)
	}
	if d := lawsOf(1.3e9, 1.3e9, 1e9).Kaplan.Tokens; !near(d, 2e10, 1e-9) {
		t.Errorf("Kaplan's tokens are %v", d)
	}
	// GPT-3 175B took 3,640 petaflop/s-days.
	if l := lawsOf(174.6e9, 174.6e9, 300e9).GPT3.Loss; !near(l, 2.57*math.Pow(3640, -0.048), 1e-3) {
		t.Errorf("L(C) is %v", l)
	}
}

// TestPartOf: blocks are merged wherever they are; outside of them, a part is the layer that has the weights.
func TestPartOf(t *testing.T) {
	for _, c := range []struct{ path, blocks, want string }{
		{"h.3.attn.c_attn.weight", "h.*", "h.*.attn"}, {"h.11.ln_1.bias", "h.*", "h.*.ln_1"}, {"wte.weight", "h.*", "wte"}, {"h.gain.weight", "h.*", "h.gain"},
		{"model.layers.10.self_attn.q_proj.weight", "model.layers.*", "model.layers.*.self_attn"}, {"model.embed_tokens.weight", "model.layers.*", "model.embed_tokens"},
		{"w", "", "w"}, {"h.0", "h.*", "h"},
	} {
		if got := partOf(c.path, c.blocks); got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
	}
}

// TestRefused: invalid options give an error that says so.
func TestRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"plan: a batch of -1: want 1 or more":               {Batch: -1},
		"plan: ranks of -2: want 1 or more":                 {Ranks: -2},
		"plan: a context of 65: the model has 64 positions": {Context: 65},
		"plan: a share of 1.5: want one from 1e-06 to 1":    {Share: 1.5},
		"plan: want tokens and a rate of 0 or more":         {Tokens: math.NaN()},
		`unknown GPU "A10"; did you mean "A100"?`:           {GPU: "A10"},
		`unknown solver "adam"; did you mean "adamw"?`:      {Solver: "adam"},
	} {
		if _, err := Of(find(t, "gpt2-nano"), o); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// TestPrint: a plan fits on a screen.
func TestPrint(t *testing.T) {
	p := planned(t, "gpt3-175b", Options{Tokens: 300e9, Ranks: 1024, Accumulate: 2048, GPU: "H100", Rate: 1e11, Network: Network{25e9, 5e-5}})
	p.Model = "gpt3-175b"
	var text strings.Builder
	if err := p.Print(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) > 40 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 130 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"174,604,259,328", "h.*.attn", "your losses will differ", "the 6N rule gives 1.048T; ratio 1.01", "2048 micro-batches an update, 2 a rank", "on 1024 ranks connected by 25 Gb/s and 50 µs a message", " 3,670 petaflop/s-days", " years "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &text)
		}
	}
}

// TestFigure: figures are rounded to three significant digits.
func TestFigure(t *testing.T) {
	for x, want := range map[float64]string{
		0.01234: "0.0123", 23: "23", 999.4: "999", 999.5: "1,000", 3674: "3,670", 9996: "10,000", 29_212: "29,200", 1.7349e6: "1,730,000",
		9.994e14: "999,000,000,000,000", 1e15: "1e+15",
	} {
		if got := figure(x); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
}
