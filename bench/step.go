package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/train"
)

func newBench() *cobra.Command {
	var (
		model          string
		batch, context int
		steps          int
		again, asJSON  bool
		decode         bool
	)
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure training steps on this machine",
		Long: `Measure training steps on this machine: forward, backward, clip, AdamW, on random tokens.

The time of a step is the median. Its parts are those of the median step: matrix products
of linear layers, attention, the head with its loss, element-wise operations, the optimiser,
and what is left: the tape machine. share is the part of the step that 6·parameters·tokens
operations would take at the rate of this machine's matrix product, measured in the same run.

With --decode, generation is measured instead: a prompt of --context tokens (default 16) for
each of --batch sequences, and --steps tokens after it. Each token reads all weights once; the
share is of the rate at which this machine reads memory; weights that are read faster are in
its caches, and have none.`,
		Example: `  gorgpt bench --model gpt2 --batch 4 --context 64
  gorgpt bench --model gpt2-nano --batch 12 --steps 100 --json
  gorgpt bench --model gpt2 --decode --steps 50`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := findModel(model)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("context") {
				context = m.Dims().Context
			}
			if batch < 1 || context < 1 || steps < 1 {
				return usagef("--batch %d, --context %d and --steps %d must be 1 or more", batch, context, steps)
			}
			if err := checkBatch(batch, context); err != nil {
				return err
			}
			if limit := m.Dims().Context; context > limit {
				return usagef("--context %d: %s has %s", context, model, plural.Of(limit, "position"))
			}
			if decode && again {
				return usagef("--recompute is for training: leave it out with --decode")
			}
			if decode {
				if !cmd.Flags().Changed("context") {
					context = min(16, m.Dims().Context)
				}
				r, err := benchDecode(cmd.Context(), m, batch, context, steps)
				if err != nil {
					return err
				}
				r.Model = model
				return printed(cmd.OutOrStdout(), r, asJSON)
			}
			r, err := bench(cmd.Context(), m, batch, context, steps, recompute(again)...)
			if err != nil {
				return err
			}
			r.Model = model
			return printed(cmd.OutOrStdout(), r, asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&model, "model", "gpt2-nano", "model; see gorgpt models")
	f.IntVar(&batch, "batch", 1, "sequences in a batch, B")
	f.IntVar(&context, "context", 0, "tokens in a sequence, T (default the model's context)")
	f.IntVar(&steps, "steps", 10, "steps to measure, after two that are not")
	f.BoolVar(&decode, "decode", false, "measure generation instead of training")
	f.BoolVar(&again, "recompute", false, "compute the inside of blocks again for the gradient, as train --recompute does")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// printed prints a result for people, or as one JSON object.
func printed(out io.Writer, r interface{ write(io.Writer) error }, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	return r.write(out)
}

// benchResult is what bench measures. Times are in seconds, rates in 1e9 a second.
type benchResult struct {
	Model      string             `json:"model"`
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
}

// The parts of a step, in the order they are printed.
var benchParts = []string{"products", "attention", "head", "element-wise", "optimiser", "other"}

// recompute is the option of --recompute: what goes between blocks is kept.
func recompute(on bool) []graph.Option {
	if !on {
		return nil
	}
	return []graph.Option{graph.Recompute(models.Blocks)}
}

// partOf classes an op.
func partOf(op string) string {
	switch {
	case strings.HasPrefix(op, "Linear") && !strings.HasPrefix(op, "LinearCross") && op != "LinearGradBias":
		return "products"
	case strings.HasPrefix(op, "Attention"):
		return "attention"
	case strings.HasPrefix(op, "LinearCross"):
		return "head"
	}
	return "element-wise"
}

// bench measures steps of training.
func bench(ctx context.Context, m models.Model, batch, context, steps int, options ...graph.Option) (*benchResult, error) {
	params := graph.NewParams(1)
	s := graph.New(params, append(options, graph.Training())...)
	p, err := s.CompileGrad(m.Loss(s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := enoughToTrain(p); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 1))
	ids := make([]int, batch*context)
	for _, name := range []string{"tokens", "targets"} {
		for i := range ids {
			ids[i] = random.IntN(m.Dims().Vocab)
		}
		if err := p.SetInts(name, ids); err != nil {
			return nil, err
		}
	}
	solver := train.NewAdamW()
	solver.SetLearnRate(1e-5)
	weights := params.ValueGrads()

	type step struct {
		seconds float64
		parts   map[string]float64
	}
	var done []step
	var before, after runtime.MemStats
	for i := range steps + 2 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if i == 2 {
			runtime.ReadMemStats(&before)
		}
		parts := make(map[string]float64)
		p.Trace(func(_, op string, took time.Duration) { parts[partOf(op)] += took.Seconds() })
		start := time.Now()
		if err := p.RunGrad(1); err != nil {
			return nil, err
		}
		update := time.Now()
		if err := solver.Step(weights); err != nil {
			return nil, err
		}
		end := time.Now()
		parts["optimiser"] = end.Sub(update).Seconds()
		total := end.Sub(start).Seconds()
		parts["other"] = total
		for _, name := range benchParts[:len(benchParts)-1] {
			parts["other"] -= parts[name]
		}
		if i >= 2 {
			done = append(done, step{total, parts})
		}
	}
	runtime.ReadMemStats(&after)
	slices.SortFunc(done, func(a, b step) int { return int(1e9 * (a.seconds - b.seconds)) })
	median := done[len(done)/2]
	tokens := float64(batch * context)
	r := &benchResult{
		Batch: batch, Context: context, Parameters: params.Count(), Steps: steps,
		Step: median.seconds, Fastest: done[0].seconds, Tokens: tokens / median.seconds, Parts: median.parts,
		Peak:    peakBytes(),
		Garbage: int64(after.TotalAlloc-before.TotalAlloc) / int64(steps),
		Threads: runtime.GOMAXPROCS(0), ISA: kernel.ISA(),
	}
	flops := 6 * float64(params.Count()) * tokens
	r.Rate = flops / r.Step / 1e9
	r.SgemmRate = sgemmRate(batch*context, m.Dims().Width)
	r.Share = r.Rate / r.SgemmRate
	return r, nil
}

