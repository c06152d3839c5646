package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// tolEvaluation bounds the difference of a mean over all targets that is summed in batches
// of other sizes: float32 sums of a batch, 1e-7 of the loss each.
const tolEvaluation = 1e-6

// TestEvaluationOfAll: --eval-batches 0 is the mean over every target of the validation
// text, whatever the size of a batch, of one text and of a mixture.
func TestEvaluationOfAll(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "val.txt", text()[:17*16+1+5]) // 17 windows of 16, and 5 targets
	write(t, "more.jsonl", records(30))
	for _, source := range []string{"--data text.txt --val-data val.txt", "--data text.txt --validation 0.3", "--mix '3 text.txt' --mix '1 more.jsonl' --validation 0.3"} {
		var first float64
		for _, batch := range []int{1, 8, 12, 100} {
			dir := fmt.Sprint(len(source), "-", batch)
			args := []string{"--batch", fmt.Sprint(batch), "--eval-batches", "0", "--steps", "1", "--windows", "apart", "--out", dir}
			mustTrain(t, slices.Concat([]string{"train"}, small[2:], fields(source), args)...) // without --data
			_, validation := losses(t, dir)
			if first == 0 {
				first = validation[0]
			}
			if math.Abs(validation[0]-first) > tolEvaluation {
				t.Errorf("%s: %v with batches of %d, %v of 1", source, validation[0], batch, first)
			}
		}
	}
}

// records are JSON lines of the little language.
func records(n int) string {
	var b strings.Builder
	for i, line := range strings.SplitAfter(text(), "\n")[:n] {
		fmt.Fprintf(&b, "{\"id\": %d, \"text\": %q}\n", i, line)
	}
	return b.String()
}

// fields splits a command line at spaces outside of single quotes.
func fields(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// TestTrainPacked: the folder of gorgpt pack is data by itself, with its tokenizer, which is
// written into the recipe; another one is refused.
func TestTrainPacked(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := gorgpt(t, t.Context(), "pack", "--tokenizer", "bpe:280", "--out", "packed", "text.txt"); status != 0 {
		t.Fatal(stderr)
	}
	shape := []string{"train", "--layers", "1", "--heads", "1", "--width", "8", "--context", "8", "--batch", "2", "--steps", "2"}
	for i, data := range []string{"packed", "packed/train_*.bin"} {
		dir := fmt.Sprint("run", i)
		status, _, stderr := gorgpt(t, t.Context(), append(shape, "--data", data, "--out", dir)...)
		if status != 0 || !strings.Contains(stderr, "vocabulary 280") || strings.Contains(stderr, "left out") {
			t.Errorf("%s: status %d, %s", data, status, stderr)
		}
		recipe, err := os.ReadFile(filepath.Join(dir, "recipe.toml"))
		if err != nil || !strings.Contains(string(recipe), `tokenizer = "packed/tokenizer"`) {
			t.Errorf("%v, recipe %s", err, recipe)
		}
	}
	status, _, stderr := gorgpt(t, t.Context(), append(shape, "--data", "packed", "--tokenizer", "bytes", "--out", "run9")...)
	if want := "packed/tokenizer: the shards beside it were made with this tokenizer (bpe, 280 tokens), not with the one given (bytes, 257)"; status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, %s, want %s", status, stderr, want)
	}
}

// TestMarkedInput: a byte-order mark at the beginning of standard input is no part of it; one
// that comes later is.
func TestMarkedInput(t *testing.T) {
	for input, want := range map[string]string{
		"\ufeffab\n\ufeffc\n": "[97,98]\n[239,187,191,99]\n", "\ufeff": "", "\ufeff\n": "[]\n",
	} {
		var out strings.Builder
		if err := (&tokenizing{tok: tokenizer.Bytes()}).run(strings.NewReader(input), &out); err != nil || out.String() != want {
			t.Errorf("%q: %q, %v, want %q", input, out.String(), err, want)
		}
		lines := newLines(strings.NewReader(input))
		line, err := lines.next()
		if strings.HasPrefix(line, "\ufeff") || err != nil && err != io.EOF {
			t.Errorf("%q: line %q, %v", input, line, err)
		}
	}
}
