//go:build (amd64 || arm64) && !nompi

package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTensorParallel: 2 or 4 processes that divide a model, and two groups of them that share the data, end under both
// families with the checkpoint of one process up to rounding, moments included. This also holds if the run was stopped and is
// resumed with another number of processes, on one process, or as another run.
func TestTensorParallel(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	settings := func(more ...string) []string {
		return shared(20, append([]string{"--heads", "4", "--sample-every", "10"}, more...)...)
	}
	mustTrain(t, settings("--out", "one")...)
	compare := func(name string) {
		t.Helper()
		for _, file := range []string{"model.safetensors", "optimizer.safetensors"} {
			near(t, name+"/checkpoints/latest/"+file, "one/checkpoints/latest/"+file)
		}
		for _, file := range []string{"checkpoints/latest/config.json", "recipe.toml"} {
			got, err := os.ReadFile(name + "/" + file)
			if want, _ := os.ReadFile("one/" + file); err != nil || string(got) != string(want) {
				t.Errorf("%s: %s is not that of one process: %v", name, file, err)
			}
		}
		// Samples may differ where tokens are equally likely up to rounding.
		if samples, err := os.ReadFile(name + "/samples.txt"); err != nil || !strings.Contains(string(samples), "--- step 10\n") || !strings.Contains(string(samples), "--- step 20\n") {
			t.Errorf("%s: samples are %q, %v", name, samples, err)
		}
	}
	run := func(family string, ranks, model int, args ...string) {
		t.Helper()
		var out watched
		status := job(t, paths[family], ranks, &out, append(args, "--tensor-parallel", fmt.Sprint(model))...)
		if status != 0 || !strings.Contains(out.String(), fmt.Sprintf("done: %d ranks", ranks)) {
			t.Fatalf("%s, %d ranks, %d of a model: status %d\n%s", family, ranks, model, status, &out)
		}
	}
	for i, family := range names {
		for _, c := range [][][2]int{{{2, 2}, {4, 2}}, {{4, 4}}}[i] {
			name := fmt.Sprint(family, c)
			more := []string{"--out", name}
			if c[0] > c[1] {
				more = append(more, "--shard-optimizer")
			}
			run(family, c[0], c[1], settings(more...)...)
			compare(name)
		}
		stopped := "stopped " + family
		run(family, 4, 2, settings("--out", stopped, "--stop-after", "7")...)
		run(family, 4, 4, "train", "--resume", stopped, "--stop-after", "12")
		branch := "branch " + family
		run(family, 2, 2, "train", "--resume", stopped+"/checkpoints/latest", "--out", branch)
		compare(branch)
		mustTrain(t, "train", "--resume", stopped)
		compare(stopped)
	}
	// A run that starts from the weights of a checkpoint can be split as well.
	from := []string{"train", "--from", "one/checkpoints/latest", "--data", "text.txt", "--context", "16", "--batch", "2", "--accumulate", "1", "--steps", "3", "--lr", "0.01"}
	mustTrain(t, append(from, "--out", "more")...)
	run(names[0], 2, 2, append(from, "--out", "more of two")...)
	near(t, "more of two/checkpoints/latest/model.safetensors", "more/checkpoints/latest/model.safetensors")
}

// TestTensorParallelRefused: a model that cannot be divided is an error of one line before anything is written.
func TestTensorParallelRefused(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for want, args := range map[string][]string{
		"gorgpt: rank 0 of 2: h.0.attn: Attention: 3 heads cannot be divided evenly among 2 ranks":         {"--heads", "3", "--width", "12", "--tensor-parallel", "2"},
		"gorgpt: rank 0 of 2: --tensor-parallel 3: 2 ranks cannot be divided into models of that size":     {"--tensor-parallel", "3"},
		"gorgpt: rank 0 of 2: layers.0.self_attn: Attention: 1 heads of keys and values cannot be divided": {"--model", "llama-nano", "--set", "num_key_value_heads=1", "--heads", "4", "--tensor-parallel", "2"},
	} {
		var out watched
		if status := job(t, paths[names[0]], 2, &out, shared(4, append([]string{"--out", "none"}, args...)...)...); status == 0 || !strings.Contains(out.String(), want) {
			t.Errorf("status %d, want …%s…\n%s", status, want, &out)
		}
		if _, err := os.Stat("none"); err == nil {
			t.Error("a run that is refused has a directory")
		}
	}
}

// TestTensorParallelStop: a signal to the launcher stops all processes after a checkpoint, from which the run resumes.
func TestTensorParallelStop(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	mustTrain(t, shared(120, "--out", "one")...)
	for _, family := range names {
		out := watched{mark: "step 6/120"}
		status := job(t, paths[family], 2, &out, shared(120, "--out", family, "--tensor-parallel", "2")...)
		if status != 130 && status != 0 || !strings.Contains(out.String(), "saved; resume with: gorgpt train --resume "+family) || strings.Contains(out.String(), "done:") {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		mustTrain(t, "train", "--resume", family)
		if _, err := os.Stat(family + "/checkpoints/step-000120"); err != nil {
			t.Error(err)
		}
	}
}
