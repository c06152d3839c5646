package gpt2_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// tolOrder bounds the difference between two float32 sums of the same terms in different orders, relative to
// the largest; 5e-7 was measured.
const tolOrder = 5e-6

func randomIDs(random *rand.Rand, n, vocab int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = random.IntN(vocab)
	}
	return ids
}

// logits runs a forward program and returns a copy of the result.
func logits(t *testing.T, p *graph.Program, out *G.Node, tokens []int) []float32 {
	t.Helper()
	if err := p.SetInts("tokens", tokens); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(out))
}

// TestCausal: changing token t+1 leaves the logits up to t unchanged bit for bit. The context is longer than
// a tile of the attention kernel.
func TestCausal(t *testing.T) {
	c := gpt2.New(13, 150, 12, 2, 3)
	params := graph.NewParams(5)
	const context = 141
	p, out := logitsProgram(t, c, params, 1, context)
	randomise(params)
	tokens := randomIDs(rand.New(rand.NewPCG(1, 1)), context, c.Vocab)
	before := logits(t, p, out, tokens)
	for _, at := range []int{1, 63, 64, 65, 128, context - 1} {
		changed := slices.Clone(tokens)
		changed[at] = (changed[at] + 1) % c.Vocab
		after := logits(t, p, out, changed)
		if !slices.Equal(before[:at*c.Vocab], after[:at*c.Vocab]) {
			t.Errorf("changing token %d changed logits before it", at)
		}
		if slices.Equal(before[at*c.Vocab:(at+1)*c.Vocab], after[at*c.Vocab:(at+1)*c.Vocab]) {
			t.Errorf("changing token %d did not change its own logits", at)
		}
	}
}

// TestRowsAreIndependent: a sequence has bit for bit the same logits whatever else is in the batch.
func TestRowsAreIndependent(t *testing.T) {
	c := tiny()
	params := graph.NewParams(5)
	const batch, context = 3, 6
	p, out := logitsProgram(t, c, params, batch, context)
	randomise(params)
	random := rand.New(rand.NewPCG(1, 1))
	tokens := randomIDs(random, batch*context, c.Vocab)
	before := logits(t, p, out, tokens)
	row := context * c.Vocab
	for b := range batch {
		changed := slices.Clone(tokens)
		for i := range changed {
			if i/context != b {
				changed[i] = (changed[i] + 1 + random.IntN(c.Vocab-1)) % c.Vocab
			}
		}
		after := logits(t, p, out, changed)
		if !slices.Equal(before[b*row:(b+1)*row], after[b*row:(b+1)*row]) {
			t.Errorf("sequence %d depends on the others", b)
		}
	}
}

// TestTiedGradient: the gradient of the shared embedding is the sum of the gradients of an input table and a
// head with the same values.
func TestTiedGradient(t *testing.T) {
	const vocab, width, context = 11, 6, 8
	tokens := []int{1, 2, 3, 4, 5, 6, 7, 1}
	targets := []int{2, 3, 4, 5, 6, 7, 1, 10}
	run := func(loss func(s *graph.Scope, tokens, targets *G.Node) *G.Node) (*graph.Params, *graph.Program) {
		params := graph.NewParams(1)
		s := graph.New(params)
		p, err := s.CompileGrad(loss(s, s.Ints("tokens", 1, context), s.Ints("targets", 1, context)))
		if err != nil {
			t.Fatal(err)
		}
		set(t, p, tokens, targets)
		if head := params.Get("head.weight"); head != nil {
			copy(head.Data(), params.Get("wte.weight").Data())
		}
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return params, p
	}
	tiedParams, tied := run(func(s *graph.Scope, tokens, targets *G.Node) *G.Node {
		x, wte := layers.Embedding(s.At("wte"), tokens, vocab, width, graph.Normal(1))
		return layers.TiedLoss(s, x, wte, targets)
	})
	untiedParams, untied := run(func(s *graph.Scope, tokens, targets *G.Node) *G.Node {
		x, _ := layers.Embedding(s.At("wte"), tokens, vocab, width, graph.Normal(1))
		return layers.HeadLoss(s.At("head"), x, targets, vocab, graph.Init{})
	})
	if tied.Loss() != untied.Loss() {
		t.Errorf("losses %v and %v", tied.Loss(), untied.Loss())
	}
	got := tiedParams.Get("wte.weight").GradData()
	in, head := untiedParams.Get("wte.weight").GradData(), untiedParams.Get("head.weight").GradData()
	for i := range got {
		// The gradients of a token that occurs twice are added up in a different order.
		if want := in[i] + head[i]; math.Abs(float64(got[i]-want)) > tolOrder {
			t.Fatalf("element %d: %v, want %v + %v", i, got[i], in[i], head[i])
		}
	}
	if slices.Max(in) == 0 || slices.Max(head) == 0 {
		t.Error("one of the uses has no gradient")
	}
}

