package tuned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/run"
)

// columns are the columns of GPT-1's ablation.
var columns = []Column{
	{"full", "pre-trained, λ 0.5", func(*run.TunedRecipe) {}, Paper},
	{"noaux", "pre-trained, λ 0", func(r *run.TunedRecipe) { r.Auxiliary = 0 }, PaperNoAuxiliary},
	{"fresh", "not pre-trained, λ 0.5", func(r *run.TunedRecipe) { r.Fresh = true }, PaperFresh},
}

// begin writes the recipe of a run into its folder, as run.CreateTuned does.
func begin(t *testing.T, dir run.Dir, recipe run.TunedRecipe) {
	t.Helper()
	if err := os.MkdirAll(string(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, dir.TunedPath(), string(recipe.Settings().Text("a run")))
}

// TestTable: the table has means and deviations of the last epochs over seeds, beside the best that a
// constant answer reaches; unfinished runs, and runs of another recipe, are left out.
func TestTable(t *testing.T) {
	var got bytes.Buffer
	s := Study{Out: t.TempDir(), Given: []string{"rte:500", "mrpc", "stsb"}, First: 1, Seeds: 3, Columns: columns, Recipe: run.DefaultsTuned}
	if err := s.parse(); err != nil {
		t.Fatal(err)
	}
	for _, task := range s.tasks {
		for i, c := range s.Columns {
			for seed := 1; seed <= s.Seeds; seed++ {
				if task.Name == "mrpc" || task.Name == "stsb" && (i == 1 || i == 2 && seed == 2) {
					continue
				}
				dir, recipe := s.folder(task, c, seed), s.recipe(task, c, seed)
				if task.Name == "stsb" && seed == 3 {
					recipe.Rate = 1
				}
				begin(t, dir, recipe)
				last := 0.5 + 0.1*float64(i) + 0.02*float64(seed-1)
				write(t, resultPath(dir),
					fmt.Sprintf(`{"examples": 4, "epochs": [{"metrics": {"accuracy": 0.99, "pearson": 0.99}}, {"metrics": {"accuracy": %g, "pearson": %[1]g}}]}`, last))
				write(t, filepath.Join(string(dir), "predictions.tsv"),
					"line\ttruth\tpredicted\n1\tentailment\tentailment\n2\tnot_entailment\tentailment\n3\tnot_entailment\tentailment\n4\tnot_entailment\tentailment\n")
			}
		}
	}
	if err := s.write(&got); err != nil {
		t.Fatal(err)
	}
	want := `| task | trained on | measured on | metric | best constant | pre-trained, λ 0.5 | pre-trained, λ 0 | not pre-trained, λ 0.5 | the paper's |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| rte | 500 | 4 | accuracy | 75.0 | 52.0 ± 2.0 | 62.0 ± 2.0 | 72.0 ± 2.0 | 56.0 / 54.4 / 53.8 |
| stsb | all | 4 | pearson | 0.0 | 51.0 ± 1.4 (2) | — | 70.0 (1) | 82.0 / 83.2 / 30.9 |
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

// TestRuns: each run is done once, with its seed and column; an error names the folder of the run, and an interrupted run is
// resumed.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	var broken bool
	var mu sync.Mutex
	var calls []run.TunedRecipe
	wentOn := 0
	fake := func(_ context.Context, r run.TunedRecipe, dir run.Dir, _ io.Writer) (Result, error) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, r)
		if _, err := os.Stat(dir.Latest()); err == nil {
			wentOn++
		}
		begin(t, dir, r)
		if err := os.MkdirAll(dir.Latest(), 0o777); err != nil {
			return Result{}, err
		}
		if broken {
			return Result{}, errors.New("no room")
		}
		write(t, filepath.Join(string(dir), "predictions.tsv"), "line\ttruth\tpredicted\n1\tacceptable\tacceptable\n")
		return Result{1, []Epoch{{map[string]float64{"matthews": 0.5}}}}, nil
	}
	study := func(task string) (string, error) {
		s := Study{
			From: "model", Data: "data", Out: filepath.Join(dir, "runs"), Given: []string{task}, First: 1, Seeds: 2, Jobs: 1,
			Columns: columns, Recipe: run.DefaultsTuned, Tune: fake,
		}
		var out bytes.Buffer
		err := s.Run(t.Context(), &out, io.Discard)
		return out.String(), err
	}
	broken = true
	if _, err := study("cola:7"); err == nil || !strings.HasSuffix(err.Error(), "runs/cola7-full-1: no room") {
		t.Fatalf("error %v", err)
	}
	broken, calls = false, nil
	for range 2 { // the second time, nothing is left to do
		out, err := study("cola:7")
		if err != nil || !strings.Contains(out, "| cola | 7 | 1 | matthews | 0.0 | 50.0 ± 0.0 |") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	var seeds, fresh, none int
	for _, r := range calls {
		if r.Task != "cola" || r.Data != "data/cola" || r.From != "model" || r.Examples != 7 || r.Dev != "data/cola/in_domain_dev.tsv" {
			t.Errorf("%+v", r)
		}
		seeds += int(r.Seed)
		if r.Fresh {
			fresh++
		}
		if r.Auxiliary == 0 {
			none++
		}
	}
	if len(calls) != 6 || seeds != 3*1+3*2 || fresh != 2 || none != 2 || wentOn != 1 {
		t.Errorf("%d runs, of %d fresh, %d without the auxiliary loss, %d that went on, seeds that sum to %d", len(calls), fresh, none, wentOn, seeds)
	}
	if out, err := study("cola:8"); err != nil || !strings.Contains(out, "| cola | 8 |") || len(calls) != 12 || calls[11].Examples != 8 || wentOn != 1 {
		t.Errorf("%v, %d runs\n%s", err, len(calls), out)
	}
}

// TestChosen: only runs of the requested columns and seeds are done, in the table's order; an unknown column is refused before any run.
func TestChosen(t *testing.T) {
	var done []string
	s := Study{
		From: "model", Data: "data", Out: t.TempDir(), Given: []string{"cola"}, First: 2, Seeds: 1, Jobs: 1, Columns: columns, Recipe: run.DefaultsTuned,
		Chosen: []string{"fresh", "full"},
		Tune: func(_ context.Context, r run.TunedRecipe, dir run.Dir, _ io.Writer) (Result, error) {
			done = append(done, filepath.Base(string(dir)))
			begin(t, dir, r)
			write(t, filepath.Join(string(dir), "predictions.tsv"), "line\ttruth\tpredicted\n1\tacceptable\tacceptable\n")
			return Result{1, []Epoch{{map[string]float64{"matthews": 0.5}}}}, nil
		},
	}
	var table bytes.Buffer
	if err := s.Run(t.Context(), &table, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(done, " "); got != "cola-full-2 cola-fresh-2" || !strings.Contains(table.String(), "| 50.0 | — | 50.0 |") {
		t.Errorf("runs %s\n%s", got, table.String())
	}
	s.Chosen = []string{"full", "fine"}
	const want = "--columns fine: want some of full, noaux, fresh"
	if err := s.Run(t.Context(), io.Discard, io.Discard); err == nil || err.Error() != want || len(done) != 2 {
		t.Errorf("error %v after %d runs, want %s", err, len(done), want)
	}
}

func TestBadStudy(t *testing.T) {
	for given, want := range map[string]string{
		"rta":    `unknown task "rta"; did you mean "rte"?`,
		"rte:0":  "--tasks rte:0: want a number of examples after the colon",
		"rte:1k": "--tasks rte:1k: want a number of examples after the colon",
	} {
		s := Study{Given: []string{given}}
		if err := s.parse(); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", given, err, want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
