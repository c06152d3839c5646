package main

import (
	"os"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/run"
)

// TestCommand compares the precisions for a tiny recipe, and does so again from the files of the runs.
func TestCommand(t *testing.T) {
	if err := graph.BFloat16.Check(); err != nil {
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	r := run.Defaults()
	r.Model, r.Layers, r.Heads, r.Width, r.Steps, r.Batch, r.Context, r.EvalBatches = "gpt2-nano", 1, 1, 16, 20, 2, 16, 4
	r.Data, r.Tokenizer, r.Solver, r.Seed = "a.txt", "bytes", "adamw", 5
	if err := os.WriteFile("tiny.toml", r.Text(), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.txt", []byte(strings.Repeat("one fish two fish red fish blue fish\n", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) (table, progress string, err error) {
		var out, log strings.Builder
		cmd := command()
		cmd.SetArgs(append([]string{"tiny.toml", "--text", ".", "--out", "runs", "--seeds", "2", "--steps", "10"}, args...))
		cmd.SetOut(&out)
		cmd.SetErr(&log)
		err = cmd.ExecuteContext(t.Context())
		return out.String(), log.String(), err
	}
	table, progress, err := call("--most", "0.1")
	if err != nil || strings.Count(progress, "\n") != 4 || strings.Count(table, "\n") != 4 || !strings.Contains(table, "| 6 ") {
		t.Fatalf("%v\n%s%s", err, table, progress)
	}
	again, progress, err := call("--most", "0.1")
	if err != nil || again != table || progress != "" {
		t.Errorf("done again: %v\n%s%s", err, again, progress)
	}
	if _, _, err := call("--most", "1e-9"); err == nil || !strings.HasPrefix(err.Error(), "losses differ by 0.") {
		t.Errorf("no rounding was noticed: %v", err)
	}
	// Other settings are refused, and do not affect finished runs.
	if _, _, err := call("--steps", "5"); err == nil || !strings.Contains(err.Error(), "has a run with eval_every = 10, not eval_every = 5; give another --out") {
		t.Errorf("runs of other steps: %v", err)
	}
	if again, _, err := call("--most", "0.1"); err != nil || again != table {
		t.Errorf("then: %v\n%s", err, again)
	}
	if _, _, err := call("--steps", "21"); err == nil || err.Error() != "--steps 21: tiny.toml has 20" {
		t.Error(err)
	}
}
