package main

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

// TestTable: means and deviations of the last epochs over seeds, beside the best that one
// answer to everything reaches.
func TestTable(t *testing.T) {
	var got bytes.Buffer
	s := study{out: t.TempDir(), given: []string{"rte:500", "stsb"}, seeds: 2, table: &got}
	if err := s.parse(); err != nil {
		t.Fatal(err)
	}
	for _, task := range s.tasks {
		for i, v := range variants {
			for seed := range s.seeds {
				dir := s.folder(task, v, seed)
				if err := os.MkdirAll(dir, 0o777); err != nil {
					t.Fatal(err)
				}
				last := 0.5 + 0.1*float64(i) + 0.02*float64(seed)
				write(t, filepath.Join(dir, "result.json"),
					fmt.Sprintf(`{"examples": 4, "epochs": [{"metrics": {"accuracy": 0.99, "pearson": 0.99}}, {"metrics": {"accuracy": %g, "pearson": %[1]g}}]}`, last))
				write(t, filepath.Join(dir, "predictions.tsv"),
					"line\ttruth\tpredicted\n1\tentailment\tentailment\n2\tnot_entailment\tentailment\n3\tnot_entailment\tentailment\n4\tnot_entailment\tentailment\n")
			}
		}
	}
	if err := s.write(); err != nil {
		t.Fatal(err)
	}
	want := `| task | trained on | measured on | metric | best constant | pre-trained, λ 0.5 | pre-trained, λ 0 | not pre-trained, λ 0.5 | the paper's |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| rte | 500 | 4 | accuracy | 75.0 | 51.0 ± 1.4 | 61.0 ± 1.4 | 71.0 ± 1.4 | 56.0 / 54.4 / 53.8 |
| stsb | all | 4 | pearson | 0.0 | 51.0 ± 1.4 | 61.0 ± 1.4 | 71.0 ± 1.4 | 82.0 / 83.2 / 30.9 |
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

// TestRuns: each run is done once, with its own seed and variant; the error of one has its folder.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	var broken bool
	var mu sync.Mutex
	var calls []run.TunedRecipe
	fake := func(_ context.Context, r run.TunedRecipe, dir string) (result, error) {
		mu.Lock()
		defer mu.Unlock()
		if calls = append(calls, r); broken {
			return result{}, errors.New("no room")
		}
		if err := os.MkdirAll(filepath.Join(dir, "checkpoints"), 0o777); err != nil {
			return result{}, err
		}
		write(t, run.Dir(dir).TunedPath(), "")
		write(t, filepath.Join(dir, "predictions.tsv"), "line\ttruth\tpredicted\n1\tacceptable\tacceptable\n")
		return result{1, []epoch{{map[string]float64{"matthews": 0.5}}}}, nil
	}
	study := func(tasks string) (string, error) {
		cmd := command(fake)
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs([]string{"--from", "model", "--data", "data", "--out", filepath.Join(dir, "runs"), "--tasks", tasks, "--seeds", "2", "--jobs", "1"})
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	broken = true
	if _, err := study("cola:7"); err == nil || !strings.HasSuffix(err.Error(), "runs/cola-full-1: no room") {
		t.Fatalf("error %v", err)
	}
	broken, calls = false, nil
	for range 2 { // the second time nothing is left to do
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
	if len(calls) != 6 || seeds != 3*1+3*2 || fresh != 2 || none != 2 {
		t.Errorf("%d runs, of %d fresh, %d without the auxiliary loss, seeds that sum to %d", len(calls), fresh, none, seeds)
	}
	if out, err := study("cola:8"); err != nil || !strings.Contains(out, "| cola | 8 |") || len(calls) != 12 || calls[11].Examples != 8 {
		t.Errorf("%v, %d runs\n%s", err, len(calls), out)
	}
}

func TestBadStudy(t *testing.T) {
	for given, want := range map[string]string{
		"rta":    `unknown task "rta"; did you mean "rte"?`,
		"rte:0":  "--tasks rte:0: want a number of examples after the colon",
		"rte:1k": "--tasks rte:1k: want a number of examples after the colon",
	} {
		s := study{given: []string{given}}
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
