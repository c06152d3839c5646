package compare

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

// row has the results of a variant. The differences are between runs with the same seed, and so with the same text in the
// same order; below 0, the variant is better than the one that it is compared with.
type row struct {
	Variant
	params, active int64
	losses         []float64
	steps          []float64 // differences at equal steps
	slower         float64   // time of a step, relative to the other's; NaN if not measured
	within         []float64 // the other's losses in the same seconds, if its lengths cover that
	seconds        []float64 // differences from these
}

// outcome has the results of the runs of a variant, by seed: the losses after all of its steps, and by length.
type outcome struct {
	losses map[uint64]float64
	curves map[uint64]curve
}

// report writes the tables, and to --out the points as CSV and a picture.
func (s *study) report(points []point, times map[string]float64) error {
	outcomes, done, err := s.outcomes(points)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.table, "%d of %d runs are done, besides those that choose learning rates.\n\n", len(done), len(points))
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(append([][]string{{"variant", "learning rate", "steps", "seed", "loss"}}, done...)); err != nil {
		return err
	}
	if err := wholefile.Write(filepath.Join(s.out, "points.csv"), b.Bytes()); err != nil {
		return err
	}
	if err := s.writeRates(); err != nil {
		return err
	}
	var all []row
	for _, base := range s.variants {
		if base.Against != "" {
			continue
		}
		rows, err := s.rows(base, outcomes, times)
		if err != nil {
			return err
		}
		if len(rows) < 2 {
			continue
		}
		s.writeRows(base, rows)
		all = append(all, rows...)
	}
	return s.draw(all)
}

// outcomes returns the outcomes of the finished runs by variant, and a line of points.csv for each of these runs.
func (s *study) outcomes(points []point) (of map[string]outcome, done [][]string, err error) {
	of = make(map[string]outcome)
	for _, v := range s.variants {
		of[v.Name] = outcome{make(map[uint64]float64), make(map[uint64]curve)}
	}
	for _, p := range points {
		r, err := s.runOf(p)
		if err != nil {
			return nil, nil, err
		}
		loss, is, err := r.Loss()
		if err != nil {
			return nil, nil, err
		}
		if !is {
			continue
		}
		done = append(done, []string{p.Name, figure(p.rate), fmt.Sprint(p.steps), fmt.Sprint(p.seed), fmt.Sprintf("%.4f", loss)})
		o := of[p.Name]
		o.curves[p.seed] = append(o.curves[p.seed], at{math.Log(float64(p.steps)), loss})
		if p.steps == s.whole(p.Variant) {
			o.losses[p.seed] = loss
		}
	}
	return of, done, nil
}

// rows returns the rows of a table: its base, and the variants that are compared with it, the best at equal seconds first.
func (s *study) rows(base Variant, outcomes map[string]outcome, times map[string]float64) (rows []row, err error) {
	for _, v := range s.variants {
		if v.Name != base.Name && v.Against != base.Name {
			continue
		}
		r, err := s.row(v, base, outcomes, times)
		if err != nil {
			return nil, err
		}
		if len(r.steps) > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.order(), b.order()) })
	return rows, nil
}

// row compares the runs of a variant with those of its base.
func (s *study) row(v, base Variant, outcomes map[string]outcome, times map[string]float64) (row, error) {
	r := row{Variant: v, slower: math.NaN()}
	m, err := s.recipe(point{Variant: v, steps: s.whole(v)}).MakeModel(vocabulary)
	if err != nil {
		return r, err
	}
	if v.Edits != nil {
		m = models.Edit(m, v.Edits(m.(gpt2.Config))...)
	}
	graphed := graph.New(graph.NewParams(0))
	models.Logits(m, graphed, graphed.Ints("tokens", batch, window))
	total := graph.Sum(graphed.Nodes())
	r.params, r.active = total.Params, total.Active
	if times[v.Name] > 0 && times[base.Name] > 0 {
		r.slower = times[v.Name] / times[base.Name]
	}
	for seed := range uint64(s.seeds) {
		loss, done := outcomes[v.Name].losses[seed+1]
		other, compared := outcomes[base.Name].losses[seed+1]
		if !done || !compared {
			continue
		}
		r.losses, r.steps = append(r.losses, loss), append(r.steps, loss-other)
		if within := outcomes[base.Name].curves[seed+1].after(float64(s.whole(base)) * r.slower); !math.IsNaN(within) {
			r.within, r.seconds = append(r.within, within), append(r.seconds, loss-within)
		}
	}
	return r, nil
}

// order returns the key by which rows are sorted: the base first, then the others by the difference at equal seconds, or at
// equal steps if that is not known.
func (r row) order() float64 {
	switch {
	case r.Against == "":
		return math.Inf(-1)
	case len(r.seconds) > 0:
		return stat.Mean(r.seconds, nil)
	}
	return stat.Mean(r.steps, nil)
}

// at is a loss after the logarithm of a number of steps.
type at struct{ logSteps, loss float64 }

// curve has the losses of a variant by length; each point is a separate run, whose learning rate falls within its length.
type curve []at

// after interpolates the loss for a number of steps; it is NaN outside of the lengths of the curve.
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

// writeRates writes the learning rates that were tried.
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
		rows = append(rows, []string{v.Name, figure(tried.best), strings.Join(all, ", ")})
	}
	studies.Table(s.table, []string{"optimizer", "learning rate", "losses by rate, of another seed"}, rows)
	fmt.Fprintln(s.table)
	return nil
}

// writeRows writes the table of the variants that are compared with base, with the number of active parameters if that is
// not all of them.
func (s *study) writeRows(base Variant, rows []row) {
	var cells [][]string
	for _, r := range rows {
		line := []string{r.Name, fmt.Sprint(r.params), studies.Spread("%.3f", r.losses), "", "", "", ""}
		if r.active != r.params {
			line[1] += fmt.Sprintf(", %d active", r.active)
		}
		if r.Against != "" {
			line[3] = difference(r.steps)
		}
		if !math.IsNaN(r.slower) {
			line[4] = fmt.Sprintf("%.2f", r.slower)
		}
		if len(r.seconds) > 0 && r.Against != "" {
			line[5], line[6] = fmt.Sprintf("%.3f", stat.Mean(r.within, nil)), difference(r.seconds)
		}
		cells = append(cells, line)
	}
	studies.Table(s.table, []string{
		"variant", "parameters", fmt.Sprintf("loss after %d steps", s.whole(base)), "to " + base.Name, "time of a step", base.Name + " in the same seconds", "to that",
	}, cells)
	fmt.Fprintln(s.table)
}

// difference formats a mean with its spread, in bold if it differs from 0 at the 5 % level (Student's t).
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

// draw draws the gains of the variants, in nats.
func (s *study) draw(rows []row) error {
	var names []string
	sets := []chart.Set{{Name: "at equal steps"}, {Name: "at equal seconds"}}
	for _, r := range rows {
		if r.Against == "" || len(r.seconds) == 0 {
			continue
		}
		names = append(names, r.Name)
		for i, of := range [][]float64{r.steps, r.seconds} {
			sets[i].Values = append(sets[i].Values, float32(-stat.Mean(of, nil)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	picture := chart.Bars(chart.Axes{Title: s.Title, Y: "validation loss less, nats a byte"}, names, sets...)
	picture.Height = 620
	return picture.Save(filepath.Join(s.out, "gains.png"))
}
