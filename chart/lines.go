package chart

import (
	"iter"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Series is one curve.
type Series struct {
	Name string    // for the legend; an empty name is left out
	X    []float64 // nil means 1, 2, …
	Y    []float64 // points that are not finite are left out
	// Smooth draws the mean of two exponential moving averages, one from each end, so that the
	// curve does not lag. Each averages over about a hundredth of the points.
	Smooth bool
	Faint  bool // thin and pale, as a background for others
	Marks  bool // a dot on every point
	// Color is the number of a color, from 0; from [Colors] on, lines are dashed. If it is 0 in all
	// series of a chart, each gets a different color.
	Color int
}

// Lines draws curves into one chart.
func Lines(a Axes, series ...Series) *Picture {
	pl := frame(a)
	own := !slices.ContainsFunc(series, func(s Series) bool { return s.Color != 0 })
	drawn := 0
	for i, s := range series {
		if s.X != nil && len(s.X) != len(s.Y) {
			return failed("%q has %d values of x and %d of y", s.Name, len(s.X), len(s.Y))
		}
		if own {
			s.Color = i
		}
		xys := s.points()
		if len(xys) == 0 {
			continue
		}
		drawn++
		legend, err := s.add(pl, xys)
		if err != nil {
			return failed("%q: %v", s.Name, err)
		}
		if dash(s.Color) != nil {
			pl.Legend.ThumbnailWidth = vg.Points(40) // wide enough to show the pattern
		}
		if s.Name != "" {
			pl.Legend.Add(s.Name, legend...)
		}
	}
	if drawn == 0 {
		return failed("Lines: no series has a finite point")
	}
	return plotted(pl)
}

// columns is the horizontal resolution of a curve. It is a picture's width in pixels; fewer columns
// would lose detail.
const columns = 900

// add draws the series and returns its thumbnails for the legend.
func (s Series) add(pl *plot.Plot, xys plotter.XYs) ([]plot.Thumbnailer, error) {
	if s.Smooth {
		xys = smooth(xys)
	}
	line, points, err := plotter.NewLinePoints(thin(xys, columns))
	if err != nil {
		return nil, err
	}
	c := paletteColor(s.Color)
	line.Width = vg.Points(1.6)
	if s.Faint {
		c.A, line.Width = 0x48, vg.Points(0.7)
	}
	line.Color, line.Dashes = c, dash(s.Color)
	pl.Add(line)
	if !s.Marks {
		return []plot.Thumbnailer{line}, nil
	}
	points.Color, points.Radius, points.Shape = c, vg.Points(2.8), draw.CircleGlyph{}
	pl.Add(points)
	return []plot.Thumbnailer{line, points}, nil
}

// points returns the finite points.
func (s Series) points() plotter.XYs {
	var xys plotter.XYs
	for i, y := range s.Y {
		x := float64(i + 1)
		if s.X != nil {
			x = s.X[i]
		}
		if !math.IsNaN(x-x) && !math.IsNaN(y-y) { // ∞ − ∞ is NaN
			xys = append(xys, plotter.XY{X: x, Y: y})
		}
	}
	return xys
}

func smooth(xys plotter.XYs) plotter.XYs {
	out := slices.Clone(xys)
	keep := 1 - 1/max(1, float64(len(xys))/100)
	average := func(order iter.Seq2[int, plotter.XY], into func(i int, y float64)) {
		var sum, weight float64
		for i, p := range order {
			sum = keep*sum + p.Y
			weight = keep*weight + 1
			into(i, sum/weight)
		}
	}
	average(slices.All(xys), func(i int, y float64) { out[i].Y = y / 2 })
	average(slices.Backward(xys), func(i int, y float64) { out[i].Y += y / 2 })
	return out
}

// thin returns at most two points for each of n columns, the lowest and the highest, which draw the
// same picture as all points.
func thin(xys plotter.XYs, n int) plotter.XYs {
	if len(xys) <= 2*n {
		return xys
	}
	out := make(plotter.XYs, 0, 2*n)
	for c := range n {
		column := xys[len(xys)*c/n : len(xys)*(c+1)/n]
		low, high := 0, 0
		for i, p := range column {
			if p.Y < column[low].Y {
				low = i
			}
			if p.Y > column[high].Y {
				high = i
			}
		}
		out = append(out, column[min(low, high)], column[max(low, high)])
	}
	return out
}
