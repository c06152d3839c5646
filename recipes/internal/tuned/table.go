package tuned

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

// Result is what a run leaves in its folder.
type Result struct {
	Examples int // number of examples measured on
	Epochs   []Epoch
}

// Epoch holds the metrics at the end of an epoch.
type Epoch struct{ Metrics map[string]float64 }

// write writes the table: the means and the standard deviations over the seeds of the metrics of the last epochs, by which
// nothing was selected. If some runs of a cell are not finished, the number of finished runs follows; a task without
// finished runs has no row.
func (s *Study) write(w io.Writer) error {
	header := []string{"task", "trained on", "measured on", "metric", "best constant"}
	for _, c := range s.Columns {
		header = append(header, c.About)
	}
	var rows [][]string
	for _, task := range s.tasks {
		row, done, err := s.row(task)
		if err != nil {
			return err
		}
		if done {
			rows = append(rows, row)
		}
	}
	studies.Table(w, append(header, "the paper's"), rows)
	return nil
}

// row returns the row of a task, and whether any of its runs is finished.
func (s *Study) row(task sized) (row []string, done bool, err error) {
	metric := task.Metrics[0]
	row = []string{task.Name, "all", "", metric, ""}
	if task.examples > 0 {
		row[1] = fmt.Sprint(task.examples)
	}
	var paper []string
	for _, c := range s.Columns {
		var values []float64
		for seed := s.First; seed < s.First+s.Seeds; seed++ {
			dir := s.folder(task, c, seed)
			r, err := readResult(dir)
			if errors.Is(err, fs.ErrNotExist) || err == nil && !begun(dir, s.recipe(task, c, seed)) {
				continue
			}
			if err != nil {
				return nil, false, err
			}
			values = append(values, 100*r.Epochs[len(r.Epochs)-1].Metrics[metric])
			row[2] = fmt.Sprint(r.Examples)
			if row[4], err = constant(task.Task, metric, filepath.Join(string(dir), "predictions.tsv")); err != nil {
				return nil, false, err
			}
			done = true
		}
		cell := "—"
		if len(values) > 0 {
			cell = studies.Spread("%.1f", values)
		}
		if n := len(values); n > 0 && n < s.Seeds {
			cell += fmt.Sprintf(" (%d)", n)
		}
		row = append(row, cell)
		if p, published := c.Published[task.Name]; published {
			paper = append(paper, fmt.Sprintf("%.1f", p))
		}
	}
	return append(row, strings.Join(paper, " / ")), done, nil
}

// resultPath returns the path of the file with a run's result.
func resultPath(dir run.Dir) string { return filepath.Join(string(dir), "result.json") }

func readResult(dir run.Dir) (Result, error) {
	path := resultPath(dir)
	data, err := os.ReadFile(path)
	if err != nil {
		return Result{}, err
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Epochs) == 0 {
		return r, fmt.Errorf("%s: no epochs", path)
	}
	return r, nil
}

// constant returns the best metric that always giving the same answer can reach. A model that has learned
// something is above it.
func constant(task tasks.Task, metric, path string) (string, error) {
	if task.Regression {
		return "0.0", nil // nothing correlates with a constant
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := csv.NewReader(f)
	lines.Comma = '\t'
	rows, err := lines.ReadAll()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	var truth []float64
	answers := task.Labels // for multiple choice, in the order of occurrence
	for _, row := range rows[1:] {
		if !slices.Contains(answers, row[1]) {
			answers = append(answers, row[1])
		}
		truth = append(truth, float64(slices.Index(answers, row[1])))
	}
	best := math.Inf(-1)
	for i := range answers {
		v, err := tasks.Measure(metric, slices.Repeat([]float64{float64(i)}, len(truth)), truth)
		if err != nil {
			return "", err
		}
		best = max(best, v)
	}
	return fmt.Sprintf("%.1f", 100*best), nil
}

// Paper, PaperNoAuxiliary and PaperFresh are the figures of GPT-1's paper (Radford et al. 2018, table 5), for 117 million
// parameters, all examples and the test sets: fine-tuned, fine-tuned without the auxiliary loss, and without pre-training.
var Paper, PaperNoAuxiliary, PaperFresh = map[string]float64{"cola": 45.4, "sst2": 91.3, "mrpc": 82.3, "stsb": 82.0, "rte": 56.0},
	map[string]float64{"cola": 47.9, "sst2": 92.0, "mrpc": 84.9, "stsb": 83.2, "rte": 54.4},
	map[string]float64{"cola": 18.9, "sst2": 84.0, "mrpc": 79.4, "stsb": 30.9, "rte": 53.8}
