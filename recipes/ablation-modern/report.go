package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/gorgpt/gorgpt/chart"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
)

// row is what came of a variant. The differences are of runs with one seed, and so with one text in one order: below
// 0 the variant is the better one.
type row struct {
	variant
	params  int64
	losses  []float64
	steps   []float64 // differences to the baseline's losses at equal steps
	slower  float64   // the time of a step, of the baseline's; NaN if it was not measured
	within  []float64 // the baseline's losses in the same seconds, as far as its lengths reach
	seconds []float64 // differences to those
}

// report writes the tables, and in --out the points as CSV and a picture.
func (s *study) report(points []point, times map[string]float64) error {
	curves := make(map[uint64]curve) // of the baseline, by seed
	losses := make(map[string]map[uint64]float64)
	var csvRows [][]string
	for _, p := range points {
		r, err := s.runOf(p)
		if err != nil {
			return err
		}
		loss, done, err := r.Loss()
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		csvRows = append(csvRows, []string{p.name, figure(p.rate), fmt.Sprint(p.steps), fmt.Sprint(p.seed), fmt.Sprintf("%.4f", loss)})
		if p.name == baseline {
			curves[p.seed] = append(curves[p.seed], at{math.Log(float64(p.steps)), loss})
		}
		if p.steps == s.steps {
			if losses[p.name] == nil {
				losses[p.name] = make(map[uint64]float64)
			}
			losses[p.name][p.seed] = loss
		}
	}
	fmt.Fprintf(s.table, "%d of %d runs are done, beside those that choose learning rates.\n\n", len(csvRows), len(points))
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(append([][]string{{"variant", "learning rate", "steps", "seed", "loss"}}, csvRows...)); err != nil {
		return err
	}
	if err := wholefile.Write(filepath.Join(s.out, "points.csv"), b.Bytes()); err != nil {
		return err
	}
	if err := s.writeRates(); err != nil {
		return err
	}
	var rows []row
	for _, v := range s.variants {
		r, err := s.row(v, losses, curves, times)
		if err != nil {
			return err
		}
		if len(r.steps) > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.order(), b.order()) })
	s.writeRows(rows)
	return s.draw(rows)
}

// row compares the runs of a variant with the baseline's.
func (s *study) row(v variant, losses map[string]map[uint64]float64, curves map[uint64]curve, times map[string]float64) (row, error) {
	r := row{variant: v, slower: math.NaN()}
	m, err := s.recipe(point{variant: v, steps: s.steps}).MakeModel(vocabulary)
	if err != nil {
		return r, err
	}
	if v.edits != nil {
		m = models.Edit(m, v.edits(m.(gpt2.Config))...)
	}
	params := graph.NewParams(0)
	if err := models.Declare(m, params); err != nil {
		return r, err
	}
	r.params = params.Count()
	if times[v.name] > 0 && times[baseline] > 0 {
		r.slower = times[v.name] / times[baseline]
	}
	for seed := range uint64(s.seeds) {
		loss, done := losses[v.name][seed+1]
		base, compared := losses[baseline][seed+1]
		if !done || !compared {
			continue
		}
		r.losses, r.steps = append(r.losses, loss), append(r.steps, loss-base)
		if within := curves[seed+1].after(float64(s.steps) * r.slower); !math.IsNaN(within) {
			r.within, r.seconds = append(r.within, within), append(r.seconds, loss-within)
		}
	}
	return r, nil
}

// order is what the rows are sorted by: the baseline first, then by the difference at equal seconds, or by that at equal steps.
func (r row) order() float64 {
	switch {
	case r.name == baseline:
		return math.Inf(-1)
	case len(r.seconds) > 0:
		return stat.Mean(r.seconds, nil)
	}
	return stat.Mean(r.steps, nil)
}

// at is a loss after the logarithm of a number of steps.
type at struct{ logSteps, loss float64 }

// curve is what the baseline reaches by its length; each point is of a run of its own, whose rate falls within it.
type curve []at

// after is the loss of a length between those there are, or NaN.
func (c curve) after(steps float64) float64 {
	c = slices.SortedFunc(slices.Values(c), func(a, b at) int { return cmp.Compare(a.logSteps, b.logSteps) })
	x := math.Log(steps)
	for i := range max(len(c)-1, 0) {
		if a, b := c[i], c[i+1]; a.logSteps <= x && x <= b.logSteps {
			return a.loss + (b.loss-a.loss)*(x-a.logSteps)/(b.logSteps-a.logSteps)
		}
	}
	return math.NaN()
}

// writeRates writes what the sweeps tried.
func (s *study) writeRates() error {
	var rows [][]string
	for _, v := range s.swept() {
		tried, err := s.tried(v)
		if err != nil {
			return err
		}
		var all []string
		for rate, loss := range tried.done {
			all = append(all, fmt.Sprintf("%.4f: %.3f", rate, loss))
		}
		slices.Sort(all)
		rows = append(rows, []string{v.name, figure(tried.best), strings.Join(all, ", ")})
	}
	studies.Table(s.table, []string{"optimizer", "learning rate", "losses by rate, of another seed"}, rows)
	fmt.Fprintln(s.table)
	return nil
}

func (s *study) writeRows(rows []row) {
	var cells [][]string
	for _, r := range rows {
		line := []string{r.name, fmt.Sprint(r.params), studies.Spread("%.3f", r.losses), "", "", "", ""}
		if r.name != baseline {
			line[3] = difference(r.steps)
		}
		if !math.IsNaN(r.slower) {
			line[4] = fmt.Sprintf("%.2f", r.slower)
		}
		if len(r.seconds) > 0 && r.name != baseline {
			line[5], line[6] = fmt.Sprintf("%.3f", stat.Mean(r.within, nil)), difference(r.seconds)
		}
		cells = append(cells, line)
	}
	studies.Table(s.table, []string{
		"variant", "parameters", fmt.Sprintf("loss after %d steps", s.steps), "to GPT-2", "time of a step", "GPT-2 in the same seconds", "to that",
	}, cells)
}

// difference is a mean with its spread, bold if it is further from 0 than luck would have it in one of twenty cases (Student's t).
func difference(values []float64) string {
	text := studies.Spread("%+.3f", values)
	n := float64(len(values))
	if n < 2 {
		return text
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	if math.Abs(mean) > (distuv.StudentsT{Sigma: 1, Nu: n - 1}).Quantile(0.975)*deviation/math.Sqrt(n) {
		return "**" + text + "**"
	}
	return text
}

// draw shows what the variants gain, in nats.
func (s *study) draw(rows []row) error {
	var names []string
	sets := []chart.Set{{Name: "at equal steps"}, {Name: "at equal seconds"}}
	for _, r := range rows {
		if r.name == baseline || len(r.seconds) == 0 {
			continue
		}
		names = append(names, r.name)
		for i, of := range [][]float64{r.steps, r.seconds} {
			sets[i].Values = append(sets[i].Values, float32(-stat.Mean(of, nil)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	picture := chart.Bars(chart.Axes{Title: "What each piece gains over GPT-2", Y: "validation loss less, nats a byte"}, names, sets...)
	picture.Height = 620
	return picture.Save(filepath.Join(s.out, "gains.png"))
}
