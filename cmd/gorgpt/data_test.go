package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
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
