package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pretrained makes a checkpoint for finetune to start from, run/checkpoints/latest.
func pretrained(t *testing.T) string {
	t.Helper()
	write(t, "text.txt", text())
	status, _, stderr := gorgpt(t, t.Context(), "train", "--data", "text.txt", "--tokenizer", "bytes", "--model", "gpt1-nano", "--layers", "1", "--width", "32", "--heads", "2",
		"--context", "32", "--batch", "8", "--steps", "2", "--eval-every", "2", "--eval-batches", "1", "--out", "run")
	if status != 0 {
		t.Fatal(stderr)
	}
	return filepath.Join("run", "checkpoints", "latest")
}

// scoredTexts returns a table of n texts, whose score is the number of x in the text, times unit.
func scoredTexts(n int, unit float64) string {
	var b strings.Builder
	b.WriteString("text,score\n")
	for i := range n {
		k := i * 7919 % 1009 % 6
		fmt.Fprintf(&b, "%s%s%d,%g\n", strings.Repeat("x", k), strings.Repeat("o", 5-k), i%10, unit*float64(k))
	}
	return b.String()
}

// TestFinetuneScores: scores of any size can be learned, on a scale or as a number, and the recipe
// repeats the run.
func TestFinetuneScores(t *testing.T) {
	t.Chdir(t.TempDir())
	from := pretrained(t)
	for _, c := range []struct {
		unit   float64
		flags  string
		says   string
		scaled bool
	}{
		{1, "", "scores from 0 to 5: an output for each whole number\n", true},
		{1.7, "--score-range 0:9", "scores from 0 to 9: an output for each whole number\n", true},
		{0.19, "", "scores from 0 to 0.95: one output with the squared error; mean ", false},
		{0.96, "", "scores from 0 to 4.8: one output with the squared error; mean ", false},
		{14000, "", "scores from 0 to 70000: one output with the squared error; mean ", false},
		{6e8, "", "scores from 0 to 3e+09: one output with the squared error; mean ", false},
	} {
		out := fmt.Sprintf("out%g%s", c.unit, strings.TrimPrefix(c.flags, "--score-range "))
		write(t, "train.csv", scoredTexts(150, c.unit))
		// True scores outside of the range seen in training, on either side, do not panic.
		write(t, "dev.csv", scoredTexts(30, c.unit)+map[bool]string{true: "", false: fmt.Sprintf("ooooo1,%g\nxxxxx2,%g\n", -2*c.unit, 7*c.unit)}[c.flags != ""])
		args := append([]string{"finetune", "--from", from, "--kind", "classification", "--text", "text", "--score", "score", "--train", "train.csv", "--dev", "dev.csv",
			"--lr", "0.01", "--epochs", "4", "--batch", "16", "--dropout", "0", "--lambda", "0.1", "--json"}, strings.Fields(c.flags)...)
		status, stdout, stderr := gorgpt(t, t.Context(), append(args, "--out", out)...)
		if status != 0 || !strings.Contains(stderr, c.says) {
			t.Fatalf("by %g: status %d: %s, want %s", c.unit, status, stderr, c.says)
		}
		if beyond := strings.Contains(stderr, "2 scores in the dev set outside this range, which the model cannot predict\n"); beyond != (c.scaled && c.flags == "") {
			t.Errorf("by %g: %s", c.unit, stderr)
		}
		var r struct{ Metrics map[string]float64 }
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || !(r.Metrics["pearson"] > 0.9) || !(r.Metrics["rmse"] < c.unit) {
			t.Errorf("by %g: %s%v", c.unit, stdout, err)
		}
		best := filepath.Join(out, "checkpoints", "best")
		status, stdout, stderr = gorgpt(t, t.Context(), "classify", "--json", "--from", best, "xxxoo4")
		var answer struct {
			Answer        string
			Score         float64
			Probabilities []float64
		}
		err := json.Unmarshal([]byte(stdout), &answer)
		if status != 0 || err != nil || math.Abs(answer.Score-3*c.unit) > 1.5*c.unit || (answer.Probabilities != nil) != c.scaled {
			t.Errorf("by %g: %s%s%v", c.unit, stdout, stderr, err)
		}
		if status, stdout, stderr = gorgpt(t, t.Context(), "classify", "--from", best, "xxxoo4"); stdout != answer.Answer+"\n" {
			t.Errorf("by %g: status %d: %s%s, want %s", c.unit, status, stdout, stderr, answer.Answer)
		}
		if c.unit < 1 || c.unit == 14000 {
			continue // two recipes are enough
		}
		status, _, stderr = gorgpt(t, t.Context(), "finetune", out+"/finetune.toml", "--out", out+"-again")
		first, err1 := os.ReadFile(filepath.Join(out, "predictions.tsv"))
		again, err2 := os.ReadFile(filepath.Join(out+"-again", "predictions.tsv"))
		if err := errors.Join(err1, err2); status != 0 || err != nil || string(first) != string(again) {
			t.Errorf("by %g: the recipe gives other predictions: %s%v", c.unit, stderr, err)
		}
	}
}

