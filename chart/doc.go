// Package chart draws what is useful to look at while working on a model: loss curves, histograms
// of weights, bars of a distribution, heat maps of attention, confusion matrices. Each function
// returns a [Picture], whose PNG or SVG can be shown in a notebook, and whose Save writes a file.
//
//	chart.Lines(chart.Axes{X: "step", Y: "loss"}, chart.Series{Name: "GELU", Y: losses}).Save("loss.png")
//
// The same data give the same bytes. gonum.org/v1/plot does the drawing.
package chart
