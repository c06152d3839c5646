//go:build (amd64 || arm64) && !nompi

package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
)

// launchers lists the launchers of each family. Debian's names come first, as its mpirun may be of either family.
var launchers = map[string][]string{"Open MPI": {"mpirun.openmpi", "mpirun"}, "MPICH": {"mpiexec.mpich", "mpiexec.hydra"}}

// families returns the MPI families that are installed and the paths of their launchers. Without any, the test is skipped;
// with REQUIRE_MPI=1, it fails unless both are installed.
func families(t *testing.T) (names []string, paths map[string]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: no job of MPI is started")
	}
	paths = make(map[string]string)
	for _, name := range []string{"Open MPI", "MPICH"} {
		for _, command := range launchers[name] {
			if path, err := exec.LookPath(command); err == nil {
				names = append(names, name)
				paths[name] = path
				break
			}
		}
	}
	switch {
	case len(names) < 2 && os.Getenv("REQUIRE_MPI") == "1":
		t.Fatalf("there is only %v: install openmpi-bin and mpich", names)
	case len(names) == 0:
		t.Skip("no MPI: install openmpi-bin or mpich")
	}
	return names, paths
}

// watched collects the output of a job, and calls a function once the output contains a mark.
type watched struct {
	mu   sync.Mutex
	all  bytes.Buffer
	mark string
	seen func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(p)
	if w.seen != nil && strings.Contains(w.all.String(), w.mark) {
		go w.seen()
		w.seen = nil
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// job runs the command on this many ranks and returns the exit status.
func job(t *testing.T, launcher string, ranks int, out *watched, args ...string) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, launcher, out, append([]string{"-n", fmt.Sprint(ranks), self}, args...)...)
}

func launch(t *testing.T, launcher string, out *watched, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, launcher, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
		"OMPI_MCA_rmaps_base_oversubscribe=1", "OMPI_MCA_hwloc_base_binding_policy=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.mu.Lock()
	if signal := out.seen; signal == nil && out.mark != "" {
		out.seen = func() { _ = cmd.Process.Signal(syscall.SIGUSR1) }
	}
	out.mu.Unlock()
	_ = cmd.Wait() // the exit status is checked instead
	return cmd.ProcessState.ExitCode()
}

// shared returns the arguments of a run with everything that could depend on the number of ranks.
func shared(steps int, more ...string) []string {
	return append([]string{"train", "--data", "text.txt", "--tokenizer", "bytes", "--layers", "1", "--width", "16", "--heads", "2", "--context", "16",
		"--batch", "1", "--accumulate", "8", "--dropout", "0.1", "--clip", "0.5", "--skip-outliers", "3", "--steps", fmt.Sprint(steps),
		"--eval-every", "6", "--eval-batches", "5", "--save-every", "3", "--lr", "0.01"}, more...)
}

// TestRanksEqualOneProcess: any number of ranks of both families, with overlapping sums or not, ends with the files of one
// process. Stopping a run on 4 ranks and resuming it on 2 changes nothing, and the library's own sums agree up to rounding.
func TestRanksEqualOneProcess(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	mustTrain(t, shared(12, "--out", "one")...)
	mustTrain(t, shared(12, "--out", "twelve", "--accumulate", "12")...)
	for _, family := range names {
		for _, ranks := range []int{2, 4} {
			name := fmt.Sprintf("%s, %d ranks", family, ranks)
			var out watched
			more := []string{"--out", name}
			if ranks == 4 {
				more = append(more, "--overlap")
			}
			if status := job(t, paths[family], ranks, &out, shared(12, more...)...); status != 0 || !strings.Contains(out.String(), fmt.Sprintf("done: %d ranks", ranks)) {
				t.Fatalf("%s: status %d\n%s", name, status, &out)
			}
			sameRun(t, name, "one")
		}
		var out watched
		if status := job(t, paths[family], 4, &out, shared(12, "--out", "stopped "+family, "--stop-after", "5")...); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		if status := job(t, paths[family], 2, &out, "train", "--resume", "stopped "+family); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		sameRun(t, "stopped "+family, "one")
		if status := job(t, paths[family], 3, &out, shared(12, "--out", "sharded "+family, "--shard-optimizer", "--stop-after", "7", "--accumulate", "12")...); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		if status := job(t, paths[family], 2, &out, "train", "--resume", "sharded "+family, "--shard-optimizer"); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		sameRun(t, "sharded "+family, "twelve")
		if status := job(t, paths[family], 2, &out, shared(12, "--out", "fast "+family, "--sum", "fast")...); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		near(t, filepath.Join("fast "+family, "checkpoints/latest/model.safetensors"), "one/checkpoints/latest/model.safetensors")
	}
}