// TestFinetuneClasses: the class that F1 is of is reported and can be chosen; with many classes there
// is the mean, and a line for each class.
func TestFinetuneClasses(t *testing.T) {
	t.Chdir(t.TempDir())
	from := pretrained(t)
	table := func(classes ...string) string {
		var b strings.Builder
		b.WriteString("text,class\n")
		for i := range 60 {
			k := i * 7919 % 1009 % len(classes)
			fmt.Fprintf(&b, "%c%d,%s\n", "pqr"[k], i%10, classes[k])
		}
		return b.String()
	}
	write(t, "two.csv", table("ham", "spam"))
	write(t, "three.csv", table("red", "green", "1000000"))
	write(t, "one.csv", "text,class\n"+strings.Repeat("p,ham\n", 30))
	write(t, "short.csv", "text,class\n"+strings.Repeat("p,ham\nq,spam\n", 4))
	write(t, "sst2.jsonl", strings.Repeat(`{"sentence":"p","label":1}`+"\n"+`{"sentence":"q","label":0}`+"\n"+`{"sentence":"?","label":-1}`+"\n", 10))
	write(t, "sst2.csv", "idx,sentence,label\n"+strings.Repeat("0,p,1\n1,q,0\n", 10))
	own := "finetune --from " + from + " --kind classification --text text --label class --epochs 1 --lr 0.001 "
	glue := "finetune --from " + from + " --task sst2 --epochs 1 "
	for _, c := range []struct {
		args   string
		status int
		stdout []string
		stderr string
	}{
		{own + "--train two.csv", 0, []string{"f1 of spam", "class  precision", "\nham "}, ", f1 of spam "},
		{own + "--train two.csv --positive ham", 0, []string{"f1 of ham"}, ", f1 of ham "},
		{own + "--train two.csv --positive ham --json", 0, []string{`"positive":"ham"`, `"classes":{"ham":{"precision":`}, ""},
		{own + "--train three.csv", 0, []string{"macro_f1", "class    precision", "\n1000000 "}, ", macro_f1 0."},
		{own + "--train two.csv --dev one.csv", 0, nil, "dev set: all 30 examples are ham: there is nothing to tell apart\n"},
		{own + "--train one.csv", 1, nil, "gorgpt: one.csv: all 27 examples are ham: there is nothing to tell apart\n"},
		{own + "--train two.csv --examples 1", 1, nil, "gorgpt: two.csv: all 1 examples are "},
		{own + "--train short.csv", 1, nil, "gorgpt: short.csv: 8 examples, too few to hold out a tenth: give at least 10, or --dev\n"},
		{own + "--train two.csv --positive eggs", 1, nil, `gorgpt: two.csv: the positive label "eggs" is not one of ham, spam`},
		{own + "--train two.csv --score-range 0:5", 2, nil, "gorgpt: --score-range is the range of --score, which is missing\n"},
		{glue + "--train sst2.jsonl", 0, []string{"accuracy", "negative"}, "18 examples to train on from sst2.jsonl (10 left out: no label, or a broken line), 2 to measure on\n"},
		{glue + "--train sst2.csv", 0, []string{"accuracy"}, "18 examples to train on from sst2.csv, 2 to measure on\n"},
		{glue + "--train sst2.csv --label class", 2, nil, "gorgpt: --label is for your own task, with --kind: the columns of sst2 are fixed\n"},
	} {
		status, stdout, stderr := gorgpt(t, t.Context(), append(strings.Fields(c.args), "--out", t.TempDir())...)
		if status != c.status || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: status %d: %s, want %s", c.args, status, stderr, c.stderr)
		}
		for _, want := range c.stdout {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %s, want %s", c.args, stdout, want)
			}
		}
	}
}
