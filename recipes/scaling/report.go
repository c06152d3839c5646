package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/chart"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
)

// report writes the results: tables to standard output, and to --out the points as CSV and two
// pictures.
func (s *study) report(all []result) error {
	if len(all) == 0 {
		return tooFew(0)
	}
	header, rows := s.pointTable(all)
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(append([][]string{header}, rows...)); err != nil {
		return err
	}
	if err := wholefile.Write(filepath.Join(s.out, "points.csv"), b.Bytes()); err != nil {
		return err
	}
	writeTable(s.table, header, rows)
	fits := parabolas(all, withoutEmbeddings)
	lowest := 0
	for _, p := range fits {
		if !math.IsNaN(p.best) {
			lowest++
		}
	}
	if err := tooFew(lowest); err != nil {
		return err
	}
	s.writeFits(mainOf(all), fits)
	if err := drawParabolas(fits).Save(filepath.Join(s.out, "isoflop.png")); err != nil {
		return err
	}
	return drawFrontier(fits).Save(filepath.Join(s.out, "frontier.png"))
}

func writeTable(w io.Writer, header []string, rows [][]string) {
	studies.Table(w, header, rows)
	fmt.Fprintln(w)
}

// pointTable returns a table with a row for each run.
func (s *study) pointTable(all []result) (header []string, rows [][]string) {
	header = []string{"budget", "model", "layers", "width", "N", "weights in all", "learning rate", "seed", "steps", "D", "D/N", "passes", "FLOPs by the graph", "6ND", "loss"}
	for _, r := range all {
		rows = append(rows, []string{
			budgetName(r.budget), r.size.name, fmt.Sprint(r.layers), fmt.Sprint(r.width), fmt.Sprint(r.params), fmt.Sprint(r.total),
			fmt.Sprintf("%.3g", r.factor*rate(r.params)), fmt.Sprint(r.seed), fmt.Sprint(r.steps), fmt.Sprintf("%.0f", r.tokens()),
			fmt.Sprintf("%.3g", r.tokens()/float64(r.params)), fmt.Sprintf("%.2f", r.tokens()/s.length),
			fmt.Sprintf("%.4g", r.spent()), fmt.Sprintf("%.3g", 6*float64(r.params)*r.tokens()), fmt.Sprintf("%.4f", r.loss),
		})
	}
	return header, rows
}

// writeFits writes the lowest points of the parabolas and the laws.
func (s *study) writeFits(all []result, fits []parabola) {
	total := bestOfAll(all, fits)
	var rows [][]string
	for i, p := range fits {
		rows = append(rows, []string{
			fmt.Sprintf("%.3g", p.budget), fmt.Sprint(len(p.on)), fmt.Sprintf("%.3g", p.best), fmt.Sprintf("%.3g", total[i]),
			fmt.Sprintf("%.4f", p.lowest), fmt.Sprintf("%.4f", p.off()),
		})
	}
	writeTable(s.table, []string{"FLOPs", "models", "best N", "best of all weights", "loss there", "root mean square residual"}, rows)
	writeTable(s.table, []string{"law", "exponent", "here", "95 %", "Kaplan et al.", "Hoffmann et al."}, slices.Concat(s.frontierRows(all), s.surfaceRows(all)))
	size, loss := frontier(fits)
	k, c := kaplan.fit(all, kaplan.start), chinchilla.fit(all, chinchilla.start)
	fmt.Fprintf(s.table, "Best N = %.3g · C^%.3f; lowest L = %.3g · C^%.3f, C in FLOPs; Nc = %.3g, Dc = %.3g; A = %.3g, B = %.3g, E = %.3g.\n",
		size.factor, size.exponent, loss.factor, loss.exponent, math.Exp(k[2]), math.Exp(k[3]), math.Exp(c[2]), math.Exp(c[3]), math.Exp(c[4]))
}

// bestOfAll returns the best size, with embeddings, at the budget of each fit; NaN if there is none.
func bestOfAll(all []result, fits []parabola) []float64 {
	best := make([]float64, len(fits))
	for i, p := range fits {
		best[i] = math.NaN()
		for _, q := range parabolas(all, withEmbeddings) {
			if q.on[0].budget == p.on[0].budget {
				best[i] = q.best
			}
		}
	}
	return best
}

// frontierRows returns rows with the exponents fitted to the parabolas' lowest points.
func (s *study) frontierRows(all []result) (rows [][]string) {
	for _, of := range []struct {
		name string
		n    measure
		a    []string // as published; Kaplan's N is without embeddings, Hoffmann's includes them
	}{{"best N ∝ C^a", withoutEmbeddings, []string{"0.73", ""}}, {"best of all weights ∝ C^a", withEmbeddings, []string{"", "0.49"}}} {
		exponents := func(all []result) []float64 {
			size, loss := frontier(parabolas(all, of.n))
			return []float64{size.exponent, -loss.exponent}
		}
		i, without := bootstrap(s.resamples, exponents(all), shaken(parabolas(all, of.n), of.n), exponents)
		rows = append(rows, s.lawRow(of.name, "a", i[0], without, of.a...))
		if len(rows) == 1 {
			rows = append(rows, s.lawRow("lowest L ∝ C^−αC", "αC", i[1], without, "0.050", ""))
		}
	}
	return rows
}

