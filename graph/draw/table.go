package draw

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
)

// Table writes a line for every node, and the totals.
func Table(out io.Writer, p *graph.Program) error {
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
	params := plural.Thousands(t.Params)
	if t.Active != t.Params {
		params += ", of which one row uses " + plural.Thousands(t.Active)
	}
	_, err := fmt.Fprintf(out, "\nnodes       %s\nparameters  %s\nFLOPs       %s a run\nbytes       %s of results, in %s of memory that they share\n",
		plural.Thousands(t.Nodes), params, plural.Thousands(t.FLOPs), plural.Thousands(t.Bytes), plural.Thousands(p.PlannedBytes()))
	return err
}

// blank formats a number, or nothing for 0.
func blank(n int64) string {
	if n == 0 {
		return ""
	}
	return plural.Thousands(n)
}

// jsonNode is a node in JSON output.
type jsonNode struct {
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

func jsonOf(n graph.Node) *jsonNode {
	return &jsonNode{n.ID, n.Path, n.Op, append([]int{}, n.Shape...), append([]int{}, n.Inputs...), n.Grad, n.Params, n.FLOPs, n.Bytes}
}

// JSON writes {"nodes": […], "parameters": …, "active_parameters": …, "flops": …, "bytes": …, "planned_bytes": …}.
func JSON(out io.Writer, p *graph.Program) error {
	nodes := p.Nodes()
	list := make([]*jsonNode, len(nodes))
	for i, n := range nodes {
		list[i] = jsonOf(n)
	}
	t := graph.Sum(nodes)
	return json.NewEncoder(out).Encode(map[string]any{
		"nodes": list, "parameters": t.Params, "active_parameters": t.Active, "flops": t.FLOPs, "bytes": t.Bytes, "planned_bytes": p.PlannedBytes(),
	})
}

// DiffJSON writes {"changes": [{"before": node or null, "after": …}, …], "before":
// totals, "after": totals}.
func DiffJSON(out io.Writer, d *graph.Difference) error {
	type change struct {
		Before *jsonNode `json:"before"`
		After  *jsonNode `json:"after"`
		Reads  string    `json:"reads,omitempty"`
	}
	list := make([]change, len(d.Changes))
	for i, c := range d.Changes {
		list[i].Reads = c.Reads
		if c.Before != nil {
			list[i].Before = jsonOf(*c.Before)
		}
		if c.After != nil {
			list[i].After = jsonOf(*c.After)
		}
	}
	totals := func(t graph.Total) map[string]int64 {
		return map[string]int64{"nodes": int64(t.Nodes), "parameters": t.Params, "flops": t.FLOPs, "bytes": t.Bytes}
	}
	return json.NewEncoder(out).Encode(map[string]any{"changes": list, "before": totals(d.Before), "after": totals(d.After)})
}
