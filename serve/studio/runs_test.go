package studio_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// metrics returns the metrics of some steps.
func metrics(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, `{"step":%d,"tokens":%d,"loss":%v,"lr":0.001,"grad_norm":1,"tokens_per_s":100,"seconds":%d,"aux":%d}`+"\n", i, 8*i, 4+float64(i%2), i, i)
		if i%10 == 0 {
			fmt.Fprintf(&b, `{"step":%d,"val_loss":%v}`+"\n", i, 5-float64(i)/1000)
		}
	}
	return b.String()
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

type curves struct {
	Step   []float64
	Steps  int
	Series map[string]struct{ Mean, Min, Max []*float64 }
	Vals   map[string][]struct {
		Step  int
		Value *float64
	}
}

// TestRuns: the curves of a run cover all of its steps, and follow it as it continues.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "one", "metrics.jsonl")
	half := `{"step":101,"tokens":808,"lo`
	put(t, path, metrics(1, 100)+half)
	put(t, filepath.Join(dir, "broken", "metrics.jsonl"), "no metrics\n")
	h, _ := open(t, dir, "gpt2-nano")
	list := answered[struct {
		Runs []struct {
			Name, Problem string
			Live          bool
			Summary       *struct {
				Step int
				Best float64 `json:"best_val_loss"`
			}
		}
	}](t, h, "/studio/runs", nil)
	if len(list.Runs) != 2 {
		t.Fatalf("%d runs", len(list.Runs))
	}
	for _, r := range list.Runs {
		switch {
		case r.Name == "one" && (!r.Live || r.Summary == nil || r.Summary.Step != 100 || r.Summary.Best != 4.9):
			t.Errorf("%+v", r)
		case r.Name == "broken" && r.Problem == "":
			t.Errorf("%+v", r)
		}
	}
	a := answered[curves](t, h, "/studio/curves?run=one&points=10", nil)
	loss := a.Series["loss"]
	if a.Steps != 100 || len(a.Step) != 10 || a.Step[9] != 100 || len(a.Vals["val_loss"]) != 10 || *a.Vals["val_loss"][9].Value != 4.9 {
		t.Fatalf("%+v", a)
	}
	for i := range loss.Mean {
		if *loss.Mean[i] != 4.5 || *loss.Min[i] != 4 || *loss.Max[i] != 5 {
			t.Errorf("point %d: %v, %v to %v", i, *loss.Mean[i], *loss.Min[i], *loss.Max[i])
		}
	}
	if *a.Series["aux"].Mean[0] != 5.5 {
		t.Errorf("another curve begins at %v", *a.Series["aux"].Mean[0])
	}

	put(t, path, metrics(1, 150)) // the run continues
	if a := answered[curves](t, h, "/studio/curves?run=one&points=500", nil); a.Steps != 150 || len(a.Step) != 150 || math.Abs(*a.Series["loss"].Mean[148]-5) > 0 {
		t.Errorf("after 150 steps: %d, %d points", a.Steps, len(a.Step))
	}
	put(t, path, metrics(1, 20)) // the run was resumed from an earlier step
	if a := answered[curves](t, h, "/studio/curves?run=one", nil); a.Steps != 20 || len(a.Vals["val_loss"]) != 2 {
		t.Errorf("after it was resumed: %d steps", a.Steps)
	}
	put(t, path, strings.ReplaceAll(metrics(1, 80), `"lr":0.001`, `"lr":0.002`)) // resumed again, and already past the steps seen before
	if a := answered[curves](t, h, "/studio/curves?run=one&points=500", nil); a.Steps != 80 || len(a.Series["lr"].Mean) != 80 || *a.Series["lr"].Mean[0] != 0.002 {
		t.Errorf("after it was resumed, and went on: %d steps, lr from %v", a.Steps, *a.Series["lr"].Mean[0])
	}
	put(t, filepath.Join(dir, "one", "recipe.toml"), "model = \"gpt2-nano\"\n")
	put(t, filepath.Join(dir, "one", "samples.txt"), strings.Repeat("x", 100_000)+"the end")
	files := answered[struct{ Recipe, Samples string }](t, h, "/studio/curves?run=one&files=1", nil)
	if files.Recipe != "model = \"gpt2-nano\"\n" || !strings.HasSuffix(files.Samples, "the end") || len(files.Samples) > 9000 {
		t.Errorf("recipe %q, samples of %d", files.Recipe, len(files.Samples))
	}
	for path, want := range map[string]string{
		"/studio/curves?run=two":            `no run \"two\"`,
		"/studio/curves?run=../one":         `no run \"../one\"`,
		"/studio/curves?run=one&points=1":   `want a number from 2 to 2000`,
		"/studio/confusion?run=one":         `no predictions.tsv`,
		"/studio/curves?run=one&points=9e9": `want a number from 2 to 2000`,
	} {
		if status, text := ask(t, h, path, nil); status/100 != 4 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

// TestConfusion: predictions are counted by true label and predicted label.
func TestConfusion(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "tuned", "metrics.jsonl"), metrics(1, 3))
	put(t, filepath.Join(dir, "tuned", "predictions.tsv"), "line\ttruth\tpredicted\n1\tgood\tgood\n2\tbad\tgood\n3\tbad\tbad\n4\tbad\tgood\n")
	h, _ := open(t, dir)
	a := answered[struct {
		Labels       []string
		Counts       map[string]int
		Total, Right int
		Some         []struct{ Line, Truth, Predicted string }
	}](t, h, "/studio/confusion?run=tuned", nil)
	if fmt.Sprint(a.Labels) != "[bad good]" || a.Total != 4 || a.Right != 2 || a.Counts["bad\tgood"] != 2 || a.Counts["bad\tbad"] != 1 || len(a.Some) != 2 || a.Some[1].Line != "4" {
		t.Errorf("%+v", a)
	}
	put(t, filepath.Join(dir, "tuned", "predictions.tsv"), "line\ttruth\tpredicted\n1\tgood\n")
	if status, text := ask(t, h, "/studio/confusion?run=tuned", nil); status != 400 || !strings.Contains(text, "a line of 2 columns, want 3") {
		t.Errorf("%d %s", status, text)
	}
}

// TestManyCurves: if a run has more metrics than can be shown, the loss and the axes are among those shown.
func TestManyCurves(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	for i := 1; i <= 3; i++ {
		fmt.Fprintf(&b, `{"step":%d,"tokens":%d,"loss":4,"lr":0.001,"grad_norm":1,"tokens_per_s":100,"seconds":%d`, i, 8*i, i)
		for k := range 80 {
			fmt.Fprintf(&b, `,"a.%02d.entropy":%d`, k, k)
		}
		b.WriteString("}\n")
		fmt.Fprintf(&b, `{"step":%d,"val_loss":5`, i)
		for k := range 80 {
			fmt.Fprintf(&b, `,"a.%02d":%d`, k, k)
		}
		b.WriteString("}\n")
	}
	put(t, filepath.Join(dir, "one", "metrics.jsonl"), b.String())
	h, _ := open(t, dir, "gpt2-nano")
	c := answered[curves](t, h, "/studio/curves?run=one", nil)
	for _, name := range []string{"loss", "lr", "grad_norm", "tokens_per_s", "tokens", "seconds", "a.00.entropy"} {
		if len(c.Series[name].Mean) != 3 {
			t.Errorf("no curve of %s", name)
		}
	}
	if len(c.Vals["val_loss"]) != 3 || len(c.Vals["a.00"]) != 3 || len(c.Vals["a.79"]) != 0 {
		t.Errorf("evaluations of %d names", len(c.Vals))
	}
}
