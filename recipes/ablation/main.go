// Command ablation repeats GPT-1's ablation (Radford et al. 2018, table 5) on a small scale: a
// pre-trained model fine-tuned on several tasks, against the same without the auxiliary loss
// and the same without pre-training, over several seeds.
//
//	go run ./recipes/ablation --from DIR --data FOLDER
//
// FOLDER has a folder for each task, as for gorgpt finetune --data. Each run has a folder in --out.
// Runs that are finished with the same recipe are not repeated, and an interrupted one continues, so
// other weights with the same name need another --out. The table is written to standard output in
// Markdown.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/recipes/internal/tuned"
	"github.com/gorgpt/gorgpt/run"
)

var columns = []tuned.Column{
	{Name: "full", About: "pre-trained, λ 0.5", Change: func(*run.TunedRecipe) {}, Published: tuned.Paper},
	{Name: "noaux", About: "pre-trained, λ 0", Change: func(r *run.TunedRecipe) { r.Auxiliary = 0 }, Published: tuned.PaperNoAuxiliary},
	{Name: "fresh", About: "not pre-trained, λ 0.5", Change: func(r *run.TunedRecipe) { r.Fresh = true }, Published: tuned.PaperFresh},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ablation:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var epochs int
	var rate float64
	s := tuned.Study{
		Out: "runs/ablation", Jobs: 2, Columns: columns, Tune: tuned.Tune,
		// About the same number of tokens for each: pairs in both orders, and five choices, are long.
		Given: []string{"sst2:1000", "cola:1000", "rte:500", "mrpc:500", "stsb:1000", "commonsense_qa:250", "piqa:500"},
		Recipe: func() run.TunedRecipe {
			r := run.DefaultsTuned()
			r.Epochs, r.Rate = epochs, rate
			return r
		},
	}
	cmd := &cobra.Command{
		Use: "ablation --from DIR --data FOLDER", Short: "Repeat GPT-1's ablation on a small scale",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if epochs < 1 {
				return errors.New("--epochs: want 1 or more")
			}
			return s.Run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	s.Flags(f)
	f.IntVar(&epochs, "epochs", 3, "passes over the examples, as many as in the paper")
	f.Float64Var(&rate, "lr", 3e-4, "peak learning rate; the paper's 6.25e-5 is for a model ten times as large")
	return cmd
}
