package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/recipes/internal/studies"
	"github.com/gorgpt/gorgpt/run"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// faked is a study whose runs only record that they ended, with losses that follow a law.
type faked struct {
	t      *testing.T
	mu     sync.Mutex
	done   []string
	timed  int
	broken bool
}

// train makes a loss that is lowest at a rate of 0.016, falls by 0.1 with twice the steps, is 0.3 lower with
// edits, and varies a little with the seed.
func (f *faked) train(_ context.Context, of studies.Run) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return errors.New("no room")
	}
	r, dir := of.Recipe, string(of.Dir)
	f.done = append(f.done, filepath.Base(dir))
	loss := 2 + 0.2*math.Abs(math.Log2(r.LearnRate/0.016)) - 0.1*math.Log2(float64(r.Steps)/100) + 0.001*float64(r.Seed*r.Seed)
	if len(of.Edits) > 0 {
		loss -= 0.3 - 0.001*float64(r.Seed)
	}
	write(f.t, filepath.Join(dir, "recipe.toml"), string(r.Text()))
	write(f.t, filepath.Join(dir, "checkpoints", "latest", "weights"), "")
	write(f.t, filepath.Join(dir, "metrics.jsonl"), fmt.Sprintf("{\"step\":0,\"val_loss\":5.5}\n{\"step\":%d,\"val_loss\":%g}\n", r.Steps, loss))
	return nil
}

func (f *faked) measure(_ context.Context, s *study) (map[string]float64, error) {
	f.timed++
	times := make(map[string]float64)
	for _, v := range s.variants {
		if times[v.Name] = 0.01; v.Edits != nil {
			times[v.Name] = 0.02
		}
	}
	return times, nil
}

func (f *faked) study(args ...string) (string, error) {
	return runStudy(f.t, f.train, f.measure, args...)
}

// rows returns a baseline, an edit and another optimizer; and half a run, the other half that starts from its weights, and
// the same with an edit.
func rows() []Variant {
	base, muon, half, more := "GPT-2", "Muon", "half", "more"
	edits := func(gpt2.Config) []graph.Option {
		return []graph.Option{graph.Remove("wpe"), layers.EditAttention("h.*.attn", layers.Rotary(ops.RotaryOptions{}))}
	}
	return []Variant{
		{Name: base, Swept: base, Guess: 4e-3, Lengths: []float64{0.5, 0.7, 1.4, 2}},
		{Name: "RoPE", Against: base, Swept: base, Edits: edits},
		{Name: muon, Against: base, Swept: muon, Guess: 8e-3, Tune: func(r *run.Recipe) { r.Solver = "muon" }},
		{Name: half, Swept: base, Share: 0.5},
		{Name: more, Swept: base, Share: 0.5, From: half, Lengths: []float64{2}},
		{Name: "edited", Against: more, Swept: base, Share: 0.5, From: half, Edits: edits},
	}
}

