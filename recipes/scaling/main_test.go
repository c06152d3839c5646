package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/recipes/internal/studies"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// faked is a study whose runs only record that they ended.
type faked struct {
	t      *testing.T
	mu     sync.Mutex
	done   []string
	broken bool
}

func (f *faked) train(_ context.Context, of studies.Run) error {
	r, dir := of.Recipe, string(of.Dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return errors.New("no room")
	}
	f.done = append(f.done, filepath.Base(dir))
	write(f.t, filepath.Join(dir, "recipe.toml"), string(r.Text()))
	write(f.t, filepath.Join(dir, "checkpoints", "latest", "weights"), "")
	loss := chinchilla.at(chinchillaPublished, float64(12*r.Layers*r.Width*r.Width), float64(r.Steps*r.Batch*r.Context))
	write(f.t, filepath.Join(dir, "metrics.jsonl"), fmt.Sprintf("{\"step\":0,\"val_loss\":5.5}\n{\"step\":%d,\"val_loss\":%g}\n", r.Steps, loss))
	return nil
}

func (f *faked) study(args ...string) (string, error) {
	cmd := command(f.train)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append([]string{"--jobs", "1", "--resamples", "10"}, args...))
	err := cmd.ExecuteContext(f.t.Context())
	return out.String(), err
}

// TestStudy: each run is done once; finished runs can be fitted; another text needs another folder.
func TestStudy(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	write(t, text, strings.Repeat("0123456789abcdef\n", 1<<21)) // 36 MB, as much as Go's source
	out := filepath.Join(dir, "runs")
	f := &faked{t: t, broken: true}
	args := []string{"--out", out, "--data", text, "--budgets", "1e12,3e12,1e13"}
	if _, err := f.study(args...); err == nil || !strings.HasSuffix(err.Error(), "runs/1e12-55k: no room") {
		t.Fatalf("error %v", err)
	}
	if _, err := f.study(append(args, "--fit")...); err == nil || err.Error() != "too few points to fit: 0 budgets with 4 models or more, of which the best is neither the smallest nor the largest; want 2 budgets" {
		t.Fatalf("error %v", err)
	}
	f.broken = false
	for range 2 { // the second time, nothing is left to do
		table, err := f.study(args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"42 of 42 runs are done.", "| 1e12 | 55k | 2 | 48 | 55536 | 70944 | 0.00535 | 1 | 4137 |", "| best N ∝ C^a | a | 0.4", "| 0.73 |"} {
			if !strings.Contains(table, want) {
				t.Errorf("no %q in\n%s", want, table)
			}
		}
	}
	if len(f.done) != 42 || f.done[0] != "1e12-55k" || f.done[5] != "3e12-150k" || f.done[15] != "1e13-4.7m" || f.done[16] != "1e12-55k-lr0.5" || f.done[41] != "3e12-150k-seed4" {
		t.Errorf("%d runs: %v", len(f.done), f.done)
	}
	for _, name := range []string{"points.csv", "isoflop.png", "frontier.png"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "1e12-55k", "checkpoints")); err == nil {
		t.Error("weights were kept")
	}
	broken := filepath.Join(out, "1e12-55k", "metrics.jsonl")
	whole, err := os.ReadFile(broken)
	if err != nil {
		t.Fatal(err)
	}
	write(t, broken, strings.ReplaceAll(string(whole), "val_loss\":", "val_loss\":-"))
	if _, err := f.study(append(args, "--fit")...); err == nil || !strings.HasPrefix(err.Error(), broken+": a validation loss of -") {
		t.Errorf("error %v", err)
	}
	write(t, broken, string(whole))
	write(t, filepath.Join(dir, "other.txt"), strings.Repeat("fedcba9876543210\n", 1<<21))
	args[3] = filepath.Join(dir, "other.txt")
	if _, err := f.study(args...); err == nil || !strings.Contains(err.Error(), `text.txt", not data = "`) || !strings.HasSuffix(err.Error(), "other.txt\"; give another --out") {
		t.Errorf("error %v", err)
	}
}

func TestBadStudy(t *testing.T) {
	f := &faked{t: t}
	for given, want := range map[string]string{
		"--sizes 56k":    "unknown size \"56k\"; did you mean \"55k\"?",
		"--budgets 1e5":  "--budgets 1e5: no model can use it; want from 3.1e+10 FLOPs, for 400 steps of 14k, to 8.3e+15, for all that 9.8m may read",
		"--budgets 1e30": "--budgets 1e30: no model can use it; want from 3.1e+10 FLOPs, for 400 steps of 14k, to 8.3e+15, for all that 9.8m may read",
		"--budgets much": "--budgets much: want FLOPs above 0, as in 1e12",
		"--budgets=-1":   "--budgets -1: want FLOPs above 0, as in 1e12",
		"--budgets NaN":  "--budgets NaN: want FLOPs above 0, as in 1e12",
		"--jobs 0":       "--jobs 0: want 1 or more",
		"--data /none":   "/none: no such file or folder",
		"--budgets 1e12": "too few points to fit: 1 budget with 4 models or more, of which the best is neither the smallest nor the largest; want 2 budgets",
		"--budgets 1e12,1e13 --sizes 55k,150k,330k": "too few points to fit: 0 budgets with 4 models or more, of which the best is neither the smallest nor the largest; want 2 budgets",
		"--resamples 0": "--resamples 0: want 1 or more",
	} {
		_, err := f.study(append([]string{"--out", t.TempDir()}, strings.Fields(given)...)...)
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v\nwant %s", given, err, want)
		}
	}
}

// TestTrainOne: a run that is interrupted and resumed ends with the same loss as one that was not.
func TestTrainOne(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	write(t, text, strings.Repeat("to be or not to be\n", 100))
	p := point{counted: counted{size: size{"tiny", 1, 1, 16}, params: 3000}, steps: 16, factor: 1, seed: 1}
	r := p.recipe(text)
	r.EvalBatches = 1
	s := study{data: text, out: dir}
	var losses []float64
	for _, seed := range []uint64{1, 2} {
		p.seed = seed // which only names the folder: the recipe is the same
		one := s.runOf(p)
		one.Recipe = r
		if seed == 2 {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := studies.TrainOne(ctx, one); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			if _, done, err := one.Loss(); done || err != nil {
				t.Fatalf("done %v, error %v", done, err)
			}
		}
		if err := studies.TrainOne(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		loss, done, err := one.Loss()
		if !done || err != nil {
			t.Fatalf("done %v, error %v", done, err)
		}
		losses = append(losses, loss)
	}
	if losses[0] != losses[1] {
		t.Errorf("losses %v", losses)
	}
}