// surfaceRows returns rows with the exponents of the laws of N and D.
func (s *study) surfaceRows(all []result) (rows [][]string) {
	for _, law := range []struct {
		surface
		name, alpha, beta string
		published         [4]string // Kaplan's and Hoffmann's exponents of N, then of D
	}{
		{kaplan, "((Nc/N)^(αN/αD) + Dc/D)^αD", "αN", "αD", [4]string{"0.076", "", "0.095", ""}},
		{chinchilla, "E + A/N^α + B/D^β", "α", "β", [4]string{"", "0.34", "", "0.28"}},
	} {
		best := law.fit(all, law.start)
		exponents := func(c []float64) []float64 { return []float64{c[0], c[1], c[1] / (c[0] + c[1])} }
		i, without := bootstrap(s.resamples, exponents(best), redrawn(all), func(r []result) []float64 {
			return exponents(law.fit(r, [][]float64{best}))
		})
		rows = append(rows,
			s.lawRow(fmt.Sprintf("%s, off by %.1f %%", law.name, 100*law.off(all, best)), law.alpha, i[0], without, law.published[:2]...),
			s.lawRow(law.name, law.beta, i[1], without, law.published[2:]...))
		if law.name[0] == 'E' {
			rows = append(rows, s.lawRow(fmt.Sprintf("the same, with E = %.2f: best N ∝ C^(β/(α+β))", math.Exp(best[4])), "a", i[2], without, "", "0.46"))
		}
	}
	return rows
}

func (s *study) lawRow(law, exponent string, i interval, without int, published ...string) []string {
	between := fmt.Sprintf("%.3f to %.3f", i.low, i.high)
	if without > 0 {
		between += fmt.Sprintf(" (%d of %d resamples have none)", without, s.resamples)
	}
	return append([]string{law, exponent, fmt.Sprintf("%.3f", i.value), between}, published...)
}

// drawParabolas draws the losses at each budget over the size.
func drawParabolas(fits []parabola) *chart.Picture {
	var series []chart.Series
	for i, p := range fits {
		measured := chart.Series{Name: budgetName(p.on[0].budget) + " FLOPs", Marks: true, Color: i}
		fitted := chart.Series{Faint: true, Color: i}
		low, high := math.Inf(1), 0.0
		for _, r := range p.on {
			n := float64(r.params)
			low, high = min(low, n), max(high, n)
			measured.X, measured.Y = append(measured.X, math.Log10(n)), append(measured.Y, r.loss)
		}
		for j := range 101 {
			n := low * math.Pow(high/low, float64(j)/100)
			fitted.X, fitted.Y = append(fitted.X, math.Log10(n)), append(fitted.Y, p.at(n))
		}
		series = append(series, fitted, measured)
	}
	return chart.Lines(chart.Axes{Left: true, Title: "Loss at equal compute, and parabolas", X: "log10 of the weights outside of the embeddings", Y: "validation loss, nats a byte"}, series...)
}

// drawFrontier draws the best size over compute, and lines with the papers' exponents through the middle of
// the fitted line.
func drawFrontier(fits []parabola) *chart.Picture {
	size, _ := frontier(fits)
	first, last := fits[0].budget, fits[len(fits)-1].budget
	middle := math.Sqrt(first * last)
	best := chart.Series{Name: "lowest points of the parabolas", Marks: true}
	for _, p := range fits {
		best.X, best.Y = append(best.X, math.Log10(p.budget)), append(best.Y, math.Log10(p.best))
	}
	series := []chart.Series{best}
	for i, law := range []struct {
		name string
		a    float64
	}{{fmt.Sprintf("fitted, C^%.2f", size.exponent), size.exponent}, {"Kaplan et al., C^0.73", 0.73}, {"Hoffmann et al., C^0.50", 0.5}} {
		line := chart.Series{Name: law.name, Color: i + 1}
		for _, c := range []float64{first, last} {
			line.X = append(line.X, math.Log10(c))
			line.Y = append(line.Y, math.Log10(size.at(middle)*math.Pow(c/middle, law.a)))
		}
		series = append(series, line)
	}
	return chart.Lines(chart.Axes{Title: "The best size for a budget", Left: true, X: "log10 of FLOPs", Y: "log10 of the weights outside of the embeddings"}, series...)
}
