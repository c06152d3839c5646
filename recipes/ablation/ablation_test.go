package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// TestRuns: each run is done once, with its own seed and variant; the error of one is the
// last line that it wrote.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	fake := filepath.Join(dir, "gorgpt")
	script := `#!/bin/sh
echo "$@" >> ` + dir + `/calls
while [ "$1" != --out ]; do shift; done
[ -e ` + dir + `/broken ] && { echo working >&2; echo "gorgpt: no room" >&2; exit 1; }
mkdir -p "$2/checkpoints"
printf 'line\ttruth\tpredicted\n1\tacceptable\tacceptable\n' > "$2/predictions.tsv"
echo '{"examples": 1, "epochs": [{"metrics": {"matthews": 0.5}}]}'
`
	if err := os.WriteFile(fake, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "broken"), "")
	run := func(tasks string) (string, error) {
		cmd := command()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs([]string{"--from", "model", "--data", "data", "--out", filepath.Join(dir, "runs"), "--tasks", tasks, "--seeds", "2", "--jobs", "1", "--gorgpt", fake})
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	if _, err := run("cola:7"); err == nil || !strings.HasSuffix(err.Error(), "runs/cola-full-1: gorgpt: no room") {
		t.Fatalf("error %v", err)
	}
	for _, name := range []string{"broken", "calls"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time nothing is left to do
		out, err := run("cola:7")
		if err != nil || !strings.Contains(out, "| cola | 7 | 1 | matthews | 0.0 | 50.0 ± 0.0 |") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(calls, []byte("\n")); n != 6 {
		t.Errorf("%d runs, want 6\n%s", n, calls)
	}
	if out, err := run("cola:8"); err != nil || !strings.Contains(out, "| cola | 8 |") {
		t.Errorf("%v\n%s", err, out)
	}
	if calls, err = os.ReadFile(filepath.Join(dir, "calls")); err != nil || bytes.Count(calls, []byte("--examples 8")) != 6 {
		t.Errorf("%v, want six runs with 8 examples:\n%s", err, calls)
	}
	for _, want := range []string{"--task cola --data data/cola --from model", "--seed 2", "--examples 7", " --lambda 0 ", " --fresh ", "--dev data/cola/in_domain_dev.tsv"} {
		if !bytes.Contains(calls, []byte(want)) {
			t.Errorf("no run with %q:\n%s", want, calls)
		}
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
