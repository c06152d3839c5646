//go:build unix

package cli

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/cli/internal/command"
)

// TestSecondInterrupt: the first interrupt is reported at once, in the middle of an update that
// would take minutes; the second ends the process with status 130. It leaves the run as SIGKILL
// does; see TestResumeInAnotherProcess.
func TestSecondInterrupt(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "train", "--data", "text.txt", "--tokenizer", "bytes", "--layers", "4", "--width", "512", "--context", "256",
		"--batch", "4", "--accumulate", "500", "--eval-batches", "2", "--out", "run")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop() // otherwise a failure would wait for the update
	interrupt := func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
	heard := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "step 0/"):
			time.Sleep(command.OneInterrupt) // the update has begun
			interrupt()
		case line == "stopping after this update (Ctrl-C again to stop now)":
			heard = true
			time.Sleep(2 * command.OneInterrupt) // any sooner, it would count as the same Ctrl-C
			interrupt()
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != command.Interrupted || !heard {
		t.Errorf("%v, heard %v; want status %d after an answer to the first interrupt", err, heard, command.Interrupted)
	}
	const want = "gorgpt: --resume: run: the run was stopped before its first checkpoint; begin again: gorgpt train run/recipe.toml\n"
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 1 || stderr != want {
		t.Errorf("status %d: %s\nwant %s", status, stderr, want)
	}
}

// TestInterruptWhileWaiting: a signal ends a command that waits for standard input, or for a pipe
// that nobody writes to.
func TestInterruptWhileWaiting(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run", "--tokenizer", "bytes", "--steps", "2"); status != 0 {
		t.Fatal(stderr)
	}
	if err := syscall.Mkfifo("pipe.txt", 0o666); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const from = "run/checkpoints/latest"
	for _, args := range [][]string{
		{"tokenize", "--tokenizer", "bytes"},
		{"generate", "--from", from},
		{"train", "pipe.txt", "--out", "never"},
		{"eval", "--from", from, "--on", "perplexity", "--data", "pipe.txt"},
	} {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(args[0]+" "+sig.String(), func(t *testing.T) {
				if signal.Ignored(sig) {
					t.Skip("ignored, as under nohup; the command heeds that")
				}
				t.Parallel()
				cmd := exec.Command(self, args...)
				cmd.Env = append(os.Environ(), asCommand+"=1")
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				var stderr strings.Builder
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				defer time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() }).Stop()
				time.Sleep(time.Second) // until it waits
				if err := cmd.Process.Signal(sig); err != nil {
					t.Error(err)
				}
				if cmd.Wait(); cmd.ProcessState.ExitCode() != command.Interrupted || !strings.HasSuffix(stderr.String(), "interrupted\n") {
					t.Errorf("%v: %s", cmd.ProcessState, &stderr)
				}
			})
		}
	}
}

// TestTwoSignalsAtOnce: timeout(1) signals the process and its group, which counts as one Ctrl-C, and
// the checkpoint is saved.
func TestTwoSignalsAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for i := range 8 {
		dir := string(rune('a' + i))
		cmd := process(t, 1, append(append([]string{"train"}, small...), "--steps", "100000", "--eval-every", "100000", "--out", dir)...)
		awaitStep(t, dir, 2)
		for range 3 {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(i) * command.OneInterrupt / 40)
		}
		cmd.Wait()
		if _, err := os.Stat(dir + "/checkpoints/latest/config.json"); cmd.ProcessState.ExitCode() != command.Interrupted || err != nil {
			t.Errorf("%v, %v; want status %d and a checkpoint", cmd.ProcessState, err, command.Interrupted)
		}
	}
}
