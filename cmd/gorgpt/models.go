package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// findModel returns the named configuration.
func findModel(name string) (gpt2.Config, error) {
	var known []string
	for _, size := range gpt2.Sizes() {
		if size.Name == name {
			return size.Config, nil
		}
		known = append(known, size.Name)
	}
	return gpt2.Config{}, unknown("model", name, known)
}

// count declares the model and counts its weights, without making any.
func count(c gpt2.Config) (int64, error) {
	params := graph.NewParams(0)
	s := graph.New(params)
	c.Graph(s, s.Ints("tokens", 1, 1))
	return params.Count(), s.Err()
}

func newModels() *cobra.Command {
	return &cobra.Command{
		Use:   "models",
		Short: "List the models and their sizes",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "MODEL\tPARAMETERS\tLAYERS\tWIDTH\tHEADS\tCONTEXT\tVOCABULARY\t")
			for _, size := range gpt2.Sizes() {
				c := size.Config
				n, err := count(c)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n",
					size.Name, thousands(n), c.Layers, c.Width, c.Heads, c.Context, c.Vocab, size.About)
			}
			return w.Flush()
		},
	}
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// declare builds and compiles the graph of a forward or a training pass. Nothing is
// allocated until it runs.
func declare(c gpt2.Config, batch, context int, train bool) (*graph.Program, error) {
	params := graph.NewParams(0)
	if !train {
		s := graph.New(params)
		return s.Compile(c.Graph(s, s.Ints("tokens", batch, context)))
	}
	s := graph.New(params, graph.Training())
	return s.CompileGrad(c.Loss(s, s.Ints("tokens", batch, context), s.Ints("targets", batch, context)))
}
