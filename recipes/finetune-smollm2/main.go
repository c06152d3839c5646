// Command finetune-smollm2 tests GPT-1's claim on a model with full pre-training, SmolLM2-135M (Allal et al. 2025; 2 trillion
// tokens): fine-tuned on tasks of GLUE with all weights and with adapters, against the same model trained from scratch, over
// several seeds.
//
//	go run ./recipes/finetune-smollm2 --from DIR --data FOLDER
//
// DIR is the model, or its GGUF file (docs/gguf.md). FOLDER has a folder for each task, as for gorgpt finetune --data. Each
// run has a folder in --out. Runs that are finished with the same recipe are not repeated, and an interrupted one continues
// from its last checkpoint, so that the same command resumes the study. The table is written to standard output in Markdown.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/recipes/internal/tuned"
	"github.com/gorgpt/gorgpt/run"
)

// docs/finetuning.md lists the learning rates that were tried.
var columns = []tuned.Column{
	{Name: "full", About: "SmolLM2, all weights", Change: func(r *run.TunedRecipe) { r.Rate = 1e-4 }, Published: tuned.Paper},
	{Name: "fresh", About: "from scratch", Change: func(r *run.TunedRecipe) { r.Rate, r.Fresh = 3e-4, true }, Published: tuned.PaperFresh},
	{Name: "lora", About: "SmolLM2, LoRA of rank 8", Change: func(r *run.TunedRecipe) { r.Rate, r.LoRA = 1e-3, 8 }},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "finetune-smollm2:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	epochs, micro, precision := 1, 4, "float32"
	s := tuned.Study{
		From: "SmolLM2-135M-Instruct.Q4_1.gguf", Data: "tasks", Out: "runs/finetune-smollm2", Jobs: 1, Columns: columns, Tune: tuned.Tune,
		// All examples of all tasks, with three seeds, take half a day on one core.
		Given: []string{"sst2", "rte", "mrpc", "cola", "stsb"},
		Recipe: func() run.TunedRecipe {
			r := common()
			r.Epochs, r.Micro, r.Precision = epochs, micro, precision
			return r
		},
	}
	cmd := &cobra.Command{
		Use: "finetune-smollm2 --from DIR --data FOLDER", Short: "Compare fine-tuning SmolLM2 with training it from scratch",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := run.SettlePrecision(&precision); err != nil { // recipes of runs record what auto stands for
				return err
			}
			return s.Run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	s.Flags(f)
	f.IntVar(&epochs, "epochs", epochs, "passes over the examples")
	f.IntVar(&micro, "micro", micro, "examples computed at once, padded to the longest of them; more are faster if they are short")
	f.StringVar(&precision, "precision", precision, run.PrecisionHelp)
	return cmd
}

// common returns the settings that all runs have in common. λ is 0, because logits of 49,155 tokens at each position are a
// fifth of the work, and the paper's own ablation finds that the auxiliary loss helps on larger tasks only. SmolLM2 has no
// dropout.
func common() run.TunedRecipe {
	r := run.DefaultsTuned()
	r.Auxiliary, r.Dropout, r.SaveEvery = 0, 0, 200
	r.Batch, r.Warmup = 16, 0.1
	return r
}