// TestAccumulation: two micro-batches of half the size give the gradient of the
// whole batch.
func TestAccumulation(t *testing.T) {
	c := tiny()
	random := rand.New(rand.NewPCG(1, 1))
	const batch, context = 4, 6
	tokens, targets := randomIDs(random, batch*context, c.Vocab), randomIDs(random, batch*context, c.Vocab)
	gradients := func(micro int) *graph.Params {
		params := graph.NewParams(5)
		p := program(t, c, params, batch/micro, context)
		randomise(params)
		n := batch / micro * context
		for i := range micro {
			set(t, p, tokens[i*n:(i+1)*n], targets[i*n:(i+1)*n])
			if err := p.RunGrad(1 / float32(micro)); err != nil {
				t.Fatal(err)
			}
		}
		return params
	}
	whole := gradients(1)
	for _, micro := range []int{2, 4} {
		parts := gradients(micro)
		for _, p := range whole.All() {
			want, got := p.GradData(), parts.Get(p.Name()).GradData()
			worst, scale := 0.0, 1e-3
			for i := range want {
				worst = math.Max(worst, math.Abs(float64(got[i]-want[i])))
				scale = math.Max(scale, math.Abs(float64(want[i])))
			}
			if !(worst < tolOrder*scale) {
				t.Errorf("%d parts: gradient of %s differs by %.1e of %.1e", micro, p.Name(), worst, scale)
			}
		}
	}
}

// TestCores: with dropout, a seed gives the same losses and weights, bit for bit, on 1, 2 and 4 threads.
func TestCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	c := gpt2.New(101, 64, 128, 2, 4)
	c.EmbedDropout, c.AttentionDropout, c.ResidualDropout = 0.1, 0.1, 0.1
	const batch, context, steps = 6, 64, 3
	run := func(cores int) (losses []float32, last []float32) {
		runtime.GOMAXPROCS(cores)
		params := graph.NewParams(5)
		p := program(t, c, params, batch, context, graph.Training())
		random := rand.New(rand.NewPCG(1, 1))
		for step := range steps {
			params.ZeroGrad()
			set(t, p, randomIDs(random, batch*context, c.Vocab), randomIDs(random, batch*context, c.Vocab))
			p.Seed(7, uint64(step))
			params.ZeroGrad()
			if err := p.RunGrad(1); err != nil {
				t.Fatal(err)
			}
			losses = append(losses, p.Loss())
			for _, param := range params.All() {
				kernel.Axpy(param.Data(), -0.1, param.GradData())
			}
		}
		return losses, slices.Clone(params.Get("wte.weight").Data())
	}
	losses, last := run(1)
	if losses[0] == losses[2] {
		t.Error("the loss does not change")
	}
	for _, cores := range []int{2, 4} {
		l, w := run(cores)
		if !slices.Equal(losses, l) {
			t.Errorf("%d threads: losses %v, want %v", cores, l, losses)
		}
		if !slices.Equal(last, w) {
			t.Errorf("%d threads: other weights", cores)
		}
	}
}

