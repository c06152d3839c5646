package model

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
)

// findModel returns a model of the catalog, or that of a checkpoint, with keys of its configuration set.
func findModel(name string, set []string) (models.Model, error) {
	m, err := models.Find(name)
	if _, none := os.Stat(name); err != nil && none == nil {
		return reopen(name, set)
	}
	if err != nil {
		return nil, usage.Of(err)
	}
	return withSet(m, set)
}

// reopen returns the model of a checkpoint, with keys of its configuration set.
func reopen(path string, set []string) (models.Model, error) {
	d, err := checkpoint.Open(path)
	if err != nil {
		return nil, run.OrBest(path, err)
	}
	m, err := d.Model()
	if err != nil {
		return nil, err
	}
	return withSet(m, set)
}

// withSet returns the model with keys of its configuration set.
func withSet(m models.Model, set []string) (models.Model, error) {
	m, err := models.Set(m, set...)
	if err != nil {
		return nil, usage.Errorf("--set: %w", err)
	}
	return m, nil
}

// named returns the name of a model, followed by the keys that were set.
func named(name string, set []string) string {
	return strings.Join(append([]string{name}, set...), " ")
}

// count declares the model and counts its weights, without allocating any.
func count(m models.Model) (int64, error) {
	params := graph.NewParams(0)
	err := models.Declare(m, params)
	return params.Count(), err
}

func newModels() *cobra.Command {
	var verify string
	cmd := &cobra.Command{
		Use:        "models",
		SuggestFor: []string{"list"},
		Short:      "List the models and their sizes, or verify a checkpoint",
		Long: `List the models and their sizes, or verify a checkpoint.

A checkpoint has a checksum for each tensor, which is checked whenever the tensor is read.
--verify reads and checks all tensors, the optimizer's too, for example after a copy.`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("verify") {
				return verifyModel(cmd.OutOrStdout(), verify)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "MODEL\tPARAMETERS\tLAYERS\tWIDTH\tHEADS\tCONTEXT\tVOCABULARY\t")
			all, err := models.All()
			if err != nil {
				return err
			}
			for _, m := range all {
				n, err := count(m.Model)
				if err != nil {
					return err
				}
				d := models.DimsOf(m.Model)
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n",
					m.Name, plural.Thousands(n), d.Layers, d.Width, d.Heads, d.Context, d.Vocab, m.About)
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&verify, "verify", "", "check all tensors of this checkpoint against their checksums")
	return cmd
}

// verifyModel checks a checkpoint against its checksums.
func verifyModel(w io.Writer, dir string) error {
	n, err := checkpoint.Verify(dir)
	if err != nil {
		return run.OrBest(dir, err)
	}
	if n == 0 {
		_, err = fmt.Fprintf(w, "%s: nothing was verified: it has no checksums; model directories that gorgpt writes have them\n", dir)
	} else {
		_, err = fmt.Fprintf(w, "%s: %s verified\n", dir, plural.Of(n, "tensor"))
	}
	return err
}

// declare builds and compiles the graph of a forward pass or of a training step. Nothing is
// allocated until it runs.
func declare(m models.Model, batch, context int, train bool) (*graph.Program, error) {
	params := graph.NewParams(0)
	if !train {
		s := graph.New(params)
		return s.Compile(models.Logits(m, s, s.Ints("tokens", batch, context)))
	}
	s := graph.New(params, graph.Training())
	return s.CompileGrad(models.Loss(m, s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
}

// maxTokens bounds the tokens of a batch, as package datasets does, so that sizes stay within an int64.
const maxTokens = 1 << 30

// maxFLOPs is about the largest number that the counts of a graph can hold.
const maxFLOPs = 9e18

// checkBatch refuses batches of more tokens than any machine trains on at once, and steps of more FLOPs
// than can be counted. It estimates them as 6 for each weight and token and 12·L·C·T for attention, which is
// somewhat more than there are.
func checkBatch(m models.Model, batch, context int) error {
	if batch > maxTokens/max(1, context) {
		return usage.Errorf("--batch %d: with a context of %d, want at most %s", batch, context, plural.Of(maxTokens/max(1, context), "sequence"))
	}
	n, err := count(m)
	d := models.DimsOf(m)
	attention := 12 * float64(d.Layers) * float64(d.Width) * float64(context)
	if flops := float64(batch) * float64(context) * (6*float64(n) + attention); err == nil && flops > maxFLOPs {
		err = usage.Errorf("--batch %d and --context %d: a step takes %.2g FLOPs; at most %.0g can be counted", batch, context, flops, maxFLOPs)
	}
	return err
}
