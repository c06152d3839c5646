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

// Confusion draws a confusion matrix. counts has a row for each true class, with a column for each
// predicted class, as tasks.Confusion returns them; names are the names of the classes. A square
// shows its count and is as dark as its share of the row, so that a rare class is as visible as a
// common one. Beside each row is the share of it that is right (recall), below each column the
// share of it that is right (precision), and in the corner that of all (accuracy).
func Confusion(title string, names []string, counts [][]int) *Picture {
	n := len(names)
	if n < 1 || len(counts) != n {
		return failed("Confusion: %d names and %d rows; want the same number of both, 1 or more", n, len(counts))
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
	left, top float64 // room for names, and for what is above them
	upright   bool    // names of columns are vertical, as they do not fit horizontally
}

// measure chooses the size of the squares, in each of which a count must fit.
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
		// A title wider than the squares would be cut off.
		room := float64(len([]rune(m.title)))*letter*12/fontSize - m.left
		m.cell = max(m.cell, math.Ceil(room/float64(len(m.names)+1)))
	}
}

// matrixCanvas is the canvas for a confusion matrix. Its methods count y from the top; the canvas
// counts from the bottom.
type matrixCanvas struct {
	*confusion
	draw.Canvas
}

var gray = color.Gray{Y: 0x55}

func (m matrixCanvas) at(x, y float64) vg.Point {
	return vg.Point{X: m.Min.X + vg.Length(x)*pixel, Y: m.Max.Y - vg.Length(y)*pixel}
}

func (m matrixCanvas) write(x, y float64, s string, size float64, ink color.Color, ax text.XAlignment, ay text.YAlignment, rotation float64) {
	f := font.From(plot.DefaultFont, vg.Points(size))
	f.Variant = "Sans"
	m.FillText(text.Style{Color: ink, Font: f, XAlign: ax, YAlign: ay, Rotation: rotation, Handler: plot.DefaultTextHandler}, m.at(x, y), s)
}

// cellText writes into the middle of a square; the row and column after the last are for the sums.
func (m matrixCanvas) cellText(row, column int, s string, ink color.Color) {
	m.write(m.left+(float64(column)+0.5)*m.cell, m.top+(float64(row)+0.5)*m.cell, s, fontSize, ink, text.XCenter, text.YCenter, 0)
}

// columnName writes above a column.
func (m matrixCanvas) columnName(column int, name string, ink color.Color) {
	x := m.left + (float64(column)+0.5)*m.cell
	if m.upright {
		m.write(x, m.top-5, name, fontSize, ink, text.XLeft, text.YCenter, math.Pi/2)
	} else {
		m.write(x, m.top-5, name, fontSize, ink, text.XCenter, text.YBottom, 0)
	}
}

// draw paints everything.
func (m *confusion) draw(c draw.Canvas) {
	on := matrixCanvas{m, c}
	on.words()
	on.squares()
	n := float64(len(m.names))
	line := draw.LineStyle{Color: gridColor, Width: 0.5}
	for i := range len(m.names) + 1 {
		d := float64(i) * m.cell
		c.StrokeLines(line, []vg.Point{on.at(m.left, m.top+d), on.at(m.left+n*m.cell, m.top+d)}, []vg.Point{on.at(m.left+d, m.top), on.at(m.left+d, m.top+n*m.cell)})
	}
}

// words writes the title, and the texts beside the axes.
func (m matrixCanvas) words() {
	n := len(m.names)
	middle := float64(n) * m.cell / 2
	if m.title != "" {
		m.write(0, 2, m.title, 12, color.Black, text.XLeft, text.YTop, 0)
	}
	above := m.top - 4
	if m.upright {
		above -= m.left - 22 // as much room as for the names on the left
	} else {
		above -= 18
	}
	m.write(m.left+middle, above, "predicted", 10, gray, text.XCenter, text.YBottom, 0)
	m.write(2, m.top+middle, "true", 10, gray, text.XCenter, text.YTop, math.Pi/2)
	m.columnName(n, "recall", gray)
	m.write(m.left-6, m.top+(float64(n)+0.5)*m.cell, "precision", fontSize, gray, text.XRight, text.YCenter, 0)
	for i, name := range m.names {
		m.write(m.left-6, m.top+(float64(i)+0.5)*m.cell, name, fontSize, color.Black, text.XRight, text.YCenter, 0)
		m.columnName(i, name, color.Black)
	}
}

// squares paints the counts, and the shares that are right.
func (m matrixCanvas) squares() {
	ramp := heatmaps{edge: 1} // of shares
	n := len(m.names)
	columns := make([]int, n)
	right, all := 0, 0
	for i, counts := range m.counts {
		row := 0
		for j, k := range counts {
			row += k
			columns[j] += k
		}
		right, all = right+counts[i], all+row
		y := m.top + float64(i)*m.cell
		for j, k := range counts {
			share := float64(k) / float64(max(row, 1))
			x := m.left + float64(j)*m.cell
			m.FillPolygon(ramp.shade(share), []vg.Point{m.at(x, y), m.at(x+m.cell, y), m.at(x+m.cell, y+m.cell), m.at(x, y+m.cell)})
			var ink color.Color = color.Black
			if share > 0.5 {
				ink = color.White
			}
			if k > 0 {
				m.cellText(i, j, strconv.Itoa(k), ink)
			}
		}
		m.cellText(i, n, percent(counts[i], row), gray)
	}
	for j, k := range columns {
		m.cellText(n, j, percent(m.counts[j][j], k), gray)
	}
	m.cellText(n, n, percent(right, all), color.Black)
}

// percent formats part as a share of all; if all is 0, there is none.
func percent(part, all int) string {
	if all == 0 {
		return "–"
	}
	share := math.Round(100 * float64(part) / float64(all))
	if part < all {
		share = min(share, 99) // only all of it is 100%
	}
	return fmt.Sprintf("%.0f%%", share)
}
