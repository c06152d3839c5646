package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tuned returns the results of a fine-tuning run: the best weights, its output, and every line of the
// metrics, without times.
func tuned(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"checkpoints/best/model.safetensors", "metrics.jsonl", "predictions.tsv"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && name != "predictions.tsv" {
			t.Fatal(err)
		}
		out[name] = string(regexp.MustCompile(`"(tokens_per_s|seconds)": ?[0-9.e+-]+`).ReplaceAll(b, []byte("$1")))
	}
	return out
}

// TestFinetuneResumes: a fine-tuning run that is ended by SIGKILL in its second epoch and resumed by
// another process ends with the bits of an uninterrupted one, for a task and for pairs.
func TestFinetuneResumes(t *testing.T) {
	t.Chdir(t.TempDir())
	from := pretrained(t)
	write(t, "reviews.csv", reviews(1000))
	write(t, "pairs.jsonl", strings.Repeat(`{"prompt":"p","response":"q"}`+"\n"+`{"prompt":"a","response":"bc"}`+"\n", 500))
	for name, args := range map[string]string{
		"task":  "--kind classification --text review --label stars --train reviews.csv",
		"pairs": "--pairs pairs.jsonl --context 8",
	} {
		all := append([]string{"finetune", "--from", from, "--batch", "8", "--micro", "4", "--epochs", "5", "--lr", "1e-3"}, strings.Fields(args)...)
		status, _, stderr := gorgpt(t, t.Context(), append(all, "--out", name)...)
		if status != 0 {
			t.Fatal(stderr)
		}
		want := tuned(t, name)
		again := name + "-killed"
		killed := process(t, 1, append(all, "--out", again)...)
		awaitStep(t, again, 150) // of about 565
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := killed.Wait(); err == nil {
			t.Fatal("the run ended before it was killed")
		}
		if err := process(t, 2, "finetune", "--resume", again).Wait(); err != nil {
			t.Fatal(err)
		}
		for file, text := range tuned(t, again) {
			if text != want[file] {
				t.Errorf("%s: %s is another than in one piece", name, file)
			}
		}
		// A run that has ended cannot be resumed.
		if status, _, stderr := gorgpt(t, t.Context(), "finetune", "--resume", again); status != 1 || !strings.Contains(stderr, "the run has finished") {
			t.Errorf("%s: status %d: %s", name, status, stderr)
		}
	}
	if status, _, stderr := gorgpt(t, t.Context(), "finetune", "--resume", "task", "--epochs", "9"); status != 2 || !strings.Contains(stderr, "--resume uses the run's own recipe") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