// near compares weights up to rounding.
func near(t *testing.T, got, want string) {
	t.Helper()
	const tolSum = 1e-5 // sums of 8 gradients in another order, after 12 updates
	g, err := safetensors.Open(got)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	w, err := safetensors.Open(want)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, info := range w.Tensors() {
		a, b := make([]float32, info.Size()), make([]float32, info.Size())
		if err := g.Read(info.Name, a); err != nil {
			t.Fatal(err)
		}
		if err := w.Read(info.Name, b); err != nil {
			t.Fatal(err)
		}
		for i := range a {
			if !(math.Abs(float64(a[i]-b[i])) <= tolSum) {
				t.Errorf("%s: %s: element %d is %v, want %v", got, info.Name, i, a[i], b[i])
				break
			}
		}
	}
}

// TestRanksSplitABatch: an update of one batch is divided into smaller batches, as recorded in the recipe of the run.
func TestRanksSplitABatch(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	var out watched
	args := shared(4, "--batch", "6", "--accumulate", "1", "--out", "split")
	if status := job(t, paths[names[0]], 2, &out, args...); status != 0 || !strings.Contains(out.String(), "2 ranks share an update: --batch and --accumulate are 3 sequences and 2 batches") {
		t.Fatalf("status %d\n%s", status, &out)
	}
	mustTrain(t, "train", "split/recipe.toml", "--out", "one")
	sameRun(t, "split", "one")
	out = watched{}
	if status := job(t, paths[names[0]], 4, &out, shared(4, "--batch", "5", "--accumulate", "1", "--out", "none")...); status == 0 || !strings.Contains(out.String(), "gorgpt: rank 0 of 4: --batch 5 and --accumulate 1: 4 ranks cannot share") {
		t.Errorf("status %d\n%s", status, &out)
	}
	if status := job(t, paths[names[0]], 3, &out, "train", "--resume", "split", "--steps", "9"); status == 0 || !strings.Contains(out.String(), "the run has --accumulate 2, which 3 ranks cannot share evenly") {
		t.Errorf("status %d\n%s", status, &out)
	}
	if _, err := os.Stat("none"); err == nil {
		t.Error("a run that is refused has a directory")
	}
}

