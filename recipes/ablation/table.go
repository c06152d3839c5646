package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
)

// published are the paper's figures (Radford et al. 2018, table 5) in the order of variants:
// a model of 117 million parameters, all examples, the test set.
var published = map[string][]float64{
	"cola": {45.4, 47.9, 18.9},
	"sst2": {91.3, 92.0, 84.0},
	"mrpc": {82.3, 84.9, 79.4},
	"stsb": {82.0, 83.2, 30.9},
	"rte":  {56.0, 54.4, 53.8},
}

// result is what is kept of a run.
type result struct {
	Examples int // measured on
	Epochs   []epoch
}

type epoch struct{ Metrics map[string]float64 }

// write writes the table: the means of the last epochs, which nothing was chosen by, and their standard
// deviations over the seeds.
func (s *study) write() error {
	header := []string{"task", "trained on", "measured on", "metric", "best constant"}
	for _, v := range variants {
		header = append(header, v.about)
	}
	var rows [][]string
	for _, task := range s.tasks {
		metric := task.Metrics[0]
		row := []string{task.Name, "all", "", metric, ""}
		if task.examples > 0 {
			row[1] = fmt.Sprint(task.examples)
		}
		for _, v := range variants {
			var values []float64
			for seed := range s.seeds {
				dir := s.folder(task, v, seed)
				r, err := readResult(dir)
				if err != nil {
					return err
				}
				values = append(values, 100*r.Epochs[len(r.Epochs)-1].Metrics[metric])
				row[2] = fmt.Sprint(r.Examples)
				if row[4], err = constant(task.Task, metric, filepath.Join(dir, "predictions.tsv")); err != nil {
					return err
				}
			}
			row = append(row, studies.Spread("%.1f", values))
		}
		var paper []string
		for _, p := range published[task.Name] {
			paper = append(paper, fmt.Sprintf("%.1f", p))
		}
		rows = append(rows, append(row, strings.Join(paper, " / ")))
	}
	studies.Table(s.table, append(header, "the paper's"), rows)
	return nil
}

func readResult(dir string) (result, error) {
	path := filepath.Join(dir, "result.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return result{}, err
	}
	var r result
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Epochs) == 0 {
		return r, fmt.Errorf("%s: no epochs", path)
	}
	return r, nil
}

// constant is the most that one answer to everything can reach: what has been learned is
// above it.
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
	answers := task.Labels // choices: in the order they are met
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
