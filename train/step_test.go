package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// direct computes the toy model's loss over batches, as a mean over all their targets, and the norm of its
// gradient, in float64 and by formulas.
func direct(ps *graph.Params, batches []datasets.Batch) (loss, norm float64) {
	const width = 4
	embed, w, bias := ps.Get("embed").Data(), ps.Get("head.weight").Data(), ps.Get("head.bias").Data()
	dEmbed, dw, dBias := make([]float64, len(embed)), make([]float64, len(w)), make([]float64, len(bias))
	n := 0
	for _, b := range batches {
		n += b.Targeted()
	}
	for _, b := range batches {
		for i, token := range b.Tokens {
			if b.Targets[i] == datasets.Ignore {
				continue
			}
			var p [toyVocab]float64
			sum := 0.0
			for v := range p {
				logit := float64(bias[v])
				for k := range width {
					logit += float64(embed[token*width+k]) * float64(w[k*toyVocab+v])
				}
				p[v] = math.Exp(logit)
				sum += p[v]
			}
			loss -= math.Log(p[b.Targets[i]]/sum) / float64(n)
			for v := range p {
				d := p[v] / sum / float64(n)
				if v == b.Targets[i] {
					d -= 1 / float64(n)
				}
				dBias[v] += d
				for k := range width {
					dw[k*toyVocab+v] += d * float64(embed[token*width+k])
					dEmbed[token*width+k] += d * float64(w[k*toyVocab+v])
				}
			}
		}
	}
	for _, x := range slices.Concat(dEmbed, dw, dBias) {
		norm += x * x
	}
	return loss, math.Sqrt(norm)
}

// tolDirect bounds the relative difference from float64, for float32 sums of 64 terms.
const tolDirect = 1e-5

// TestStepDirectly compares the loss and norm of an update with the formulas: for one batch and for several,
// with targets at all positions and at some, for a solver that measures the norm and for one that does not.
func TestStepDirectly(t *testing.T) {
	for _, micro := range []int{1, 3} {
		for _, prompts := range []bool{false, true} {
			for _, solver := range []gorgonia.Solver{NewAdamW(), NewLion(), gorgonia.NewVanillaSolver()} {
				tr, r := newToy()
				tr.Solver, lm(tr).Accumulate, tr.Steps = solver, micro, 2
				lm(tr).Train = &toyStream{size: 4, context: 8, seed: 1, prompts: prompts}
				declared(t, tr, "embed")
				same := &toyStream{size: 4, context: 8, seed: 1, prompts: prompts}
				for step := range tr.Steps {
					var batches []datasets.Batch
					for range micro {
						b, err := same.Next(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						b.Tokens, b.Targets = slices.Clone(b.Tokens), slices.Clone(b.Targets)
						batches = append(batches, b)
					}
					loss, norm := direct(tr.Params, batches)
					tr.StopAfter = step + 1
					mustRun(t, tr)
					s := r.steps[step]
					if math.Abs(s.Loss/loss-1) > tolDirect || math.Abs(s.GradNorm/norm-1) > tolDirect {
						t.Errorf("%T, %d batches, prompts %v, step %d: loss %v, norm %v; want %v, %v", solver, micro, prompts, step+1, s.Loss, s.GradNorm, loss, norm)
					}
				}
			}
		}
	}
}

// slow is a stream that takes a while to read.
type slow struct{ *toyStream }

const slowness = 10 * time.Millisecond

func (s slow) Next(ctx context.Context) (datasets.Batch, error) {
	time.Sleep(slowness)
	return s.toyStream.Next(ctx)
}

// TestTokensPerSecond: the time of a step is that of reading and computing it, and no more than what has
// passed since the previous step.
func TestTokensPerSecond(t *testing.T) {
	tr, r := newToy()
	lm(tr).Train, lm(tr).Accumulate, tr.Steps = slow{lm(tr).Train.(*toyStream)}, 2, 4
	mustRun(t, tr)
	for i, s := range r.steps {
		took, since := 2*4*8/s.TokensPerSecond, s.Seconds
		if i > 0 {
			since -= r.steps[i-1].Seconds
		}
		if least := (2 * slowness).Seconds(); took < least || took > since*1.001 {
			t.Errorf("step %d: 64 tokens at %v a second take %v s, want %v to %v", s.Step, s.TokensPerSecond, took, least, since)
		}
	}
}

// placeless is a stream that cannot report its position.
type placeless struct{ *toyStream }

func (placeless) State() ([]byte, error) { return nil, errTest }

// unclosable is a stream that cannot be closed.
type unclosable struct{ *toyStream }

func (unclosable) Close() error { return errTest }

// unmeasured is a solver that cannot measure a gradient.
type unmeasured struct{ *Optimizer }

func (unmeasured) Measure([]gorgonia.ValueGrad) (float64, error) { return 0, errTest }

// TestNoErrorIsSwallowed: errors from reading a stream's position, from closing it, and from measuring the
// gradient before and after a hook are returned.
func TestNoErrorIsSwallowed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Trainer)
		want  string
	}{
		"position": {func(t *Trainer) { lm(t).Train = placeless{lm(t).Train.(*toyStream)} },
			"train: step 1: position of the training data: a test's own error; train: state at step 0: a test's own error"},
		"closing": {func(t *Trainer) {
			lm(t).Validation = func() (datasets.Stream, error) {
				s, err := validation()
				return unclosable{s.(*toyStream)}, err
			}
		}, "train: evaluation at step 0: a test's own error"},
		"measuring": {func(t *Trainer) { t.Solver = unmeasured{NewAdamW()} }, "train: step 1: a test's own error"},
	} {
		tr, _ := newToy()
		spoil := c.spoil
		spoil(tr)
		tr.Save = func(State) error { return nil }
		before := weightsAfterDeclaring(t, tr)
		err := tr.Run(t.Context())
		if !errors.Is(err, errTest) || err.Error() != c.want {
			t.Errorf("%s: error is %v, want %s", name, err, c.want)
		}
		for weight, data := range weights(tr.Params) {
			if !sameBits(data, before[weight]) {
				t.Errorf("%s: %s has changed", name, weight)
			}
		}
	}
	if _, err := Restart(placeless{&toyStream{}}); !errors.Is(err, errTest) {
		t.Errorf("Restart: %v", err)
	}
}

func weightsAfterDeclaring(t *testing.T, tr *Trainer) map[string][]float32 {
	declared(t, tr, "embed")
	return weights(tr.Params)
}
