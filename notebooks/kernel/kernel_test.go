package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBody(t *testing.T) {
	for _, test := range []struct{ src, want, err string }{
		{"import \"fmt\"", "import \"fmt\"", ""},
		{"func f() int { return 1 }", "func f() int { return 1 }", ""},
		{"x := 1\nprint(x)", "%%\nx := 1\nprint(x)", ""},
		{"func f() {}\nf()", "", "neither declarations nor statements"},
	} {
		got, err := body(test.src)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("body(%q) = %q, %v; want %q, %q", test.src, got, err, test.want, test.err)
		}
	}
}

// notebook writes a notebook with these cells.
func notebook(t *testing.T, file string, cells ...string) {
	t.Helper()
	type cell struct {
		Type     string         `json:"cell_type"`
		ID       string         `json:"id"`
		Metadata map[string]any `json:"metadata"`
		Source   string         `json:"source"`
		Outputs  []any          `json:"outputs"`
		Count    any            `json:"execution_count"`
	}
	var all []cell
	for i, src := range cells {
		all = append(all, cell{"code", string(rune('a' + i)), map[string]any{}, src, []any{}, nil})
	}
	text, err := json.Marshal(map[string]any{
		"cells": all, "nbformat": 4, "nbformat_minor": 5,
		"metadata": map[string]any{"kernelspec": map[string]any{"name": "gorgpt", "display_name": "Go (gorgpt)"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestConvert(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.ipynb"), filepath.Join(dir, "gonb", "out.ipynb")
	notebook(t, in, "import \"fmt\"", "fmt.Println(1)")
	if err := convertFile(in, out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`%noautoget`, `%%\nfmt.Println(1)`, `"name": "gonb"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	notebook(t, in, "func f() {}\nf()")
	if err := convertFile(in, out); err == nil || !strings.Contains(err.Error(), "in.ipynb: cell 1: neither declarations nor statements") {
		t.Errorf("error %v", err)
	}
}

// TestStatus: however a cell fails, on either kernel, the test of its notebook fails. It builds both kernels, so
// it runs only if PYTHON names a Python with nbclient.
func TestStatus(t *testing.T) {
	python := os.Getenv("PYTHON")
	if python == "" || testing.Short() {
		t.Skip("PYTHON names no Python with nbclient")
	}
	built, err := (&tester{python: python, log: t.Output()}).build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer built.close()
	for _, test := range []struct{ name, cell, want string }{
		{"good", "fmt.Println(6 * 7)", ""},
		{"broken", "fmt.Println(undefined)", "undefined"},
		{"panic", "panic(fmt.Errorf(\"no %s\", \"way\"))", "no way"},
		{"exit", "os.Exit(3)", ""},
	} {
		for _, kernel := range []string{"gorgpt", "gonb"} {
			t.Run(test.name+" on "+kernel, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "status-test.ipynb")
				t.Cleanup(func() { os.Remove(filepath.Join("..", "gonb", "status-test.ipynb")) })
				notebook(t, file, "import (\n\t\"fmt\"\n\t\"os\"\n)", "func use() { fmt.Fprint(os.Stdout) }", test.cell)
				var log strings.Builder
				err := (&tester{python: python, kernel: kernel, update: true, log: &log}).runOn(t.Context(), built, []string{file})
				if failed := test.name != "good"; (err != nil) != failed {
					t.Errorf("error %v, want one: %v\n%s", err, failed, &log)
				}
				if !strings.Contains(log.String(), test.want) {
					t.Errorf("the log does not tell %q:\n%s", test.want, &log)
				}
			})
		}
	}
}

// TestCompare: an output that differs from the one in the notebook is a failure.
func TestCompare(t *testing.T) {
	python := os.Getenv("PYTHON")
	if python == "" || testing.Short() {
		t.Skip("PYTHON names no Python with nbclient")
	}
	file := filepath.Join(t.TempDir(), "compare-test.ipynb")
	notebook(t, file, "import \"fmt\"", "fmt.Println(6 * 7)")
	built, err := (&tester{python: python, kernel: "gorgpt", log: t.Output()}).build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer built.close()
	run := func(update bool) (string, error) {
		var log strings.Builder
		err := (&tester{python: python, kernel: "gorgpt", update: update, log: &log}).runOn(t.Context(), built, []string{file})
		return log.String(), err
	}
	if log, err := run(true); err != nil {
		t.Fatal(err, log)
	}
	if log, err := run(false); err != nil {
		t.Error(err, log)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), `42\n`, `43\n`, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if log, err := run(false); err == nil || !strings.Contains(log, "cell 2: its output is not the one in the notebook") {
		t.Errorf("error %v, log %s", err, log)
	}
}

// TestCells: methods that a cell's type has in addition to those of the interface as which it is used are found,
// and an interrupt stops a cell, but not the kernel.
func TestCells(t *testing.T) {
	python := os.Getenv("PYTHON")
	if python == "" || testing.Short() {
		t.Skip("PYTHON names no Python with nbclient")
	}
	built, err := (&tester{python: python, kernel: "gorgpt", log: t.Output()}).build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer built.close()
	cells := []struct{ name, source, want string }{
		{"imports", "import (\n\"context\"\n\"fmt\"\n\"os\"\n\"os/signal\"\nG \"gorgonia.org/gorgonia\"\n" +
			"\"github.com/gorgpt/gorgpt/datasets\"\n\"github.com/gorgpt/gorgpt/generate\"\n\"github.com/gorgpt/gorgpt/graph\"\n\"github.com/gorgpt/gorgpt/models\"\n" +
			"\"github.com/gorgpt/gorgpt/tokenizer\"\n\"github.com/gorgpt/gorgpt/train\"\n)", "ok||"},
		{"a solver", `type Still struct{ rate float64 }
func (s *Still) Step(model []G.ValueGrad) error { return nil }
func (s *Still) SetLearnRate(rate float64) { s.rate = rate }`, "ok||"},
		{"its method that is no gorgonia.Solver's", `m, err := models.Find("gpt2-nano")
d := models.DimsOf(m); d.Vocab = 257
m = models.WithDims(m, d)
stream, err := datasets.NewTraining(datasets.Text("t", "to be or not to be, that is the question"), tokenizer.Bytes(), datasets.Config{Batch: 1, Context: 4, Seed: 1})
solver := &Still{}
t := &train.Trainer{Task: &train.NextToken{Model: models.Graphs(m), Train: stream, Batch: 1, Context: 4}, Params: graph.NewParams(1), Solver: solver, Schedule: train.Constant(0.5, 0), Steps: 1}
fmt.Println(t.Run(context.Background()), solver.rate)`, "ok||<nil> 0.5"},
		{"an iterator", `g := generate.New(models.Graphs(m), t.Params, 4)
count := 0
g.Stream(context.Background(), []int{1}, 3, generate.Options{})(func(t generate.Token, err error) bool { count++; return err == nil })
fmt.Println(count)`, "ok||3"},
		{"a loop", "// interrupt\nn := 0\nfor { n++ }", "error|// signal: interrupt|"},
		{"the next", `fmt.Println("alive", n > 0)`, "ok||alive true"},
		{"a cell that listens", "// interrupt\nfunc wait() error {\nctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)\n" +
			"defer stop()\n<-ctx.Done()\nreturn ctx.Err()\n}\nfmt.Println(wait())", "ok||context canceled"},
		{"the last", `fmt.Println("alive")`, "ok||alive"},
	}
	args := []string{"interrupt.py", "1"}
	for _, c := range cells {
		args = append(args, c.source)
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Env = append(os.Environ(), "JUPYTER_PATH="+filepath.Join(built.dir, "jupyter"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(got) != len(cells) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(cells), out)
	}
	for i, c := range cells {
		if got[i] != c.want {
			t.Errorf("%s: %q, want %q", c.name, got[i], c.want)
		}
	}
}

// TestCommand: an error in a command line is reported in one line.
func TestCommand(t *testing.T) {
	root := newRoot()
	root.SetArgs([]string{"test", "--python", "/no/python"})
	if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "/no/python has no nbclient") {
		t.Errorf("error %v", err)
	}
	root = newRoot()
	root.SetArgs([]string{"test", "--kernel", "python"})
	if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "want gorgpt or gonb") {
		t.Errorf("error %v", err)
	}
}

// TestLacking: a notebook that needs a file that does not exist is skipped, with one line in the log.
func TestLacking(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wants.ipynb")
	if err := os.WriteFile(file, []byte(`{"cells": [], "metadata": {"gorgpt": {"needs": "GORGPT_WANTED"}}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	err := (&tester{log: &log}).runOn(t.Context(), &builder{}, []string{file})
	if want := "skip   wants.ipynb: GORGPT_WANTED does not name a file\n"; err != nil || log.String() != want {
		t.Errorf("%v, %q, want %q", err, &log, want)
	}
	t.Setenv("GORGPT_WANTED", file)
	if variable, err := lacking(file); variable != "" || err != nil {
		t.Errorf("lacks %q, %v", variable, err)
	}
}
