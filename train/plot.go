package train

import (
	"maps"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/chart"
)

// Plot is an [Observer] that draws loss.png: the loss of every step, faint, and smoothed; the
// validation loss; and the values that a task reports beside them. The picture is redrawn at each
// evaluation.
type Plot struct {
	path       string
	train, val points
	values     [2]map[string]points // of training and validation
}

// points are losses by step.
type points struct{ steps, losses []float64 }

func (p *points) add(step int, loss float64) {
	p.steps, p.losses = append(p.steps, float64(step)), append(p.losses, loss)
}

// series returns s with the points as its curve.
func (p points) series(s chart.Series) chart.Series {
	s.X, s.Y = p.steps, p.losses
	return s
}

// NewPlot returns a plot that is written to path as a PNG. For a resumed run, [Replay] the metrics
// so far into it first.
func NewPlot(path string) *Plot { return &Plot{path: path} }

// OnStep adds a point.
func (p *Plot) OnStep(s Step) error {
	p.train.add(s.Step, s.Loss)
	p.addValues(0, s.Step, s.Values)
	return nil
}

func (p *Plot) addValues(kind, step int, values map[string]float64) {
	if p.values[kind] == nil && len(values) > 0 {
		p.values[kind] = make(map[string]points)
	}
	for name, x := range folded(values) {
		q := p.values[kind][name]
		q.add(step, x)
		p.values[kind][name] = q
	}
}

// OnEvaluation adds a point and draws.
func (p *Plot) OnEvaluation(e Evaluation) error {
	p.AddEvaluation(e)
	return p.Draw()
}

// AddEvaluation adds a point without drawing.
func (p *Plot) AddEvaluation(e Evaluation) {
	p.val.add(e.Step, e.Loss)
	p.addValues(1, e.Step, e.Values)
}

var lossAxes = chart.Axes{X: "step", Y: "loss (nats per token)"}

// Draw writes the picture of the points so far, if there is a finite one. A program that opens the
// file meanwhile sees either the old picture or the new one.
func (p *Plot) Draw() error {
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	if !slices.ContainsFunc(p.train.losses, finite) && !slices.ContainsFunc(p.val.losses, finite) {
		return nil
	}
	const blue, orange = 0, 1
	all := []chart.Series{
		p.train.series(chart.Series{Name: "training, each step", Faint: true, Color: blue}),
		p.train.series(chart.Series{Name: "training, smoothed", Smooth: true, Color: blue}),
		p.val.series(chart.Series{Name: "validation", Marks: true, Color: orange}),
	}
	for kind, of := range []string{"", ", validation"} {
		for _, name := range slices.Sorted(maps.Keys(p.values[kind])) {
			s := chart.Series{Name: name + of, Smooth: kind == 0, Marks: kind == 1, Color: len(all) - 1}
			all = append(all, p.values[kind][name].series(s))
		}
	}
	return chart.Lines(lossAxes, all...).Save(p.path)
}

// DrawRuns writes to path a picture that overlays several runs: their smoothed training losses,
// pale, and their validation losses. Each run has its own color; the eighth and later ones are also
// dashed. Each plot must already hold the metrics of its run; names are for the legend.
func DrawRuns(path string, names []string, runs []*Plot) error {
	var all []chart.Series
	for i, p := range runs {
		// The first run does not have color 0: in a picture of it alone, all series would have
		// color 0, and Lines would give each a different color.
		color := i/chart.Colors*chart.Colors + (i+1)%chart.Colors
		mean := chart.Series{Smooth: true, Color: color}
		if len(p.val.steps) == 0 {
			mean.Name = names[i]
		} else {
			mean.Faint = true
		}
		all = append(all, p.train.series(mean), p.val.series(chart.Series{Name: names[i], Marks: true, Color: color}))
	}
	return chart.Lines(lossAxes, all...).Save(path)
}
