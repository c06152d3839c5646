package chart

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"gonum.org/v1/plot"
)

// Grid is a matrix for [Heatmaps].
type Grid struct {
	Title      string
	Rows, Cols int
	Values     []float32 // row-major
	// RowNames and ColNames are written beside rows and columns; nil leaves them out.
	RowNames, ColNames []string
}

// Heatmaps draws matrices as squares that are darker for larger values, at most four matrices side
// by side: for example, the heads of an attention layer. All share one scale, which is shown below:
// from 0 to the largest value or, if there are negative values, from red through white to blue. In
// a matrix of more than 256 rows or columns, each square stands for several values and shows the
// one of the largest magnitude.
func Heatmaps(title string, grids ...Grid) *Picture {
	if len(grids) == 0 {
		return failed("Heatmaps: no grids")
	}
	low, high := 0.0, 0.0
	grids = slices.Clone(grids)
	for i, g := range grids {
		if err := g.check(); err != nil {
			return failed("Heatmaps: %v", err)
		}
		grids[i] = g.pooled()
		for _, v := range g.Values {
			if finite(float64(v)) {
				low, high = min(low, float64(v)), max(high, float64(v))
			}
		}
	}
	across := min(len(grids), 4)
	down := (len(grids) + across - 1) / across
	h := &heatmaps{title: title, grids: grids, across: across, low: low, high: high, edge: math.Max(-low, high)}
	h.measure(down)
	return &Picture{
		Width:  2*margin + int(math.Ceil(max(float64(across)*h.width, h.left+2*scaleLeft+scaleWidth))),
		Height: 2*margin + int(math.Ceil(float64(down)*h.height+h.top+scaleHeight)),
		draw:   h.draw,
	}
}

// check reports what is wrong with a grid.
func (g Grid) check() error {
	switch {
	case g.Rows < 1 || g.Cols < 1 || len(g.Values) != g.Rows*g.Cols:
		return fmt.Errorf("%q has %d values for %d rows of %d", g.Title, len(g.Values), g.Rows, g.Cols)
	case g.RowNames != nil && len(g.RowNames) != g.Rows:
		return fmt.Errorf("%q has %d names for %d rows", g.Title, len(g.RowNames), g.Rows)
	case g.ColNames != nil && len(g.ColNames) != g.Cols:
		return fmt.Errorf("%q has %d names for %d columns", g.Title, len(g.ColNames), g.Cols)
	}
	return nil
}

// most is how many squares a picture has room for side by side.
const most = 256

// pooled returns the grid, or a smaller one without names if it is too large.
func (g Grid) pooled() Grid {
	by := (max(g.Rows, g.Cols) + most - 1) / most
	if by == 1 {
		return g
	}
	p := Grid{Title: g.Title, Rows: (g.Rows + by - 1) / by, Cols: (g.Cols + by - 1) / by}
	p.Values = make([]float32, p.Rows*p.Cols)
	for i, v := range g.Values {
		at := i / g.Cols / by * p.Cols
		at += i % g.Cols / by
		if old := p.Values[at]; v*v > old*old || v != v {
			p.Values[at] = v
		}
	}
	return p
}

// heatmaps is the layout, in pixels.
type heatmaps struct {
	title           string
	grids           []Grid
	across          int
	low, high, edge float64

	cell          float64 // side of a square
	left, above   float64 // room for names
	top           float64 // room for the title
	width, height float64 // of a grid with names and gap
}

const (
	fontSize    = 9.0 // points, which are 4/3 of a pixel
	letter      = fontSize * 4 / 3 * 0.6
	scaleHeight = 40.0
	scaleWidth  = 200.0
	scaleLeft   = 12.0
	gap         = 18.0
)

// highest is how many pixels the squares of grids one below another may take. It leaves room for
// what is between them.
const highest = 18_000

// measure chooses the size of the squares, so that the grids side by side fill a screen. If squares
// with names would make the picture too high, names are left out and squares are smaller.
func (h *heatmaps) measure(down int) {
	rows, cols := 1, 1
	for _, g := range h.grids {
		rows, cols = max(rows, g.Rows), max(cols, g.Cols)
		for _, n := range g.RowNames {
			h.left = max(h.left, letter*float64(len([]rune(n)))+6)
		}
		for _, n := range g.ColNames {
			h.above = max(h.above, letter*float64(len([]rune(n)))+6)
		}
	}
	h.cell = math.Max(1, math.Min(24, math.Floor(1100/float64(h.across*cols))))
	if h.left > 0 || h.above > 0 {
		h.cell = max(h.cell, 13) // or names would overlap
	}
	if most := math.Max(1, math.Floor(highest/float64(down*rows))); h.cell > most {
		if h.cell = most; most < 13 {
			h.left, h.above = 0, 0
			for i := range h.grids { // our copy, not the caller's
				h.grids[i].RowNames, h.grids[i].ColNames = nil, nil
			}
		}
	}
	h.width = h.left + h.cell*float64(cols) + gap
	h.height = h.above + h.cell*float64(rows) + gap + 18
	if h.title != "" {
		h.top = 30
	}
}

