package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/run"
)

// asCommand is the environment variable that makes the test binary run as the command.
const asCommand = "GORGPT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		Main()
		return
	}
	// Models this small gain nothing from a second processor, and wait for it if it is busy; separate
	// processes, as in TestResumeInAnotherProcess, have as many as they are given.
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}

// process starts the command in a separate process, with its output in a file.
func process(t *testing.T, threads int, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", fmt.Sprint("GOMAXPROCS=", threads))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%v:\n%s", args, &out)
		}
	})
	return cmd
}

// hard is a run with everything that its state can depend on: shards in a new order each epoch, a
// small buffer, a mixture, gradient accumulation, dropout, and a guard.
var hard = []string{"train", "--mix", "2 shards", "--mix", "1 more.jsonl.gz", "--tokenizer", "bytes", "--windows", "apart", "--buffer", "700",
	"--layers", "1", "--width", "32", "--heads", "2", "--context", "16", "--batch", "4", "--accumulate", "3", "--dropout", "0.2",
	"--steps", "220", "--eval-every", "35", "--eval-batches", "2", "--save-every", "11", "--lr", "0.01", "--skip-outliers", "1", "--keep", "2", "--sample-every", "40"}

// writeHard writes the text for hard.
func writeHard(t *testing.T) {
	t.Helper()
	if err := os.Mkdir("shards", 0o777); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(text(), "\n")
	for i := range 5 {
		var b strings.Builder
		for _, line := range lines[i*70 : (i+1)*70] {
			fmt.Fprintf(&b, "{\"text\": %q}\n", line)
		}
		write(t, fmt.Sprintf("shards/%d.jsonl", i), b.String())
	}
	write(t, "more.jsonl.gz", gzipped(t, fmt.Sprintf("{\"text\": %q}\n{\"text\": %q}\n", text()[:2000], text()[2000:4000])))
}

// final returns the results of a run: weights, moments, the trainer's state and every line of the
// metrics, without times.
func final(t *testing.T, dir string) map[string]string {
	t.Helper()
	times := regexp.MustCompile(`"(tokens_per_s|seconds)": ?[0-9.e+-]+`)
	out := map[string]string{}
	for _, name := range []string{"checkpoints/latest/model.safetensors", "checkpoints/latest/optimizer.safetensors", "checkpoints/latest/trainer.json", "metrics.jsonl", "samples.txt"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, ".safetensors") {
			b = times.ReplaceAll(b, []byte("$1"))
		}
		out[name] = string(b)
	}
	return out
}

// TestResumeInAnotherProcess: k steps, and n-k in another process with another number of threads,
// end with the bits of n steps in one process: weights, moments, data, dropout, rates and losses. The
// first process may have ended as planned, by SIGTERM, or by SIGKILL.
func TestResumeInAnotherProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	writeHard(t)
	if err := process(t, 2, append(hard, "--out", "whole")...).Wait(); err != nil {
		t.Fatal(err)
	}
	want := final(t, "whole")
	if n := strings.Count(want["metrics.jsonl"], `"skipped":true`); n == 0 {
		t.Error("the guard skipped nothing, so this tests less than it should")
	}
	if n := strings.Count(want["samples.txt"], "--- step "); n != 6 {
		t.Errorf("%d samples, want 6: five on the way and the last", n)
	}
	for name, interrupt := range map[string]func(dir string){
		"stopped": func(dir string) {
			if err := process(t, 1, append(hard, "--out", dir, "--stop-after", "183")...).Wait(); err != nil {
				t.Error(err)
			}
		},
		"SIGTERM": func(dir string) {
			cmd := process(t, 1, append(hard, "--out", dir)...)
			awaitStep(t, dir, 60)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("the interrupted run ends with %v, want status 130", err)
			}
		},
		"SIGKILL": func(dir string) {
			cmd := process(t, 1, append(hard, "--out", dir)...)
			awaitStep(t, dir, 157)
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the run was over before it was killed")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			interrupt(name)
			if err := process(t, 2, "train", "--resume", name).Wait(); err != nil {
				t.Fatal(err)
			}
			for file, got := range final(t, name) {
				if got != want[file] {
					t.Errorf("%s differs (%d and %d bytes)", file, len(got), len(want[file]))
				}
			}
		})
	}
}

// awaitStep waits until the metrics of a run include a step.
func awaitStep(t *testing.T, dir string, step int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(run.Dir(dir).MetricsPath())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(b, fmt.Appendf(nil, "{\"step\":%d,", step)) {
			return
		}
	}
	t.Fatalf("%s: no step %d after a minute", dir, step)
}

// TestRuns compares two runs in a table, as JSON and in a picture.
func TestRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for name, rate := range map[string]string{"a": "0.01", "b": "0.001"} {
		if status, _, stderr := trainSmall(t, "--out", "runs/"+name, "--lr", rate, "--sample-every", "15"); status != 0 {
			t.Fatal(stderr)
		}
	}
	status, out, stderr := gorgpt(t, t.Context(), "runs", "runs", "--plot", "x.png")
	if lines := strings.Split(out, "\n"); status != 0 || len(lines) != 4 || !strings.HasPrefix(lines[1], "runs/a  gpt2-nano  40/40  5,120 ") {
		t.Errorf("status %d, %s\n%s", status, stderr, out)
	}
	if info, err := os.Stat("x.png"); err != nil || info.Size() < 1000 {
		t.Errorf("no picture: %v", err)
	}
	status, out, stderr = gorgpt(t, t.Context(), "runs", "runs/b", "--json")
	var got struct {
		Runs []struct {
			Dir  string
			Step int
			Best float64 `json:"best_val_loss"`
			Last float64 `json:"val_loss"`
			Bits float64 `json:"bits_per_byte"`
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 || len(got.Runs) != 1 || got.Runs[0].Dir != "runs/b" || got.Runs[0].Step != 40 || got.Runs[0].Best <= 0 {
		t.Errorf("status %d, %s, %v\n%s", status, stderr, err, out)
	} else if r := got.Runs[0]; math.Abs(r.Bits-r.Last/math.Ln2) > 1e-12 { // one byte per character
		t.Errorf("%v bits a byte of a loss of %v", r.Bits, r.Last)
	}
	samples, err := os.ReadFile("runs/a/samples.txt")
	if err != nil || strings.Count(string(samples), "--- step ") != 3 {
		t.Errorf("samples %v\n%s", err, samples)
	}
}

// TestBadRecordsAreCounted: a run reports how many records it skipped, if the recipe allows skipping.
func TestBadRecordsAreCounted(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.jsonl", fmt.Sprintf("{\"text\": %q}\noops\n{\"text\": %q}\n", text()[:3000], text()[3000:]))
	args := []string{"--data", "text.jsonl", "--tokenizer", "bytes", "--steps", "2", "--validation", "0.5"}
	if status, _, stderr := trainSmall(t, args...); status != 1 || !strings.Contains(stderr, "text.jsonl:2: not a JSON object") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if status, _, stderr := trainSmall(t, append(args, "--bad-records", "skip")...); status != 0 || !strings.Contains(stderr, "left out: 1 bad record; the first: text.jsonl:2: ") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
