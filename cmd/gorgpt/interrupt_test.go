package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondInterrupt: the first interrupt is answered at once, in the middle of an update
// that would take minutes; the second ends the process with status 130. What that leaves of
// a run is what SIGKILL leaves; see TestResumeInAnotherProcess.
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
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop() // else a failure waits for the update
	interrupt := func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
	heard := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "step 0/"): // the update follows
			interrupt()
		case line == "stopping after this update (Ctrl-C again to stop now)":
			heard = true
			interrupt()
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != interrupted || !heard {
		t.Errorf("%v, heard %v; want status %d after an answer to the first interrupt", err, heard, interrupted)
	}
	const want = "gorgpt: --resume: run: the run was stopped before its first checkpoint; begin again: gorgpt train run/recipe.toml\n"
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 1 || stderr != want {
		t.Errorf("status %d: %s\nwant %s", status, stderr, want)
	}
}