// TestRanksStop: a signal to the launcher stops all ranks at the same step, after a checkpoint from which the run resumes.
func TestRanksStop(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	mustTrain(t, shared(120, "--out", "one")...)
	for _, family := range names {
		out := watched{mark: "step 6/120"}
		status := job(t, paths[family], 2, &out, shared(120, "--out", family)...)
		if status != 130 && status != 0 || !strings.Contains(out.String(), "saved; resume with: gorgpt train --resume "+family) || strings.Contains(out.String(), "done:") {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		mustTrain(t, "train", "--resume", family)
		sameRun(t, family, "one")
	}
}

// TestRanksDiffer: ranks that were started with other settings, or have other files, are detected before the first step.
func TestRanksDiffer(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	write(t, "other.txt", strings.ReplaceAll(text(), "e", "i"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range names {
		for _, c := range []struct {
			name  string
			first []string // arguments of rank 0
			other []string // arguments of rank 1
			want  string
		}{
			{"recipe", shared(6, "--out", "a"), shared(6, "--out", "a", "--lr", "0.02"), `rank 1 of 2: train: step 0: rank 1 of 2 differs from rank 0 in its setting: "lr = 0.02", not "lr = 0.01"`},
			{"data", shared(6, "--out", "b"), shared(6, "--out", "b", "--data", "other.txt"), "rank 1 of 2: train: step 0: rank 1 of 2 differs from rank 0 in its "},
			{"no data", shared(6, "--out", "c"), shared(6, "--out", "c", "--data", "none.txt"), "gorgpt: rank 0 of 2: rank 1 has stopped: "},
			{"no shared folder", []string{"train", "--resume", "one", "--steps", "12"}, []string{"train", "--resume", "elsewhere", "--steps", "12"}, "gorgpt: rank 1 of 2: --resume: elsewhere: no such folder"},
		} {
			if c.name == "no shared folder" {
				mustTrain(t, shared(6, "--out", "one")...)
			}
			var out watched
			args := append(append([]string{"-n", "1", self}, c.first...), ":", "-n", "1", self)
			if status := launch(t, paths[family], &out, append(args, c.other...)...); status == 0 || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "step 1/") {
				t.Errorf("%s, %s: status %d, want …%s…\n%s", family, c.name, status, c.want, &out)
			}
			for _, dir := range []string{"a", "b", "c", "one"} {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
		var out watched
		args := append(append([]string{"-n", "1", "env", "GORGPT_ISA=generic", self}, shared(6, "--out", "d")...), ":", "-n", "1", self)
		if status := launch(t, paths[family], &out, append(args, shared(6, "--out", "d")...)...); status == 0 || !strings.Contains(out.String(), `differs from rank 0 in its instruction set: `) {
			t.Errorf("%s, instruction set: status %d\n%s", family, status, &out)
		}
		if err := os.RemoveAll("d"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRanksFinetune: 1, 2 and 4 ranks fine-tune to the same files, for a task and for pairs, even if a run is resumed with
// another number of ranks.
func TestRanksFinetune(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	from := pretrained(t)
	write(t, "reviews.csv", reviews(60))
	write(t, "pairs.jsonl", strings.Repeat(`{"prompt":"p","response":"q"}`+"\n"+`{"prompt":"a","response":"bc"}`+"\n", 30))
	for name, args := range map[string]string{
		"task":  "--kind classification --text review --label stars --train reviews.csv",
		"pairs": "--pairs pairs.jsonl --context 8",
	} {
		all := append([]string{"finetune", "--from", from, "--batch", "8", "--micro", "4", "--epochs", "2", "--lr", "1e-3"}, strings.Fields(args)...)
		mustTrain(t, append(all, "--micro", "2", "--out", name+"1")...)
		want := tuned(t, name+"1")
		for i, ranks := range []int{4, 2} {
			family := names[i%len(names)]
			dir := fmt.Sprint(name, ranks)
			var out watched
			if status := job(t, paths[family], ranks, &out, append(all, "--micro", "2", "--out", dir)...); status != 0 || !strings.Contains(out.String(), "done: ") {
				t.Fatalf("%s: status %d\n%s", dir, status, &out)
			}
			if !maps.Equal(tuned(t, dir), want) {
				t.Errorf("%s is another than of one process", dir)
			}
		}
		out := watched{mark: "step "}
		if name == "task" {
			out.mark = "epoch 1"
		}
		dir := name + "-stopped"
		status := job(t, paths[names[0]], 4, &out, append(all, "--micro", "2", "--out", dir)...)
		if status == 0 && strings.Contains(out.String(), "done: ") {
			t.Logf("%s: the run was done before", dir)
		} else {
			out = watched{}
			if status := job(t, paths[names[0]], 2, &out, "finetune", "--resume", dir); status != 0 {
				t.Fatalf("%s: status %d\n%s", dir, status, &out)
			}
		}
		if !maps.Equal(tuned(t, dir), want) {
			t.Errorf("%s is another than in one piece", dir)
		}
	}
}

// TestRanksEval: ranks divide an evaluation, and rank 0 alone prints and writes what one process would. Ranks that were
// started with other settings are detected first.
func TestRanksEval(t *testing.T) {
	names, paths := families(t)
	from := evalModel(t)
	data, err := filepath.Abs(evalData)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for i, args := range []string{
		"--on perplexity --data text.txt --limit 1500",
		"--on perplexity --data harness/pages.jsonl --documents --bos",
		"--on lambada --data lambada.jsonl",
		"--on choices --data choices.jsonl --shots 1 --normalize ratio",
		"--on qa --data harness/qa-shots.jsonl --tokens 8",
	} {
		all := append([]string{"eval", "--json", "--from", from}, strings.Fields(args)...)
		for j, a := range all {
			if all[j-min(j, 1)] == "--data" {
				all[j] = filepath.Join(data, a)
			}
		}
		status, want, stderr := gorgpt(t, t.Context(), append(all, "--samples", "one")...)
		if status != 0 {
			t.Fatalf("%s: %s", args, stderr)
		}
		family, ranks := names[i%len(names)], 2+i%2
		var out watched
		if status := job(t, paths[family], ranks, &out, append(all, "--samples", "many")...); status != 0 || strings.Count(out.String(), strings.TrimSpace(want)) != 1 {
			t.Errorf("%s, %d ranks: status %d\n%s\nwant\n%s", args, ranks, status, &out, want)
		}
		one, err := os.ReadFile("one")
		if err != nil {
			t.Fatal(err)
		}
		if many, err := os.ReadFile("many"); err != nil || !bytes.Equal(many, one) {
			t.Errorf("%s, %d ranks: samples differ, %v", args, ranks, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"eval", "--from", from, "--on", "lambada", "--data", filepath.Join(data, "lambada.jsonl")}
	for _, other := range [][]string{{"--limit", "2"}, {"--bos"}} {
		var out watched
		args := append(append([]string{"-n", "1", self}, all...), ":", "-n", "1", self)
		if status := launch(t, paths[names[0]], &out, append(append(args, all...), other...)...); status == 0 || !strings.Contains(out.String(), "rank 1 of 2 differs from rank 0 in its setting: ") {
			t.Errorf("%v: status %d\n%s", other, status, &out)
		}
	}
}