// TestDropout: the same step gives the same loss, another step another; there is no dropout at a rate of 0 or
// in graphs that do not train.
func TestDropout(t *testing.T) {
	dropped := tiny()
	dropped.EmbedDropout, dropped.AttentionDropout, dropped.ResidualDropout = 0.2, 0.2, 0.2
	tokens, targets := tinyBatchIDs(1)
	loss := func(c gpt2.Config, step uint64, options ...graph.Option) float32 {
		params := graph.NewParams(5)
		p := program(t, c, params, tinyBatch, tinyContext, options...)
		randomise(params)
		set(t, p, tokens, targets)
		p.Seed(3, step)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return p.Loss()
	}
	plain := loss(tiny(), 0)
	if got := loss(dropped, 0); got != plain {
		t.Errorf("evaluation with dropout rates: loss %v, want %v", got, plain)
	}
	if got := loss(tiny(), 0, graph.Training()); got != plain {
		t.Errorf("training with rates of 0: loss %v, want %v", got, plain)
	}
	first := loss(dropped, 1, graph.Training())
	if again := loss(dropped, 1, graph.Training()); again != first {
		t.Errorf("the same step gives %v and %v", first, again)
	}
	if other := loss(dropped, 2, graph.Training()); other == first || first == plain {
		t.Errorf("dropout does nothing: losses %v, %v, %v", plain, first, other)
	}
}

// TestInit checks the published initialization: N(0, 0.02), projections that end a branch smaller by
// √(2·layers), biases 0, gains 1. It depends only on the seed and the name.
func TestInit(t *testing.T) {
	c := gpt2.New(300, 64, 64, 8, 4)
	params := graph.NewParams(5)
	program(t, c, params, 1, 8)
	deviation := func(name string) float64 {
		data := params.Get(name).Data()
		var sum, squares float64
		for _, v := range data {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(data))
		return math.Sqrt(squares/n - sum/n*sum/n)
	}
	for name, want := range map[string]float64{
		"wte.weight": 0.02, "wpe.weight": 0.02,
		"h.3.attn.c_attn.weight": 0.02, "h.3.mlp.c_fc.weight": 0.02,
		"h.3.attn.c_proj.weight": 0.02 / 4, "h.7.mlp.c_proj.weight": 0.02 / 4,
		"h.3.attn.c_attn.bias": 0, "ln_f.bias": 0, "ln_f.weight": 0,
	} {
		// Of 4,096 samples or more, the deviation is known to about 1 %.
		if got := deviation(name); math.Abs(got-want) > 0.05*want {
			t.Errorf("%s has deviation %.4f, want %.4f", name, got, want)
		}
	}
	if got := params.Get("ln_f.weight").Data()[0]; got != 1 {
		t.Errorf("a gain starts at %v, want 1", got)
	}
	alone := graph.NewParams(5)
	p, err := alone.Declare("h.3.mlp.c_fc.weight", graph.Normal(0.02), 64, 256)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Data(), params.Get("h.3.mlp.c_fc.weight").Data()) {
		t.Error("a parameter's values depend on the others")
	}
}

// TestFirstNotFinite: the −∞ of a composed attention's mask is not reported as the place where a loss of NaN begins; an
// infinite weight is.
func TestFirstNotFinite(t *testing.T) {
	c := gpt2.New(11, 8, 16, 2, 2)
	c.Composed = true
	params := graph.NewParams(1)
	s := graph.New(params, graph.Training())
	p, err := s.CompileGrad(models.Loss(c, s, s.Ints("tokens", 1, 8), s.Ints("targets", 1, 8)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, name := range []string{"tokens", "targets"} {
		if err := p.SetInts(name, []int{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"", "h.1.mlp.c_fc: Linear"} {
		if place, err := p.FirstNotFinite(); err != nil || place != want {
			t.Errorf("%q, %v; want %q", place, err, want)
		}
		params.Get("h.1.mlp.c_fc.bias").Data()[3] = float32(math.Inf(1))
	}
}
