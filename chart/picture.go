package chart

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// Picture is a chart. If something was wrong with its data, PNG, SVG and Save return the error.
type Picture struct {
	// Width and Height are in pixels; they may be set before the picture is written.
	Width, Height int

	draw func(draw.Canvas)
	err  error
}

// pixel is the size of a pixel: gonum's images have 96 per inch.
const pixel = vg.Inch / 96

// margin is the space around a picture, in pixels.
const margin = 12

func failed(format string, args ...any) *Picture {
	return &Picture{err: fmt.Errorf("chart: "+format, args...)}
}

// paint draws on a canvas of the picture's size.
func (p *Picture) paint(c vg.CanvasSizer) {
	p.draw(draw.Crop(draw.New(c), margin*pixel, -margin*pixel, margin*pixel, -margin*pixel))
}

// PNG returns the picture in that format.
func (p *Picture) PNG() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c := vgimg.New(vg.Length(p.Width)*pixel, vg.Length(p.Height)*pixel)
	p.paint(c)
	return written(vgimg.PngCanvas{Canvas: c})
}

// SVG returns the picture in that format.
func (p *Picture) SVG() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c := vgsvg.New(vg.Length(p.Width)*pixel, vg.Length(p.Height)*pixel)
	p.paint(c)
	b, err := written(c)
	if i := bytes.Index(b, []byte("<svg")); i > 0 {
		b = b[i:] // an XML prolog must not be inside a page
	}
	return b, err
}

func (p *Picture) check() error {
	const most = 20_000 // pixels; beyond that, the image alone takes gigabytes
	if p.err == nil && (p.Width < 50 || p.Height < 50 || p.Width > most || p.Height > most) {
		return fmt.Errorf("chart: a picture of %d×%d pixels; want 50 to %d", p.Width, p.Height, most)
	}
	return p.err
}

func written(w io.WriterTo) ([]byte, error) {
	var b bytes.Buffer
	_, err := w.WriteTo(&b)
	return b.Bytes(), err
}

// Save writes the picture to a file whose name ends in .png or .svg. A program that opens the file
// meanwhile sees either the old picture or the new one.
func (p *Picture) Save(path string) error {
	encode := p.PNG
	switch filepath.Ext(path) {
	case ".png":
	case ".svg":
		encode = p.SVG
	default:
		return fmt.Errorf("chart: %s: want a name that ends in .png or .svg", path)
	}
	data, err := encode()
	if err != nil {
		return err
	}
	return wholefile.Write(path, data)
}

// Axes are the texts around a chart, and the place of its legend.
type Axes struct {
	Title string // above
	X, Y  string // beside the axes
	Left  bool   // the legend is on the left, for curves that rise
}

// frame returns a plot without data, in this package's style.
func frame(a Axes) *plot.Plot {
	pl := plot.New()
	pl.Title.Text, pl.X.Label.Text, pl.Y.Label.Text = a.Title, a.X, a.Y
	pl.Title.TextStyle.Font.Variant, pl.Title.TextStyle.Font.Size = "Sans", vg.Points(12)
	pl.Title.Padding = vg.Points(6)
	for _, axis := range []*plot.Axis{&pl.X, &pl.Y} {
		axis.Padding = 0
		axis.Tick.Marker = ticks{}
		axis.Tick.Length = 0
		axis.Tick.Label.Font.Variant, axis.Tick.Label.Font.Size = "Sans", vg.Points(10)
		axis.Label.TextStyle.Font.Variant, axis.Label.TextStyle.Font.Size = "Sans", vg.Points(11)
		axis.Label.Padding = vg.Points(4)
	}
	pl.Legend.TextStyle.Font.Variant, pl.Legend.TextStyle.Font.Size = "Sans", vg.Points(11)
	pl.Legend.Top = true
	pl.Legend.Padding = vg.Points(3)
	pl.Legend.XOffs, pl.Legend.YOffs = -vg.Points(10), -vg.Points(10)
	if pl.Legend.Left = a.Left; a.Left {
		pl.Legend.XOffs = vg.Points(10)
	}

	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = gridColor, gridColor
	pl.Add(grid)
	return pl
}

// plotted returns the picture of a plot.
func plotted(pl *plot.Plot) *Picture {
	return &Picture{Width: 900, Height: 600, draw: pl.Draw}
}
