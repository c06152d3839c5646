package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reviews returns a table that a small model can learn.
func reviews(n int) string {
	var b strings.Builder
	b.WriteString("review,stars\n")
	for i := range n {
		word, class := "dull", "bad"
		if i*i%3 == 1 {
			word, class = "fun", "good"
		}
		fmt.Fprintf(&b, "%d was %s,%s\n", i*7919%1000, word, class)
	}
	return b.String()
}

// TestFinetune pre-trains, fine-tunes on a table, and classifies with the result.
func TestFinetune(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "reviews.csv", reviews(200))
	pretrain := []string{"train", "--data", "text.txt", "--tokenizer", "bytes", "--model", "gpt1-nano", "--layers", "1", "--width", "32", "--heads", "2",
		"--context", "32", "--batch", "8", "--steps", "10", "--eval-every", "10", "--eval-batches", "1", "--out", "run"}
	if status, _, stderr := gorgpt(t, t.Context(), pretrain...); status != 0 {
		t.Fatal(stderr)
	}
	args := []string{"finetune", "--from", "run/checkpoints/latest", "--kind", "classification", "--text", "review", "--label", "stars",
		"--train", "reviews.csv", "--lr", "0.01", "--epochs", "4", "--batch", "16", "--dropout", "0", "--lambda", "0.1"}
	status, out, stderr := gorgpt(t, t.Context(), append(args, "--out", "tuned")...)
	if status != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"180 examples to train on", "20 to measure on", "epoch 4: dev loss"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr)
		}
	}
	for _, want := range []string{"accuracy", "1.0000", "truth \\ predicted", "tuned\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	for _, name := range []string{"metrics.jsonl", "predictions.tsv", "checkpoints/best/task.json", "finetune.toml", "confusion.png"} {
		if _, err := os.Stat(filepath.Join("tuned", name)); err != nil {
			t.Error(err)
		}
	}

	// Its recipe repeats the run.
	status, again, stderr := gorgpt(t, t.Context(), "finetune", "tuned/finetune.toml", "--out", "again")
	if status != 0 || strings.ReplaceAll(again, "again", "tuned") != out {
		t.Errorf("status %d: %s\n%s, want\n%s", status, stderr, again, out)
	}
	if status, out, stderr := gorgpt(t, t.Context(), "runs", "again"); status != 0 || !strings.Contains(out, "run/checkpoints/latest for reviews.csv") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	for text, want := range map[string]string{
		"lr = 1e-3\nepoch = 3\n":  `bad.toml:2: unknown key "epoch"; did you mean "epochs"?`,
		"\nepochs = \"three\"\n":  `bad.toml:2: epochs: want an integer, got "three"`,
		"text = [1, 2]\n":         "bad.toml:1: text: want a string, got a list",
		"out = \"x\"\n":           `bad.toml:1: unknown key "out"`,
		"# nothing\n\nlr = = 3\n": "bad.toml:3: ",
	} {
		write(t, "bad.toml", text)
		if status, _, stderr := gorgpt(t, t.Context(), "finetune", "bad.toml"); status != 2 || !strings.HasPrefix(stderr, "gorgpt: "+want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d: %s, want %s", text, status, stderr, want)
		}
	}
	if status, out, stderr = gorgpt(t, t.Context(), "finetune", "tuned/finetune.toml", "--examples", "20", "--epochs", "1", "--json", "--out", "few"); status != 0 || !strings.Contains(stderr, "20 examples to train on") || !strings.Contains(out, `"epochs":[{`) {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}

	from := []string{"classify", "--from", "tuned/checkpoints/best"}
	if status, out, stderr = gorgpt(t, t.Context(), append(from, "412 was fun")...); status != 0 || !strings.HasPrefix(out, "good\t") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	root := newRoot()
	var lines bytes.Buffer
	root.SetIn(strings.NewReader("512 was dull\n612 was fun\n"))
	root.SetOut(&lines)
	root.SetArgs(append(from, "--json"))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&lines)
	for _, want := range []string{"bad", "good"} {
		var got struct {
			Answer        string
			Probabilities map[string]float64
		}
		if err := decoder.Decode(&got); err != nil || got.Answer != want || got.Probabilities[want] < 0.5 {
			t.Errorf("%+v, %v; want %s", got, err, want)
		}
	}

	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"finetune", 2, "--from is missing: the checkpoint of the model to fine-tune"},
		{"finetune --from x", 2, "give either --task or --kind"},
		{"finetune --from x --task rte", 2, "--data or --train is missing: the examples"},
		{"finetune --from x --task rta --data .", 2, `unknown task "rta"; did you mean "rte"?`},
		{"finetune --from x --kind clasification --train y", 2, `unknown kind "clasification"; did you mean "classification"?`},
		{"finetune --from x --task rte --data . --lambda -1", 2, "--lambda -1: want 0 or more"},
		{"finetune --from x --task rte --data . --dropout 1", 2, "--dropout 1: want a rate in [0, 1), or -1 for the checkpoint's"},
		{"finetune tuned/finetune.toml --dev nosuch.csv", 1, "nosuch.csv: no such file or directory"},
		{"finetune tuned/finetune.toml --examples 181", 2, "--examples 181: reviews.csv has only 180"},
		{"finetune --from run/checkpoints/latest --task rte --data run", 1, "--data: no file in run has train, dev or val in its name; give --train and --dev"},
		{"finetune --from run/checkpoints/latest --kind classification --text review --label star --train reviews.csv", 1, ""},
		{"classify --from run/checkpoints/latest x", 1, "run/checkpoints/latest has no task.json: it is not a classifier; make one with gorgpt finetune"},
		{"classify --from tuned x", 1, "tuned: no config.json in it: not a checkpoint; did you mean tuned/checkpoints/best?"},
		{"classify --from nowhere x", 1, "nowhere: no such file or folder"},
		{"classify --from tuned/checkpoints/best x y", 2, "2 texts, want 1: reviews.csv is a task of classification"},
		{"generate --from tuned/checkpoints/best --prompt x", 1, "tuned/checkpoints/best: a classifier, which writes no text: use gorgpt classify"},
		{"convert tuned/checkpoints/best x.gguf", 1, "tuned/checkpoints/best is a classifier, which no other format can hold; gorgpt classify and serve read it as it is"},
		{"classify", 2, "--from is missing: the checkpoint to classify with"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), strings.Fields(c.args)...)
		if status != c.status || c.want != "" && stderr != "gorgpt: "+c.want+"\n" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d: %s", c.args, status, stderr)
		}
	}
}
