package draw_test

import (
	"bytes"
	"fmt"
	"os"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/graph/draw"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/ops"
)

// mlp declares one layer.
func mlp(options ...graph.Option) []graph.Node {
	s := graph.New(graph.NewParams(1), options...)
	layers.MLP(s.At("mlp"), s.Floats("x", 8, 16), 64, ops.GELU, layers.BranchWeights{})
	return s.Nodes()
}

// A picture for a browser or a notebook.
func ExampleSVG() {
	picture, err := draw.SVG(mlp(), draw.Options{Title: "an MLP", Depth: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bytes.HasPrefix(picture, []byte("<svg ")), bytes.Count(picture, []byte("Linear GELU Linear")))
	// Output: true 1
}

// The same boxes for Graphviz.
func ExampleDOT() {
	text, err := draw.DOT(mlp(), draw.Options{Title: "an MLP", Open: []string{"mlp"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", text)
	// Output:
	// digraph "an MLP" {
	//   node [shape=box style="filled,rounded" fontname=monospace fontsize=11];
	//   edge [fontname=monospace fontsize=9];
	//   label="an MLP" labelloc=t;
	//   n0 [label="x\n8×16" fillcolor="#f2f2f2" color="#888888"];
	//   subgraph cluster1 {
	//     label="mlp" fontname=monospace color=gray;
	//     n1 [label="mlp.c_fc\nLinear\n1.09k weights · 16.4 kFLOP" fillcolor="#e3edfb" color="#4a78b8"];
	//     n2 [label="mlp.act\nGELU\n7.68 kFLOP" fillcolor="#e3edfb" color="#4a78b8"];
	//     n3 [label="mlp.c_proj\nLinear\n1.04k weights · 16.4 kFLOP" fillcolor="#e3edfb" color="#4a78b8"];
	//   }
	//   n0 -> n1 [label="8×16" color="#4a78b8"];
	//   n1 -> n2 [label="8×64" color="#4a78b8"];
	//   n2 -> n3 [label="8×64" color="#4a78b8"];
	// }
}

// What an edit changes: before and after, side by side.
func ExampleDiffSVG() {
	edited := mlp(graph.Replace("mlp.act", ops.ReLU))
	picture, err := draw.DiffSVG(mlp(), edited, draw.Options{Open: []string{"mlp"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bytes.Count(picture, []byte(">ReLU<")), bytes.Count(picture, []byte(">GELU<")))
	// Output: 1 1
}

func ExampleTable() {
	s := graph.New(graph.NewParams(1))
	p, err := s.Compile(ops.GELU(s.At("act"), s.Floats("x", 2, 3)))
	if err == nil {
		err = draw.Table(os.Stdout, p)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// PATH  OP     SHAPE   PARAMETERS  FLOPS  BYTES
	// x     input  (2, 3)                     24
	// act   GELU   (2, 3)              90     24
	//
	// nodes       2
	// parameters  0
	// FLOPs       90 a run
	// bytes       48 of results, in 64 of memory that they share
}