func runStudy(t *testing.T, train trainer, measure meter, args ...string) (string, error) {
	cmd := command(Study{Name: "study", Title: "Gains", Variants: rows()}, train, measure)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append([]string{"--jobs", "1"}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestStudy: rates are swept until the best is between two worse ones; each run is done once, and its step timed
// once; the tables compare with the baseline at equal steps and at equal seconds.
func TestStudy(t *testing.T) {
	dir := t.TempDir()
	f := &faked{t: t, broken: true}
	args := []string{"--out", filepath.Join(dir, "runs"), "--variants", "RoPE,Muon", "--steps", "100"}
	if _, err := f.study(args...); err == nil || !strings.HasSuffix(err.Error(), "runs/rates/gpt-2-0.002: no room") {
		t.Fatalf("error %v", err)
	}
	if _, err := f.study(append(args, "--fit")...); err == nil || err.Error() != "--fit: 6 runs that choose learning rates are not done" {
		t.Fatalf("error %v", err)
	}
	f.broken = false
	for range 2 { // the second time, nothing is left to do
		table, err := f.study(args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"21 of 21 runs are done",
			"| GPT-2 | 0.016 | 0.0020: 12.600, 0.0040: 12.400, 0.0080: 12.200, 0.0160: 12.000, 0.0320: 12.200 |",
			"| GPT-2 | 170624 | 2.005 ± 0.004 |  | 1.00 |  |  |\n",
			"| RoPE | 166528 | 1.707 ± 0.005 | **-0.298 ± 0.001** | 2.00 | 1.905 | **-0.198 ± 0.001** |\n",
			"| Muon | 170624 | 2.005 ± 0.004 | +0.000 ± 0.000 | 1.00 | 2.005 | +0.000 ± 0.000 |\n",
		} {
			if !strings.Contains(table, want) {
				t.Errorf("no %q in\n%s", want, table)
			}
		}
	}
	// Nine runs for two rates: five, and four for a guess nearer to the best.
	if len(f.done) != 9+9+12 || f.timed != 1 || !slices.Contains(f.done, "gpt-2-140-steps-3") || !slices.Contains(f.done, "rope-1") {
		t.Errorf("timed %d times; %d runs: %v", f.timed, len(f.done), f.done)
	}
	for _, name := range []string{"points.csv", "gains.png", "times.csv"} {
		if info, err := os.Stat(filepath.Join(dir, "runs", name)); err != nil || info.Size() < 40 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "runs", "rope-1", "checkpoints")); err == nil {
		t.Error("weights were kept")
	}
	if _, err := f.study(append(args, "--time", "--seeds", "2")...); err != nil || f.timed != 2 || len(f.done) != 30 {
		t.Errorf("%v, timed %d times, %d runs", err, f.timed, len(f.done))
	}
	if _, err := f.study(append(args, "--eval-batches", "5")...); err == nil || !strings.HasSuffix(err.Error(), "eval_batches = 96, not eval_batches = 5; give another --out") {
		t.Errorf("error %v", err)
	}
	write(t, filepath.Join(dir, "runs", "times.csv"), "variant,seconds\nRoPE,-1\n")
	if _, err := f.study(args...); err == nil || !strings.HasSuffix(err.Error(), "times.csv: [RoPE -1]: want seconds above 0; remove the file to measure again") {
		t.Errorf("error %v", err)
	}
}

// TestFrom: a variant that starts from the weights of another is trained after that one, whose weights are kept; it has a
// separate table.
func TestFrom(t *testing.T) {
	out := filepath.Join(t.TempDir(), "runs")
	f := &faked{t: t}
	train := func(ctx context.Context, r studies.Run) error {
		name := filepath.Base(string(r.Dir))
		begun := strings.HasPrefix(name, "more") || name == "edited-1"
		if from := filepath.Join(out, "half-1", "checkpoints", "latest"); begun != (r.Recipe.From == from) || begun != (r.Recipe.Model == "") {
			t.Errorf("%s: begins with %q, model %q", name, r.Recipe.From, r.Recipe.Model)
		}
		if r.Recipe.From != "" {
			if _, err := os.Stat(filepath.Join(r.Recipe.From, "weights")); err != nil {
				t.Error(name, err)
			}
		}
		return f.train(ctx, r)
	}
	table, err := runStudy(t, train, f.measure, "--out", out, "--variants", "edited", "--steps", "100", "--seeds", "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"9 of 9 runs are done",
		"| variant | parameters | loss after 50 steps | to more | time of a step | more in the same seconds | to that |\n",
		"| edited | 166528 | 12.102 | -0.199 | 2.00 | 12.201 | -0.099 |\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if want := []string{"half-1", "gpt-2-50-steps-1", "gpt-2-70-steps-1", "gpt-2-140-steps-1", "gpt-2-200-steps-1", "more-1", "edited-1", "more-100-steps-1"}; !slices.Equal(f.done[len(f.done)-8:], want) {
		t.Errorf("%v\nwant %v at last", f.done, want)
	}
}

// TestNoNumber: a run that ends with a loss that is not a number is an error, not an endless sweep.
func TestNoNumber(t *testing.T) {
	f := &faked{t: t}
	train := func(_ context.Context, r studies.Run) error {
		write(t, filepath.Join(string(r.Dir), "recipe.toml"), string(r.Recipe.Text()))
		write(t, filepath.Join(string(r.Dir), "metrics.jsonl"), fmt.Sprintf("{\"step\":%d,\"val_loss\":null}\n", r.Recipe.Steps))
		return nil
	}
	dir := t.TempDir()
	if _, err := runStudy(t, train, f.measure, "--out", dir); err == nil || err.Error() != dir+"/rates: a run ended with a loss that is not a number" {
		t.Errorf("error %v", err)
	}
}

func TestBadStudy(t *testing.T) {
	f := &faked{t: t}
	for given, want := range map[string]string{
		"--variants Rope": `unknown variant "Rope"; did you mean "RoPE"?`,
		"--steps 19":      "--steps 19: want 20 or more",
		"--seeds 0":       "--seeds, --jobs, --rounds and --eval-batches: want 1 or more",
		"--out=":          "--out is empty: want a folder",
	} {
		if _, err := f.study(strings.Fields(given)...); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant %s", given, err, want)
		}
	}
}

// TestTurnOfNone: a run that has ended, for example by an interrupt between its turns, takes no turn, and nothing waits for it.
func TestTurnOfNone(t *testing.T) {
	failed := make(chan error, 1)
	failed <- context.Canceled
	over := &turn{next: make(chan struct{}), took: make(chan time.Duration)}
	if _, err := over.step(failed); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that the run was interrupted", err)
	}
}
