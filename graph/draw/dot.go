package draw

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// DOT writes the boxes and arrows of [SVG] in the language of Graphviz, to be drawn by `dot -Tsvg`. The boxes
// of a block are in a frame.
func DOT(nodes []graph.Node, o Options) ([]byte, error) {
	g, err := o.grouped(nodes)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "digraph %s {\n", quote(o.Title))
	out.WriteString("  node [shape=box style=\"filled,rounded\" fontname=monospace fontsize=11];\n  edge [fontname=monospace fontsize=9];\n")
	if o.Title != "" {
		fmt.Fprintf(&out, "  label=%s labelloc=t;\n", quote(o.Title))
	}
	var blocks []string
	in := make(map[string][]*box)
	for i, b := range g.boxes {
		b.index = i
		block := ""
		if levels := levelsOf(b.key); len(levels) > 1 && b.kind == layer {
			block = levels[0]
		}
		if in[block] == nil {
			blocks = append(blocks, block)
		}
		in[block] = append(in[block], b)
	}
	for i, block := range blocks {
		indent := "  "
		if block != "" {
			fmt.Fprintf(&out, "  subgraph cluster%d {\n    label=%s fontname=monospace color=gray;\n", i, quote(block))
			indent = "    "
		}
		for _, b := range in[block] {
			color := palette[b.class()]
			lines := []string{b.title()}
			for _, text := range []string{b.detailOf(g), b.figures()} {
				if text != "" {
					lines = append(lines, text)
				}
			}
			fmt.Fprintf(&out, "%sn%d [label=%s fillcolor=%q color=%q];\n", indent, b.index, quote(strings.Join(lines, "\n")), color[0], color[1])
		}
		if block != "" {
			out.WriteString("  }\n")
		}
	}
	for _, v := range g.values {
		for _, b := range v.to {
			style := "forward"
			switch {
			case b.grad && !v.from.grad:
				style = "saved"
			case b.grad:
				style = "gradient"
			}
			fmt.Fprintf(&out, "  n%d -> n%d [label=%s color=%q];\n", v.from.index, b.index, quote(v.shape), lineColors[style])
		}
	}
	out.WriteString("}\n")
	return out.Bytes(), nil
}

// quote returns s as a quoted string of DOT.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
