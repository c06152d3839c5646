package gpt1_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt1"
)

// perturb changes the weights so that all of them matter, including biases and gains.
func perturb(params *graph.Params) {
	for n, param := range params.All() {
		for i := range param.Data() {
			param.Data()[i] += float32(math.Sin(float64(1+n*31+i))) / 3
		}
	}
}

// logits returns the logits of sequences of the given length.
func logits(t *testing.T, c gpt1.Config, tokens []int, length int) []float32 {
	t.Helper()
	s := graph.New(graph.NewParams(5))
	out := models.Logits(c, s, s.Ints("tokens", len(tokens)/length, length))
	p, err := s.Compile(out)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	perturb(s.Params())
	if err := p.SetInts("tokens", tokens); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(p.Value(out))
}

// TestCausal: changing a token leaves the logits before it in its own sequence, and all logits of the other
// sequence, unchanged bit for bit. The context is longer than a tile of the attention kernel.
func TestCausal(t *testing.T) {
	c := gpt1.New(13, 150, 12, 2, 3)
	const length = 141
	tokens := make([]int, 2*length)
	for i := range tokens {
		tokens[i] = (i*i + 3*i) % c.Vocab
	}
	before := logits(t, c, tokens, length)
	for _, at := range []int{0, 1, 63, 64, 65, 128, length - 1} {
		changed := slices.Clone(tokens)
		changed[at] = (changed[at] + 1) % c.Vocab
		after := logits(t, c, changed, length)
		if !slices.Equal(before[:at*c.Vocab], after[:at*c.Vocab]) {
			t.Errorf("changing token %d changed logits before it", at)
		}
		if slices.Equal(before[at*c.Vocab:(at+1)*c.Vocab], after[at*c.Vocab:(at+1)*c.Vocab]) {
			t.Errorf("changing token %d did not change its own logits", at)
		}
		if !slices.Equal(before[length*c.Vocab:], after[length*c.Vocab:]) {
			t.Errorf("changing token %d changed the other sequence", at)
		}
	}
}

// trained returns the loss, the gradients and the planned memory of a step on fixed tokens.
func trained(t *testing.T, c gpt1.Config, step uint64, options ...graph.Option) (float32, *graph.Params, int64) {
	t.Helper()
	s := graph.New(graph.NewParams(5), options...)
	p, err := s.CompileGrad(models.Loss(c, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	perturb(s.Params())
	var tokens, targets []int
	for i := range batch * context {
		tokens, targets = append(tokens, (i*5+3)%c.Vocab), append(targets, (i*7+1)%c.Vocab)
	}
	for name, ids := range map[string][]int{"tokens": tokens, "targets": targets} {
		if err := p.SetInts(name, ids); err != nil {
			t.Fatal(err)
		}
	}
	p.Seed(3, step)
	for range 2 {
		if err := p.RunGrad(0.5); err != nil {
			t.Fatal(err)
		}
	}
	return p.Loss(), s.Params(), p.PlannedBytes()
}

// TestDropout: each of the three rates has an effect in training and nowhere else; the same step gives the
// same loss, and another step a different one.
func TestDropout(t *testing.T) {
	none := models.WithDropout(tiny(), 0).(gpt1.Config)
	plain, _, _ := trained(t, none, 1)
	if got, _, _ := trained(t, none, 1, graph.Training()); got != plain {
		t.Errorf("training with rates of 0: loss %v, want %v", got, plain)
	}
	for name, set := range map[string]func(c *gpt1.Config){
		"embedding": func(c *gpt1.Config) { c.EmbedDropout = 0.2 },
		"attention": func(c *gpt1.Config) { c.AttentionDropout = 0.2 },
		"residual":  func(c *gpt1.Config) { c.ResidualDropout = 0.2 },
	} {
		c := none
		set(&c)
		if got, _, _ := trained(t, c, 1); got != plain {
			t.Errorf("%s: evaluation gives %v, want %v", name, got, plain)
		}
		first, _, _ := trained(t, c, 1, graph.Training())
		again, _, _ := trained(t, c, 1, graph.Training())
		other, _, _ := trained(t, c, 2, graph.Training())
		if first == plain || again != first || other == first {
			t.Errorf("%s: losses %v without, %v and %v at one step, %v at another", name, plain, first, again, other)
		}
	}
}

// TestRecompute: if the blocks are recomputed, dropout included, the loss and every gradient are bit for bit
// the same, and the program takes less memory.
func TestRecompute(t *testing.T) {
	c := models.WithDropout(tiny(), 0.1).(gpt1.Config)
	c.Layers = 6
	loss, params, bytes := trained(t, c, 1, graph.Training())
	l, again, less := trained(t, c, 1, graph.Training(), graph.Recompute("h.*"))
	if l != loss {
		t.Errorf("loss %v, want %v", l, loss)
	}
	for i, p := range again.All() {
		if !slices.Equal(p.GradData(), params.All()[i].GradData()) {
			t.Errorf("the gradient of %s differs", p.Name())
		}
	}
	if less > bytes*2/3 {
		t.Errorf("the program takes %d bytes with recomputation and %d without", less, bytes)
	}
}

// TestInit checks the published initialization (§4.1): N(0, 0.02) everywhere, biases 0, gains 1.
func TestInit(t *testing.T) {
	c := gpt1.New(300, 64, 64, 8, 4)
	s := graph.New(graph.NewParams(5))
	models.Logits(c, s, s.Ints("tokens", 1, 8))
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	for _, p := range s.Params().All() {
		var sum, squares float64
		for _, v := range p.Data() {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(p.Size())
		mean := sum / n
		deviation := math.Sqrt(max(squares/n-mean*mean, 0))
		switch {
		case p.Shape().Dims() == 2: // 4,096 samples or more, whose deviation is known to about 1 %
			if math.Abs(deviation-0.02) > 0.001 || math.Abs(mean) > 0.001 {
				t.Errorf("%s has mean %.4f and deviation %.4f, want 0 and 0.02", p.Name(), mean, deviation)
			}
		case deviation != 0 || mean != 0 && mean != 1:
			t.Errorf("%s has mean %v and deviation %v, want 0 or 1, and 0", p.Name(), mean, deviation)
		}
	}
}