// draw paints everything. It counts y from the top; the canvas counts from the bottom.
func (h *heatmaps) draw(c draw.Canvas) {
	at := func(x, y float64) vg.Point {
		return vg.Point{X: c.Min.X + vg.Length(x)*pixel, Y: c.Max.Y - vg.Length(y)*pixel}
	}
	style := func(size float64, x text.XAlignment, y text.YAlignment, rotation float64) text.Style {
		f := font.From(plot.DefaultFont, vg.Points(size))
		f.Variant = "Sans"
		return text.Style{Color: color.Black, Font: f, XAlign: x, YAlign: y, Rotation: rotation, Handler: plot.DefaultTextHandler}
	}
	square := func(x, y, w, height float64, fill color.Color) {
		c.FillPolygon(fill, []vg.Point{at(x, y), at(x+w, y), at(x+w, y+height), at(x, y+height)})
	}
	if h.title != "" {
		c.FillText(style(12, text.XLeft, text.YTop, 0), at(0, 2), h.title)
	}
	bottom := 0.0
	for i, g := range h.grids {
		x := float64(i%h.across)*h.width + h.left
		y := h.top + float64(i/h.across)*h.height
		c.FillText(style(10, text.XLeft, text.YTop, 0), at(x, y), g.Title)
		y += 18 + h.above
		for r := range g.Rows {
			for col := range g.Cols {
				square(x+float64(col)*h.cell, y+float64(r)*h.cell, h.cell, h.cell, h.shade(float64(g.Values[r*g.Cols+col])))
			}
		}
		w, height := h.cell*float64(g.Cols), h.cell*float64(g.Rows)
		c.StrokeLines(draw.LineStyle{Color: color.Gray{Y: 0xaa}, Width: 0.5}, []vg.Point{at(x, y), at(x+w, y), at(x+w, y+height), at(x, y+height), at(x, y)})
		for r, n := range g.RowNames {
			c.FillText(style(fontSize, text.XRight, text.YCenter, 0), at(x-4, y+(float64(r)+0.5)*h.cell), n)
		}
		for col, n := range g.ColNames {
			c.FillText(style(fontSize, text.XLeft, text.YCenter, math.Pi/2), at(x+(float64(col)+0.5)*h.cell, y-4), n)
		}
		bottom = max(bottom, y+height)
	}
	h.scale(bottom+gap, square, func(x, y float64, s string) {
		c.FillText(style(fontSize, text.XCenter, text.YTop, 0), at(x, y), s)
	})
}

// scale draws the color scale.
func (h *heatmaps) scale(y float64, square func(x, y, w, height float64, c color.Color), write func(x, y float64, s string)) {
	const steps, width, height = 50, scaleWidth / 50, 8.0
	first := 0.0
	if h.low < 0 {
		first = -h.edge
	}
	left := h.left + scaleLeft
	for i := range steps {
		v := first + (h.edge-first)*float64(i)/(steps-1)
		square(left+float64(i)*width, y, width, height, h.shade(v))
	}
	write(left, y+height+3, fmt.Sprintf("%.3g", first))
	write(left+steps*width, y+height+3, fmt.Sprintf("%.3g", h.edge))
}

// The colors at the ends and in the middle of the two scales: ColorBrewer's blues, and its reds for
// negative values.
var (
	blues = []color.NRGBA{{R: 0xff, G: 0xff, B: 0xff, A: 0xff}, {R: 0x9e, G: 0xca, B: 0xe1, A: 0xff}, {R: 0x21, G: 0x71, B: 0xb5, A: 0xff}, {R: 0x08, G: 0x30, B: 0x6b, A: 0xff}}
	reds  = []color.NRGBA{{R: 0xff, G: 0xff, B: 0xff, A: 0xff}, {R: 0xfc, G: 0xae, B: 0x91, A: 0xff}, {R: 0xcb, G: 0x18, B: 0x1d, A: 0xff}, {R: 0x67, G: 0x00, B: 0x0d, A: 0xff}}
)

// shade returns the color of a value, which is gray if the value is not finite.
func (h *heatmaps) shade(v float64) color.Color {
	if !finite(v) {
		return color.Gray{Y: 0x99}
	}
	ramp := blues
	if v < 0 {
		v, ramp = -v, reds
	}
	if h.edge == 0 {
		return ramp[0]
	}
	at := v / h.edge * float64(len(ramp)-1)
	i := min(int(at), len(ramp)-2)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*(at-float64(i)))) }
	a, b := ramp[i], ramp[i+1]
	return color.NRGBA{R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B), A: 0xff}
}
