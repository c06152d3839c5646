package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/cli/internal/command"
)

// TestFinetuneStopped: an interrupt or an error before the end of the first epoch loses nothing, for a
// task and for pairs; the saved checkpoint can be used.
func TestFinetuneStopped(t *testing.T) {
	t.Chdir(t.TempDir())
	from := pretrained(t)
	write(t, "reviews.csv", reviews(20000))
	write(t, "pairs.jsonl", strings.Repeat(`{"prompt":"p","response":"q"}`+"\n", 20000))
	stop := func(out string, args ...string) (status int, stderr string) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			awaitStep(t, out, 2)
			cancel()
		}()
		status, _, stderr = gorgpt(t, ctx, append([]string{"finetune", "--from", from, "--batch", "4", "--micro", "4", "--out", out}, args...)...)
		return status, stderr
	}
	for out, args := range map[string]string{
		"task":  "--kind classification --text review --label stars --train reviews.csv",
		"pairs": "--pairs pairs.jsonl --context 8",
	} {
		status, stderr := stop(out, strings.Fields(args)...)
		latest := filepath.Join(out, "checkpoints", "latest")
		if status != command.Interrupted || !strings.Contains(stderr, ": the weights are saved in "+latest+"\n") || !strings.Contains(stderr, ": interrupted") {
			t.Errorf("%s: status %d: %s", out, status, stderr)
		}
		use := []string{"classify", "--from", latest, "3 was fun"}
		if out == "pairs" {
			use = []string{"generate", "--from", latest, "--prompt", "p", "--tokens", "2"}
		}
		if status, _, stderr := gorgpt(t, t.Context(), use...); status != 0 {
			t.Errorf("%s: %s", out, stderr)
		}
	}
	// Before the first update there is nothing to save.
	write(t, "few.csv", reviews(200))
	args := []string{"finetune", "--from", from, "--kind", "classification", "--text", "review", "--label", "stars", "--train", "few.csv", "--out", "none"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, _, stderr := gorgpt(t, ctx, args...); status != command.Interrupted || strings.Contains(stderr, "saved") {
		t.Errorf("before the first update: status %d: %s", status, stderr)
	}
	// A learning rate at which nothing stays finite.
	status, _, stderr := gorgpt(t, t.Context(), append(args[:len(args)-1], "nan", "--lr", "1", "--weight-decay", "999999", "--epochs", "50")...)
	want := fmt.Sprintf(": the weights are saved in %s\n", filepath.Join("nan", "checkpoints", "latest"))
	if status != 1 || !strings.Contains(stderr, want) {
		t.Errorf("not a number: status %d: %s", status, stderr)
	}
}
