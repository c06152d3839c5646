// Package chart draws what one looks at while working on a model: curves of losses,
// histograms of weights, bars of a distribution, heat maps of attention, confusions. Each function
// returns a [Picture], whose PNG or SVG a notebook shows and whose Save writes a file.
//
//	chart.Lines(chart.Axes{X: "step", Y: "loss"}, chart.Series{Name: "GELU", Y: losses}).Save("loss.png")
//
// The same data give the same bytes. gonum.org/v1/plot does the drawing.
package chart
