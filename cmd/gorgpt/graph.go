package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/graph"
)

func newGraph() *cobra.Command {
	var (
		model, format  string
		batch, context int
		train          bool
	)
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Show a model's graph, node by node: path, op, shape, FLOPs, bytes",
		Long: `Show a model's graph, node by node: path, op, shape, FLOPs, bytes.

The graph is declared and, with --train, differentiated, but nothing is allocated:
this works for models that do not fit into memory.`,
		Example: `  gorgpt graph --model gpt2 --context 64
  gorgpt graph --model gpt2-xl --batch 1 --context 1024 --train | tail -4`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := findModel(model)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("context") {
				context = m.Dims().Context
			}
			if batch < 1 || context < 1 {
				return usagef("--batch %d and --context %d must be 1 or more", batch, context)
			}
			if limit := m.Dims().Context; context > limit {
				return usagef("--context %d: %s has %d positions", context, model, limit)
			}
			write, ok := graphFormats[format]
			if !ok {
				return unknown("format", format, []string{"table", "json"})
			}
			p, err := declare(m, batch, context, train)
			if err != nil {
				return err
			}
			return write(cmd.OutOrStdout(), p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&model, "model", "gpt2-nano", "model; see gorgpt models")
	f.IntVar(&batch, "batch", 1, "sequences, B")
	f.IntVar(&context, "context", 0, "positions, T (default the model's context)")
	f.BoolVar(&train, "train", false, "the graph of a training step, with gradients")
	f.StringVar(&format, "format", "table", "table or json")
	return cmd
}

var graphFormats = map[string]func(io.Writer, *graph.Program) error{
	"table": writeTable,
	"json":  writeJSON,
}

// writeTable writes a line for every node and the totals.
func writeTable(out io.Writer, p *graph.Program) error {
	nodes := p.Nodes()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PATH\tOP\tSHAPE\tPARAMETERS\tFLOPS\tBYTES")
	for _, n := range nodes {
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\n", n.Path, n.Op, fmt.Sprint(n.Shape), blank(n.Params), blank(n.FLOPs), blank(n.Bytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	t := graph.Sum(nodes)
	_, err := fmt.Fprintf(out, "\nnodes       %s\nparameters  %s\nFLOPs       %s a run\nbytes       %s of results, in %s that they take turns in\n",
		thousands(int64(t.Nodes)), thousands(t.Params), thousands(t.FLOPs), thousands(t.Bytes), thousands(p.PlannedBytes()))
	return err
}

// blank is a number, or nothing for 0.
func blank(n int64) string {
	if n == 0 {
		return ""
	}
	return thousands(n)
}

// writeJSON writes {"nodes": […], "parameters": …}.
func writeJSON(out io.Writer, p *graph.Program) error {
	nodes := p.Nodes()
	type node struct {
		ID     int    `json:"id"`
		Path   string `json:"path"`
		Op     string `json:"op"`
		Shape  []int  `json:"shape"`
		Inputs []int  `json:"inputs"`
		Grad   bool   `json:"grad"`
		Params int64  `json:"parameters"`
		FLOPs  int64  `json:"flops"`
		Bytes  int64  `json:"bytes"`
	}
	list := make([]node, len(nodes))
	for i, n := range nodes {
		list[i] = node{n.ID, n.Path, n.Op, append([]int{}, n.Shape...), append([]int{}, n.Inputs...), n.Grad, n.Params, n.FLOPs, n.Bytes}
	}
	t := graph.Sum(nodes)
	return json.NewEncoder(out).Encode(map[string]any{
		"nodes": list, "parameters": t.Params, "flops": t.FLOPs, "bytes": t.Bytes, "planned_bytes": p.PlannedBytes(),
	})
}
