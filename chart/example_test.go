package chart_test

import (
	"bytes"
	"fmt"

	"github.com/gorgpt/gorgpt/chart"
)

// show prints whether a picture can be rendered as PNG, in place of displaying it as a notebook would.
func show(p *chart.Picture) {
	png, err := p.PNG()
	fmt.Println(bytes.HasPrefix(png, []byte("\x89PNG")), err)
}

func ExampleLines() {
	show(chart.Lines(chart.Axes{X: "step", Y: "loss"},
		chart.Series{Name: "each step", Y: []float64{4.2, 3.1, 3.3, 2.5}, Faint: true},
		chart.Series{Name: "validation", X: []float64{1, 4}, Y: []float64{4.1, 2.6}, Marks: true},
	))
	// Output: true <nil>
}

// One distribution at two temperatures.
func ExampleBars() {
	show(chart.Bars(chart.Axes{Y: "probability"}, []string{"the", "a", "cat"},
		chart.Set{Name: "T = 1", Values: []float32{0.5, 0.3, 0.2}},
		chart.Set{Name: "T = 0.5", Values: []float32{0.66, 0.24, 0.1}},
	))
	// Output: true <nil>
}

func ExampleHistogram() {
	weights := []float32{-0.03, 0.01, 0.02, -0.01, 0.015, 0.002}
	show(chart.Histogram(chart.Axes{X: "weight", Y: "share"}, 4, chart.Set{Name: "h.0.mlp.c_fc.weight", Values: weights}))
	// Output: true <nil>
}

// What an attention head attends to from three positions.
func ExampleHeatmaps() {
	tokens := []string{"the", "cat", "sat"}
	show(chart.Heatmaps("h.0.attn", chart.Grid{
		Title: "head 0", Rows: 3, Cols: 3, RowNames: tokens, ColNames: tokens,
		Values: []float32{1, 0, 0, 0.5, 0.5, 0, 0.1, 0.7, 0.2},
	}))
	// Output: true <nil>
}

// Rows are the true classes, columns the predicted ones.
func ExampleConfusion() {
	show(chart.Confusion("dev set", []string{"spam", "mail"}, [][]int{{18, 2}, {1, 79}}))
	// Output: true <nil>
}

func ExamplePicture_Save() {
	p := chart.Lines(chart.Axes{}, chart.Series{Y: []float64{3, 2, 1}})
	fmt.Println(p.Save("loss.gif"))
	// Output: chart: loss.gif: want a name that ends in .png or .svg
}

// A picture has a size that may be changed, and reports what was wrong with its data.
func ExamplePicture() {
	p := chart.Lines(chart.Axes{}, chart.Series{Name: "loss", Y: []float64{3, 2, 1}})
	p.Width, p.Height = 400, 200
	svg, err := p.SVG()
	fmt.Println(bytes.HasPrefix(svg, []byte("<svg")), err)

	_, err = chart.Lines(chart.Axes{}, chart.Series{Name: "loss", X: []float64{1, 2}, Y: []float64{3, 2, 1}}).PNG()
	fmt.Println(err)
	// Output:
	// true <nil>
	// chart: "loss" has 2 values of x and 3 of y
}
