package model

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/graph/draw"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
)

func newGraph() *cobra.Command {
	var g graphing
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Show a model's graph as a table, a picture, DOT or JSON, or compare two models",
		Long: `Show a model's graph: as a table of nodes with path, op, shape, FLOPs and bytes, as JSON,
as a picture (svg), or for Graphviz (dot).

gorgpt draws the picture itself; nothing has to be installed. A box is a layer: the
forward pass is blue and runs down, its gradient is orange beside it and runs up; arrows
are labeled with shapes. --depth, --open and --fold choose how much of the graph is one
box. dot writes the same boxes for Graphviz's dot program.

With --diff, show what another model adds, lacks and changes: as text (table), as two
pictures side by side (svg), or as JSON.

The graph is declared and, with --train, differentiated, but nothing is allocated, so
this works for models that do not fit into memory.`,
		Example: `  gorgpt graph --model gpt2 --context 64
  gorgpt graph --model gpt2-xl --batch 1 --context 1024 --train | tail -4
  gorgpt graph --train --format svg > nano.svg
  gorgpt graph --model gpt2-xl --format svg --depth 1 --fold --open h.7 > xl.svg
  gorgpt graph --format dot | dot -Tpdf > nano.pdf
  gorgpt graph --model gpt1-nano --diff gpt2-nano
  gorgpt graph --model SmolLM2-135M-Instruct.gguf --context 64
  gorgpt graph --model gpt3-175b --train --set attention_order=dense | tail -4`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return g.run(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	setting.List{
		setting.New("model", &g.model, "gpt2-nano", "model name, see gorgpt models; or a checkpoint, whose weights are not read"),
		setting.New("set", &g.set, nil, run.SetHelp),
		setting.New("diff", &g.other, "", "show what this model or checkpoint adds, lacks and changes (default: no comparison)"),
		setting.New("batch", &g.batch, 1, "sequences per batch, B"),
		setting.New("context", &g.context, 0, "tokens per sequence, T (default: the model's context)"),
		setting.New("train", &g.train, false, "show the graph of a training step, with gradients"),
		setting.New("format", &g.format, "table", "output format: table, svg, dot or json"),
		setting.New("depth", &g.picture.Depth, 0, "levels of scopes in a picture: 1 for blocks, 2 for layers, -1 for every node, 0 for what fits on a screen"),
		setting.New("open", &g.picture.Open, nil, "scope in which every operation is a box, as in h.0 or h.*.attn; may be repeated (default: none)"),
		setting.New("fold", &g.picture.Fold, false, "draw runs of blocks that are alike as one box (default: if needed to fit on a screen)"),
	}.Flags(f)
	return cmd
}

// graphing holds the arguments of graph.
type graphing struct {
	model, other, format string
	set                  []string
	batch, context       int
	train                bool
	picture              draw.Options

	models []models.Model // one, or two with --diff
}

// check finds the models and checks the arguments.
func (g *graphing) check(given func(flag string) bool) error {
	if err := setting.OneOf("format", "table", "svg", "dot", "json")("format", g.format); err != nil {
		return err
	}
	for _, flag := range []string{"depth", "open", "fold"} {
		if given(flag) && g.format != "svg" && g.format != "dot" {
			return usage.Errorf("--%s is for pictures: --format svg or dot", flag)
		}
	}
	limit, whose, set := 0, "", g.set
	for _, name := range []string{g.model, g.other} {
		if name == "" {
			continue
		}
		m, err := findModel(name, set)
		set = nil // --set applies to the first model only
		if err != nil {
			return err
		}
		g.models = append(g.models, m)
		if n := models.DimsOf(m).Context; limit == 0 || n < limit {
			limit, whose = n, name
		}
	}
	if !given("context") {
		g.context = limit
	}
	switch {
	case g.batch < 1 || g.context < 1:
		return usage.Errorf("--batch %d and --context %d must be 1 or more", g.batch, g.context)
	case g.picture.Depth < -1:
		return usage.Errorf("--depth %d: want -1 or more", g.picture.Depth)
	case g.context > limit:
		return usage.Errorf("--context %d: %s has %s", g.context, whose, plural.Of(limit, "position"))
	}
	for _, m := range g.models {
		if err := checkBatch(m, g.batch, g.context); err != nil {
			return err
		}
	}
	return nil
}

// run declares the graphs and writes them.
func (g *graphing) run(out io.Writer) error {
	var programs []*graph.Program
	for _, m := range g.models {
		p, err := declare(m, g.batch, g.context, g.train)
		if err != nil {
			return err
		}
		programs = append(programs, p)
	}
	g.picture.Title = named(g.model, g.set)
	if g.other == "" {
		return graphFormats[g.format](out, programs[0], g.picture)
	}
	g.picture.Title += " → " + g.other
	diff, ok := diffFormats[g.format]
	if !ok {
		return usage.Errorf("--diff does not support --format %s; want table, svg or json", g.format)
	}
	return diff(out, programs[0].Nodes(), programs[1].Nodes(), g.picture)
}

// graphFormats write one graph.
var graphFormats = map[string]func(io.Writer, *graph.Program, draw.Options) error{
	"table": func(out io.Writer, p *graph.Program, _ draw.Options) error { return draw.Table(out, p) },
	"json":  func(out io.Writer, p *graph.Program, _ draw.Options) error { return draw.JSON(out, p) },
	"svg": func(out io.Writer, p *graph.Program, o draw.Options) error {
		picture, err := draw.SVG(p.Nodes(), o)
		return writeDrawn(out, picture, err)
	},
	"dot": func(out io.Writer, p *graph.Program, o draw.Options) error {
		text, err := draw.DOT(p.Nodes(), o)
		return writeDrawn(out, text, err)
	},
}

// diffFormats write the differences of two graphs.
var diffFormats = map[string]func(out io.Writer, before, after []graph.Node, o draw.Options) error{
	"table": func(out io.Writer, before, after []graph.Node, _ draw.Options) error {
		return writeDrawn(out, []byte(graph.Diff(before, after).String()), nil)
	},
	"json": func(out io.Writer, before, after []graph.Node, _ draw.Options) error {
		return draw.DiffJSON(out, graph.Diff(before, after))
	},
	"svg": func(out io.Writer, before, after []graph.Node, o draw.Options) error {
		picture, err := draw.DiffSVG(before, after, o)
		return writeDrawn(out, picture, err)
	},
}

// writeDrawn writes a drawing. An error in making it is a usage error.
func writeDrawn(out io.Writer, data []byte, err error) error {
	if err != nil {
		return usage.Of(err)
	}
	_, err = out.Write(data)
	return err
}
