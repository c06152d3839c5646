package train

import (
	"image/color"
	"iter"
	"math"
	"os"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Plot is an [Observer] that draws loss.png: the loss of every step, faint; the
// same smoothed; and the validation loss. It draws anew at each evaluation.
type Plot struct {
	path  string
	train plotter.XYs
	val   plotter.XYs
}

// NewPlot returns a plot that is written to path as a PNG. For a run that goes
// on, [Replay] the metrics so far into it first.
func NewPlot(path string) *Plot { return &Plot{path: path} }

// OnStep adds a point.
func (p *Plot) OnStep(s Step) error {
	p.train = addPoint(p.train, s.Step, s.Loss)
	return nil
}

// OnEvaluation adds a point and draws.
func (p *Plot) OnEvaluation(e Evaluation) error {
	p.AddEvaluation(e)
	return p.Draw()
}

// AddEvaluation adds a point without drawing.
func (p *Plot) AddEvaluation(e Evaluation) {
	p.val = addPoint(p.val, e.Step, e.Loss)
}

// addPoint leaves out what cannot be drawn.
func addPoint(xys plotter.XYs, step int, loss float64) plotter.XYs {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return xys
	}
	return append(xys, plotter.XY{X: float64(step), Y: loss})
}

// Size of the picture in pixels; gonum's PNGs have 96 to the inch.
const (
	plotWidth  = 900
	plotHeight = 600
	pixel      = vg.Inch / 96
	plotMargin = 12 * pixel
)

var (
	faint      = color.NRGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0x48}
	trainColor = color.NRGBA{R: 0x1f, G: 0x5f, B: 0x9f, A: 0xff}
	valColor   = color.NRGBA{R: 0xd9, G: 0x5f, B: 0x02, A: 0xff}
	// Okabe and Ito's colours, which the colour-blind tell apart.
	runColors = []color.Color{
		color.NRGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, color.NRGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff},
		color.NRGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, color.NRGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
		color.NRGBA{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}, color.NRGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
		color.NRGBA{A: 0xff},
	}
	gridColor = color.NRGBA{R: 0xe4, G: 0xe4, B: 0xe4, A: 0xff}
)

// Draw writes the picture as it stands now, if there is a point in it. Whoever
// opens the file meanwhile sees the old picture or the new one.
func (p *Plot) Draw() error {
	if len(p.train) == 0 && len(p.val) == 0 {
		return nil
	}
	pl, err := p.layout()
	if err != nil {
		return err
	}
	return writePNG(p.path, pl)
}

// DrawRuns writes a picture of several runs over one another to path: their smoothed
// training losses, thin, and their validation losses, each run in its colour. The plots
// have been told of the runs' metrics; names are for the legend.
func DrawRuns(path string, names []string, runs []*Plot) error {
	pl := newFrame()
	for i, p := range runs {
		c := runColors[i%len(runColors)]
		var legend []plot.Thumbnailer
		if len(p.train) > 0 {
			mean, err := plotter.NewLine(thin(smooth(p.train), plotWidth))
			if err != nil {
				return err
			}
			mean.Color, mean.Width = c, vg.Points(0.8)
			pl.Add(mean)
			legend = append(legend, mean)
		}
		if len(p.val) > 0 {
			line, points, err := plotter.NewLinePoints(p.val)
			if err != nil {
				return err
			}
			line.Color, line.Width = c, vg.Points(1.6)
			points.Color, points.Radius, points.Shape = c, vg.Points(2.8), draw.CircleGlyph{}
			pl.Add(line, points)
			legend = append(legend, line, points)
		}
		if legend != nil {
			pl.Legend.Add(names[i], legend...)
		}
	}
	return writePNG(path, pl)
}

// writePNG writes a picture in place of the old one.
func writePNG(path string, pl *plot.Plot) error {
	canvas := vgimg.New(plotWidth*pixel, plotHeight*pixel)
	pl.Draw(draw.Crop(draw.New(canvas), plotMargin, -plotMargin, plotMargin, -plotMargin))
	f, err := os.Create(path + ".tmp") // one name: a crash leaves one file at most
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// newFrame is a plot of losses over steps without any yet.
func newFrame() *plot.Plot {
	pl := plot.New()
	pl.X.Label.Text = "step"
	pl.Y.Label.Text = "loss (nats per token)"
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

	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = gridColor, gridColor
	pl.Add(grid)
	return pl
}

// layout puts lines and legend together.
func (p *Plot) layout() (*plot.Plot, error) {
	pl := newFrame()
	if len(p.train) > 0 {
		raw, err := plotter.NewLine(thin(p.train, plotWidth))
		if err != nil {
			return nil, err
		}
		raw.Color, raw.Width = faint, vg.Points(0.7)
		mean, err := plotter.NewLine(thin(smooth(p.train), plotWidth))
		if err != nil {
			return nil, err
		}
		mean.Color, mean.Width = trainColor, vg.Points(1.6)
		pl.Add(raw, mean)
		pl.Legend.Add("training, each step", raw)
		pl.Legend.Add("training, smoothed", mean)
	}
	if len(p.val) > 0 {
		line, points, err := plotter.NewLinePoints(p.val)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = valColor, vg.Points(1.2)
		points.Color, points.Radius, points.Shape = valColor, vg.Points(2.8), draw.CircleGlyph{}
		pl.Add(line, points)
		pl.Legend.Add("validation", line, points)
	}
	return pl, nil
}

// smooth is the mean of two exponential moving averages, one from each end, so
// that the curve does not lag. Each remembers about a hundredth of the points.
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

// ticks are four to nine labelled marks at multiples of 1, 2 or 5 times a power
// of ten.
type ticks struct{}

func (ticks) Ticks(low, high float64) []plot.Tick {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: strconv.FormatFloat(low, 'g', 4, 64)}}
	}
	digits := int(math.Floor(math.Log10((high - low) / 4)))
	step := math.Pow10(digits)
	for _, m := range []float64{5, 2} {
		if (high-low)/(m*step) >= 4 {
			step *= m
			break
		}
	}
	var out []plot.Tick
	for i := math.Ceil(low / step); i*step <= high; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'f', max(0, -digits), 64)})
	}
	return out
}

// thin returns at most two points for each of n columns, the lowest and the
// highest, which draw the same picture as all of them.
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