// sgemmRate is the rate of the product that widens the rows of an MLP, the best of
// several.
func sgemmRate(rows, width int) float64 {
	wide := 4 * width
	a, b, out := make([]float32, rows*width), make([]float32, width*wide), make([]float32, rows*wide)
	kernel.Normal(a, 1, 1, 0, 1)
	kernel.Normal(b, 1, 2, 0, 1)
	best := 0.0
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		start := time.Now()
		kernel.Gemm(false, false, rows, wide, width, 1, a, width, b, wide, 0, out, wide)
		best = max(best, 2*float64(rows)*float64(width)*float64(wide)/time.Since(start).Seconds()/1e9)
	}
	return best
}

// write prints the result for people.
func (r *benchResult) write(out io.Writer) error {
	fmt.Fprintf(out, "%s, batch %d × %d, %s, %s\n\n", r.Model, r.Batch, r.Context, plural.Of(r.Threads, "thread"), r.ISA)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "step\t%.4g s\tfastest %.4g s, %.4g tokens/s\n", r.Step, r.Fastest, r.Tokens)
	for _, name := range benchParts {
		fmt.Fprintf(w, "  %s\t%.4g s\t%.1f %%\n", name, r.Parts[name], 100*r.Parts[name]/r.Step)
	}
	fmt.Fprintf(w, "rate\t%.4g GFLOP/s\t%.0f %% of the matrix product's %.4g\n", r.Rate, 100*r.Share, r.SgemmRate)
	fmt.Fprintf(w, "memory\t%.4g MB\tat the peak; %.3g kB allocated a step\n", float64(r.Peak)/1e6, float64(r.Garbage)/1e3)
	return w.Flush()
}
