package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

// Training is what [Train] measures. Times are in seconds, rates in 1e9 per second.
type Training struct {
	Model      string             `json:"model"` // for the caller to set
	Batch      int                `json:"batch"`
	Context    int                `json:"context"`
	Parameters int64              `json:"parameters"`
	Steps      int                `json:"steps"`
	Step       float64            `json:"step_seconds"`
	Fastest    float64            `json:"fastest_seconds"`
	Tokens     float64            `json:"tokens_per_s"`
	Peak       int64              `json:"peak_bytes"`
	Rate       float64            `json:"gflops"`
	SgemmRate  float64            `json:"sgemm_gflops"`
	Share      float64            `json:"share"`
	Parts      map[string]float64 `json:"parts_seconds"`
	Garbage    int64              `json:"allocated_bytes_per_step"`
	Threads    int                `json:"threads"`
	ISA        string             `json:"isa"`
	Precision  string             `json:"precision"` // of products; SgemmRate is always that of float32
	Kernel     string             `json:"kernel"`    // instruction set of products
}

// Parts are the parts of a step, in the order in which they are printed.
var Parts = []string{"products", "attention", "head", "element-wise", "optimizer", "other"}

// PartOf returns the element of Parts that the named op belongs to.
func PartOf(op string) string {
	switch {
	case strings.HasPrefix(op, "LinearCross"):
		return "head"
	case strings.HasSuffix(op, "GradBias"):
		return "element-wise"
	case strings.HasPrefix(op, "Linear"), strings.HasPrefix(op, "Dense"):
		return "products"
	case strings.Contains(op, "Attention"): // BandedAttention too
		return "attention"
	}
	return "element-wise"
}

// Train measures the given number of steps of training a model, with a batch of sequences as long
// as the context: forward, backward, clipping and AdamW, on random tokens. Two steps before them
// are not measured. The result is that of the median step.
func Train(ctx context.Context, m models.Model, batch, context, steps int, options ...graph.Option) (*Training, error) {
	if steps < 1 {
		return nil, fmt.Errorf("bench: %d steps, want 1 or more", steps)
	}
	params := graph.NewParams(1)
	s := graph.New(params, append(options, graph.Training())...)
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := memory.OfTraining(p, 2*p.Trainable()).Check(); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 1))
	ids, vocab := make([]int, batch*context), models.DimsOf(m).Vocab
	for _, name := range []string{"tokens", "targets"} {
		for i := range ids {
			ids[i] = random.IntN(vocab)
		}
		if err := p.SetInts(name, ids); err != nil {
			return nil, err
		}
	}
	done, garbage, err := measure(ctx, p, params.ValueGrads(), steps)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(done, func(a, b step) int { return cmp.Compare(a.seconds, b.seconds) })
	median := done[len(done)/2]
	tokens := float64(batch * context)
	r := &Training{
		Batch: batch, Context: context, Parameters: params.Count(), Steps: steps,
		Step: median.seconds, Fastest: done[0].seconds, Tokens: tokens / median.seconds, Parts: median.parts,
		Peak: memory.Peak(), Garbage: garbage, Threads: runtime.GOMAXPROCS(0), ISA: kernel.ISA(),
		Precision: s.Precision().String(), Kernel: s.Precision().ISA(),
	}
	r.Rate = models.FLOPs(p) / r.Step / 1e9
	r.SgemmRate = GemmRate(batch*context, models.DimsOf(m).Width)
	r.Share = r.Rate / r.SgemmRate
	return r, nil
}

// step is a measured step.
type step struct {
	seconds float64
	parts   map[string]float64
}

// measure runs steps, after two that are not measured, and counts the bytes allocated per step.
func measure(ctx context.Context, p *graph.Program, weights []gorgonia.ValueGrad, steps int) (done []step, garbage int64, err error) {
	solver := train.NewAdamW()
	solver.SetLearnRate(1e-5)
	var before, after runtime.MemStats
	for i := range steps + 2 {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if i == 2 {
			runtime.ReadMemStats(&before)
		}
		s := step{parts: make(map[string]float64)}
		p.Trace(func(_, op string, took time.Duration) { s.parts[PartOf(op)] += took.Seconds() })
		start := time.Now()
		if err := p.RunGrad(1); err != nil {
			return nil, 0, err
		}
		update := time.Now()
		if err := solver.Step(weights); err != nil {
			return nil, 0, err
		}
		end := time.Now()
		s.parts["optimizer"] = end.Sub(update).Seconds()
		s.seconds = end.Sub(start).Seconds()
		other := s.seconds
		for _, name := range Parts[:len(Parts)-1] {
			other -= s.parts[name]
		}
		s.parts["other"] = other
		if i >= 2 {
			done = append(done, s)
		}
	}
	runtime.ReadMemStats(&after)
	return done, int64(after.TotalAlloc-before.TotalAlloc) / int64(steps), nil
}

// Print prints the result for people to read.
func (r *Training) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s, batch %d × %d, %s, %s, products in %s on %s\n\n", r.Model, r.Batch, r.Context, plural.Of(r.Threads, "thread"), r.ISA, r.Precision, r.Kernel)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "step\t%.4g s\tfastest %.4g s, %.4g tokens/s\n", r.Step, r.Fastest, r.Tokens)
	for _, name := range Parts {
		fmt.Fprintf(w, "  %s\t%.4g s\t%.1f %%\n", name, r.Parts[name], 100*r.Parts[name]/r.Step)
	}
	fmt.Fprintf(w, "rate\t%.4g GFLOP/s\t%.0f %% of the float32 matrix product's %.4g\n", r.Rate, 100*r.Share, r.SgemmRate)
	fmt.Fprintf(w, "memory\t%.4g MB\tat the peak; %.3g kB allocated a step\n", float64(r.Peak)/1e6, float64(r.Garbage)/1e3)
	return w.Flush()
}
