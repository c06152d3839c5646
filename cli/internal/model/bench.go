package model

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
)

func newBench() *cobra.Command {
	var b benching
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the speed of training or generation on this machine",
		Long: `Measure training steps on this machine: forward, backward, clipping and AdamW, on random tokens.

The time of a step is the median. The median step is broken down into matrix products of
linear layers, attention, the head with its loss, element-wise operations, the optimizer, and
the rest, which is the tape machine. The rate is also given as a share of the rate of this
machine's matrix product, measured in the same run.

With --decode, measure generation instead: for each of --batch sequences, a prompt of --context
tokens (default 16) and --steps tokens after it. Each token reads all weights once; the share
is that of this machine's memory bandwidth, and is left out if the weights fit in its caches.`,
		Example: `  gorgpt bench --model gpt2 --batch 4 --context 64
  gorgpt bench --model gpt2-nano --batch 12 --steps 100 --json
  gorgpt bench --model gpt2 --decode --steps 50`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := b.check(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return b.run(cmd.Context(), m, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	setting.List{
		setting.New("model", &b.model, "gpt2-nano", "model name, see gorgpt models; or a checkpoint, whose weights are not read"),
		setting.New("set", &b.set, nil, run.SetHelp),
		setting.New("batch", &b.batch, 1, "sequences per batch, B"),
		setting.New("context", &b.context, 0, "tokens per sequence, T (default: the model's context)"),
		setting.New("steps", &b.steps, 10, "steps to measure, after two that are not measured"),
		setting.New("decode", &b.decode, false, "measure generation instead of training"),
		setting.New("weights", &b.weights, "", "with --decode: format of matrices in memory: "+strings.Join(checkpoint.Widths(), ", ")+"; the weights of a checkpoint are read then (default: random weights in f32)",
			setting.OneOf("--weights", append(checkpoint.Widths(), "q8_0", "")...)),
		setting.New("recompute", &b.again, false, "recompute activations inside blocks in the backward pass, as train --recompute does"),
		run.PrecisionSetting(&b.precision),
		setting.New("json", &b.asJSON, false, "print one JSON object"),
	}.Flags(f)
	return cmd
}

// benching holds the arguments of bench.
type benching struct {
	model, weights        string
	set                   []string
	batch, context, steps int
	again, asJSON, decode bool
	precision             string
}

// check finds the model and checks the arguments.
func (b *benching) check(given func(flag string) bool) (models.Model, error) {
	if err := (setting.List{run.PrecisionSetting(&b.precision)}).Validate(); err != nil {
		return nil, err
	}
	m, err := findModel(b.model, b.set)
	if err != nil {
		return nil, err
	}
	limit := models.DimsOf(m).Context
	if !given("context") {
		if b.context = limit; b.decode {
			b.context = min(16, limit)
		}
	}
	switch {
	case b.batch < 1 || b.context < 1 || b.steps < 1:
		return nil, usage.Errorf("--batch %d, --context %d and --steps %d must be 1 or more", b.batch, b.context, b.steps)
	case b.context > limit:
		return nil, usage.Errorf("--context %d: %s has %s", b.context, b.model, plural.Of(limit, "position"))
	case b.decode && given("precision"):
		return nil, usage.Errorf("--precision is for training: leave it out with --decode")
	case !b.decode && b.weights != "":
		return nil, usage.Errorf("--weights %s is for --decode: training is in float32", b.weights)
	case b.decode && b.again:
		return nil, usage.Errorf("--recompute is for training: leave it out with --decode")
	}
	return m, checkBatch(m, b.batch, b.context)
}

// run measures and prints the result.
func (b *benching) run(ctx context.Context, m models.Model, out io.Writer) error {
	if b.decode {
		params, err := b.params(m)
		if err != nil {
			return err
		}
		r, err := bench.DecodeWith(ctx, m, params, b.batch, b.context, b.steps)
		if err != nil {
			return err
		}
		r.Model = named(b.model, b.set)
		return printed(out, r, b.asJSON)
	}
	options, err := models.Recompute(m, b.again)
	if err != nil {
		return err
	}
	computing, err := run.Computing(b.precision)
	if err != nil {
		return err
	}
	r, err := bench.Train(ctx, m, b.batch, b.context, b.steps, append(options, computing...)...)
	if err != nil {
		return err
	}
	r.Model = named(b.model, b.set)
	return printed(out, r, b.asJSON)
}

// params returns the weights to decode with: the checkpoint's, if a width is given, or random ones.
func (b *benching) params(m models.Model) (*graph.Params, error) {
	if b.weights == "" {
		return graph.NewParams(1), nil
	}
	width, err := checkpoint.ParseWidth(b.weights)
	if err != nil {
		return nil, usage.Of(err)
	}
	if _, err := models.Find(b.model); err == nil || len(b.set) > 0 {
		return checkpoint.Draw(m, 1, width)
	}
	t, err := run.LoadWeightsAs(b.model, width)
	if err != nil {
		return nil, err
	}
	return t.Params, nil
}

// printed prints a result as text, or as one JSON object.
func printed(out io.Writer, r interface{ Print(io.Writer) error }, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	return r.Print(out)
}
