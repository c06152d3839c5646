package chart

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Set is a set of numbers, such as a parameter's weights or a distribution's probabilities.
type Set struct {
	Name   string // for the legend; an empty name is left out
	Values []float32
}

// Bars draws a bar for each value, with its name below; those of several sets are drawn side by
// side. Every set must have as many values as there are names.
func Bars(a Axes, names []string, sets ...Set) *Picture {
	if len(names) == 0 || len(sets) == 0 {
		return failed("Bars: %d names and %d sets; want one or more of each", len(names), len(sets))
	}
	pl := frame(a)
	const room = 620 // pixels for all bars, without the gaps between names
	width := vg.Length(math.Max(1, room/float64(len(names)*len(sets)))) * pixel
	for i, s := range sets {
		if len(s.Values) != len(names) {
			return failed("Bars: %q has %d values for %d names", s.Name, len(s.Values), len(names))
		}
		values := make(plotter.Values, len(names))
		for j, v := range s.Values {
			if values[j] = float64(v); !finite(values[j]) {
				return failed("Bars: the value of %q in %q is %v; want a finite number", names[j], s.Name, v)
			}
		}
		bars, err := plotter.NewBarChart(values, width)
		if err != nil {
			return failed("Bars: %v", err)
		}
		bars.Color, bars.LineStyle.Width = paletteColor(i), 0
		bars.Offset = width * vg.Length(float64(i)-float64(len(sets)-1)/2)
		pl.Add(bars)
		if s.Name != "" {
			pl.Legend.Add(s.Name, bars)
		}
	}
	pl.NominalX(names...)
	pl.X.Tick.Length, pl.X.LineStyle.Width = 0, 0
	pl.X.Min, pl.X.Max = -0.6, float64(len(names))-0.4
	pl.Y.Max += (pl.Y.Max - pl.Y.Min) / 15 // room for the legend's first line
	const longest = 5                      // characters that fit below a bar
	for _, n := range names {
		if len(names) > 12 && len([]rune(n)) > 2 || len([]rune(n)) > longest && len(names) > 6 {
			pl.X.Tick.Label.Rotation = math.Pi / 2
			pl.X.Tick.Label.XAlign, pl.X.Tick.Label.YAlign = text.XRight, text.YCenter
			pl.X.Padding = vg.Points(7) // keeps the ends of names away from the bars
		}
	}
	return plotted(pl)
}

// Histogram draws how often values fall into each of bins equal parts of their range, as a share of
// all values. Values that are not finite are an error.
func Histogram(a Axes, bins int, sets ...Set) *Picture {
	if bins < 1 || len(sets) == 0 {
		return failed("Histogram: %d bins and %d sets; want one or more of each", bins, len(sets))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range sets {
		if len(s.Values) == 0 {
			return failed("Histogram: %q has no values", s.Name)
		}
		for i, v := range s.Values {
			if !finite(float64(v)) {
				return failed("Histogram: value %d of %q is %v; want a finite number", i, s.Name, v)
			}
			low, high = min(low, float64(v)), max(high, float64(v))
		}
	}
	if low == high {
		low, high = low-0.5, high+0.5
	}
	pl := frame(a)
	for i, s := range sets {
		line, err := plotter.NewLine(outline(share(s.Values, low, high, bins), low, high))
		if err != nil {
			return failed("Histogram: %v", err)
		}
		c := paletteColor(i)
		line.Color, line.Width = c, vg.Points(1.4)
		fill := c
		fill.A = 0x40
		line.FillColor = fill
		pl.Add(line)
		if s.Name != "" {
			pl.Legend.Add(s.Name, plot.Thumbnailer(line))
		}
	}
	return plotted(pl)
}

// share returns the share of values in each bin.
func share(values []float32, low, high float64, bins int) []float64 {
	out := make([]float64, bins)
	for _, v := range values {
		bin := int(float64(bins) * (float64(v) - low) / (high - low))
		out[min(bin, bins-1)] += 1 / float64(len(values))
	}
	return out
}

// outline returns the line along the tops of bars.
func outline(bars []float64, low, high float64) plotter.XYs {
	xys := plotter.XYs{{X: low}}
	for i, y := range bars {
		step := (high - low) / float64(len(bars))
		xys = append(xys, plotter.XY{X: low + float64(i)*step, Y: y}, plotter.XY{X: low + float64(i+1)*step, Y: y})
	}
	return append(xys, plotter.XY{X: high})
}

func finite(x float64) bool { return !math.IsNaN(x - x) }
