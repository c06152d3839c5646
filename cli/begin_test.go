package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/run"
)

// TestTrainFrom: a run that starts from a checkpoint has its weights, tokenizer and configuration, and
// a recipe that repeats the run; it can be resumed like any other.
func TestTrainFrom(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "new.txt", strings.ReplaceAll(text(), "and", "nd"))
	mustTrain(t, append([]string{"train", "--out", "first"}, small...)...)
	const from = "first/checkpoints/latest"
	more := []string{"train", "--from", from, "--data", "text.txt", "--batch", "8", "--steps", "20", "--eval-every", "10", "--eval-batches", "3", "--lr", "0.001"}

	mustTrain(t, append(more, "--out", "second")...)
	_, was := losses(t, "first")
	training, validation := losses(t, "second")
	if validation[0] != was[len(was)-1] {
		t.Errorf("validation loss %v at first, want the checkpoint's %v", validation[0], was[len(was)-1])
	}
	mustTrain(t, append(more, "--out", "stopped", "--stop-after", "7")...)
	mustTrain(t, "train", "--resume", "stopped")
	mustTrain(t, "train", run.Dir("second").RecipePath(), "--out", "repeated")
	for _, dir := range []string{"stopped", "repeated"} {
		if got, _ := losses(t, dir); !slices.Equal(got, training) {
			t.Errorf("%s has other losses", dir)
		}
	}

	mustTrain(t, append(more, "--out", "cropped", "--context", "8", "--data", "new.txt")...)
	if status, stdout, stderr := gorgpt(t, t.Context(), "generate", "--from", "cropped/checkpoints/latest", "--tokens", "20"); status != 0 || stdout == "" {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--context 17", 2, "gorgpt: --context 17: the model of --from " + from + " has 16; leave it out, or choose fewer\n"},
		{"--context 0", 2, "gorgpt: --context 0: want 1 or more\n"},
		{"--model gpt2", 2, "--from: the checkpoint determines it"},
		{"--tokenizer bytes", 2, "--from: the checkpoint determines it"},
		{"--width 8", 2, "--from: the checkpoint determines it"},
		{"--from nowhere", 1, "gorgpt: --from: nowhere: no such file or folder\n"},
		{"--from first", 1, "did you mean first/checkpoints/best?\n"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), append(append(more, "--out", "none"), strings.Fields(c.args)...)...)
		if status != c.status || !strings.HasSuffix(stderr, c.want) && !strings.Contains(stderr, strings.TrimSpace(c.want)) {
			t.Errorf("%s: status %d: %s", c.args, status, stderr)
		}
		if exists("none") {
			t.Fatalf("%s: there is a run directory", c.args)
		}
	}
	status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "stopped", "--from", "second/checkpoints/latest")
	if status != 2 || !strings.Contains(stderr, "--resume continues the run as it began") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
