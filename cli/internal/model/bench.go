package model

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
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
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := findModel(model)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("context") {
				context = m.Dims().Context
			}
			if batch < 1 || context < 1 || steps < 1 {
				return usage.Errorf("--batch %d, --context %d and --steps %d must be 1 or more", batch, context, steps)
			}
			if err := checkBatch(batch, context); err != nil {
				return err
			}
			if limit := m.Dims().Context; context > limit {
				return usage.Errorf("--context %d: %s has %s", context, model, plural.Of(limit, "position"))
			}
			if decode && again {
				return usage.Errorf("--recompute is for training: leave it out with --decode")
			}
			if decode {
				if !cmd.Flags().Changed("context") {
					context = min(16, m.Dims().Context)
				}
				r, err := bench.Decode(cmd.Context(), m, batch, context, steps)
				if err != nil {
					return err
				}
				r.Model = model
				return printed(cmd.OutOrStdout(), r, asJSON)
			}
			var options []graph.Option
			if again {
				options = append(options, graph.Recompute(models.Blocks))
			}
			r, err := bench.Train(cmd.Context(), m, batch, context, steps, options...)
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
func printed(out io.Writer, r interface{ Print(io.Writer) error }, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	return r.Print(out)
}
