package chart

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Confusion draws which class was taken for which: counts has a row for each true class
// and in it a column for each predicted one, as tasks.Confusion returns them, and names
// are the classes'. A square has its count in it and is as dark as its share of the row,
// so that a rare class is seen as well as a common one. Beside each row stands the share
// of it that is right (recall), below each column the share of it that is (precision), and
// in the corner that of all (accuracy).
func Confusion(title string, names []string, counts [][]int) *Picture {
	n := len(names)
	if n < 1 || len(counts) != n {
		return failed("Confusion: %d names and %d rows; want one of each or more, and as many", n, len(counts))
	}
	for i, row := range counts {
		if len(row) != n {
			return failed("Confusion: row %q has %d counts for %d names", names[i], len(row), n)
		}
		for j, k := range row {
			if k < 0 {
				return failed("Confusion: row %q, column %q is %d", names[i], names[j], k)
			}
		}
	}
	m := &confusion{title: title, names: names, counts: counts}
	m.measure()
	return &Picture{
		Width:  2*margin + int(math.Ceil(m.left+float64(n+1)*m.cell)),
		Height: 2*margin + int(math.Ceil(m.top+float64(n+1)*m.cell)),
		draw:   m.draw,
	}
}

// confusion is the layout, in pixels.
type confusion struct {
	title     string
	names     []string
	counts    [][]int
	cell      float64 // side of a square
	left, top float64 // room for names, and what is above them
	upright   bool    // the names of columns do not fit across
}

// measure chooses the size of squares: a count fits into each.
func (m *confusion) measure() {
	longest, digits := len("precision"), len("100%")
	for i, name := range m.names {
		longest = max(longest, len([]rune(name)))
		for _, k := range m.counts[i] {
			digits = max(digits, len(strconv.Itoa(k)))
		}
	}
	m.cell = max(math.Floor(math.Min(72, 700/float64(len(m.names)+1))), letter*float64(digits)+8)
	width := letter * float64(longest)
	m.upright = width+4 > m.cell
	const axis = 22 // the words beside both axes
	m.left, m.top = axis+width+8, axis+18
	if m.upright {
		m.top = axis + width + 8
	}
	if m.title != "" {
		m.top += 28
		// A longer title than the squares are wide would be cut.
		room := float64(len([]rune(m.title)))*letter*12/fontSize - m.left
		m.cell = max(m.cell, math.Ceil(room/float64(len(m.names)+1)))
	}
}

// draw paints everything; y counts from above here and from below on the canvas.
func (m *confusion) draw(c draw.Canvas) {
	at := func(x, y float64) vg.Point {
		return vg.Point{X: c.Min.X + vg.Length(x)*pixel, Y: c.Max.Y - vg.Length(y)*pixel}
	}
	write := func(x, y float64, s string, size float64, ink color.Color, ax text.XAlignment, ay text.YAlignment, rotation float64) {
		f := font.From(plot.DefaultFont, vg.Points(size))
		f.Variant = "Sans"
		c.FillText(text.Style{Color: ink, Font: f, XAlign: ax, YAlign: ay, Rotation: rotation, Handler: plot.DefaultTextHandler}, at(x, y), s)
	}
	n := float64(len(m.names))
	middle := n * m.cell / 2
	if m.title != "" {
		write(0, 2, m.title, 12, color.Black, text.XLeft, text.YTop, 0)
	}
	above := m.top - 4
	if m.upright {
		above -= m.left - 22 // as much room as the names have on the left
	} else {
		above -= 18
	}
	grey := color.Gray{Y: 0x55}
	write(m.left+middle, above, "predicted", 10, grey, text.XCenter, text.YBottom, 0)
	write(2, m.top+middle, "true", 10, grey, text.XCenter, text.YTop, math.Pi/2)

	column := func(x float64, name string, ink color.Color) {
		if m.upright {
			write(x, m.top-5, name, fontSize, ink, text.XLeft, text.YCenter, math.Pi/2)
		} else {
			write(x, m.top-5, name, fontSize, ink, text.XCenter, text.YBottom, 0)
		}
	}
	column(m.left+(n+0.5)*m.cell, "recall", grey)
	write(m.left-6, m.top+(n+0.5)*m.cell, "precision", fontSize, grey, text.XRight, text.YCenter, 0)

	ramp := heatmaps{edge: 1} // of shares
	columns := make([]int, len(m.names))
	right, all := 0, 0
	for i, name := range m.names {
		row := 0
		for j, k := range m.counts[i] {
			row += k
			columns[j] += k
		}
		right, all = right+m.counts[i][i], all+row
		x, y := m.left+float64(i)*m.cell, m.top+float64(i)*m.cell
		write(m.left-6, y+m.cell/2, name, fontSize, color.Black, text.XRight, text.YCenter, 0)
		column(x+m.cell/2, name, color.Black)
		for j, k := range m.counts[i] {
			share := float64(k) / float64(max(row, 1))
			x := m.left + float64(j)*m.cell
			c.FillPolygon(ramp.colour(share), []vg.Point{at(x, y), at(x+m.cell, y), at(x+m.cell, y+m.cell), at(x, y+m.cell)})
			var ink color.Color = color.Black
			if share > 0.5 {
				ink = color.White
			}
			if k > 0 {
				write(x+m.cell/2, y+m.cell/2, strconv.Itoa(k), fontSize, ink, text.XCenter, text.YCenter, 0)
			}
		}
		write(m.left+(n+0.5)*m.cell, y+m.cell/2, percent(m.counts[i][i], row), fontSize, grey, text.XCenter, text.YCenter, 0)
	}
	for j, k := range columns {
		write(m.left+(float64(j)+0.5)*m.cell, m.top+(n+0.5)*m.cell, percent(m.counts[j][j], k), fontSize, grey, text.XCenter, text.YCenter, 0)
	}
	write(m.left+(n+0.5)*m.cell, m.top+(n+0.5)*m.cell, percent(right, all), fontSize, color.Black, text.XCenter, text.YCenter, 0)
	line := draw.LineStyle{Color: gridColor, Width: 0.5}
	for i := range len(m.names) + 1 {
		d := float64(i) * m.cell
		c.StrokeLines(line, []vg.Point{at(m.left, m.top+d), at(m.left+n*m.cell, m.top+d)}, []vg.Point{at(m.left+d, m.top), at(m.left+d, m.top+n*m.cell)})
	}
}

// percent is part of all; nothing of nothing is no share.
func percent(part, all int) string {
	if all == 0 {
		return "–"
	}
	share := math.Round(100 * float64(part) / float64(all))
	if part < all {
		share = min(share, 99) // 100% is all of it
	}
	return fmt.Sprintf("%.0f%%", share)
}
