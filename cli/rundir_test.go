//go:build unix

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/train"
)

// endless starts a run that continues until it is stopped.
func endless(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := process(t, 1, append(append(append([]string{"train"}, small...), "--steps", "1000000", "--out", dir), args...)...)
	t.Cleanup(func() { cmd.Process.Kill() })
	awaitStep(t, dir, 120)
	return cmd
}

// TestOneProcessARun: while a process trains, another one cannot use its directory, and reports the
// owner. The lock ends with its owner, even by SIGKILL. gorgpt runs only reads, and works meanwhile.
func TestOneProcessARun(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	cmd := endless(t, "run", "--eval-every", "100")
	before, err := os.ReadFile("run/recipe.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("run: in use by process %d", cmd.Process.Pid)
	for _, args := range [][]string{
		{"train", "--resume", "run"},
		{"train", "--resume", "run", "--steps", "2000000"},
		append(append([]string{"train"}, small...), "--out", "run"),
		{"finetune", "--task", "rte", "--data", ".", "--from", "run/checkpoints/best", "--out", "run"},
		{"finetune", "--pairs", "text.txt", "--from", "run/checkpoints/best", "--out", "run"},
	} {
		if status, _, stderr := gorgpt(t, t.Context(), args...); status != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: status %d, %s; want %s", args, status, stderr, want)
		}
	}
	if after, _ := os.ReadFile("run/recipe.toml"); string(after) != string(before) {
		t.Error("the recipe of a run in use was changed")
	}
	if status, _, stderr := gorgpt(t, t.Context(), "runs", "run"); status != 0 {
		t.Error(stderr)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run", "--steps", "1000000", "--stop-after", "300"); status != 0 && !strings.Contains(stderr, "already") {
		t.Errorf("after kill -9: status %d, %s", status, stderr)
	}
}

// TestRunDirectoryRemoved: a run whose directory is removed or renamed reports this in one line within
// seconds, and saves its weights in a new directory, from which it can be resumed.
func TestRunDirectoryRemoved(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	for name, take := range map[string]func(string) error{
		"removed": os.RemoveAll,
		"renamed": func(dir string) error { return os.Rename(dir, dir+"-old") },
	} {
		dir := filepath.Join("runs", name)
		cmd := endless(t, dir, "--eval-every", "1000000")
		if err := take(dir); err != nil {
			t.Fatal(err)
		}
		defer time.AfterFunc(30*time.Second, func() { cmd.Process.Signal(syscall.SIGKILL) }).Stop()
		cmd.Wait()
		said := fmt.Sprint(cmd.Stderr)
		line := said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:]
		if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(line, "gorgpt: train: step ") || !strings.Contains(line, dir+": removed, renamed or replaced") || !strings.Contains(line, "is saved in a new directory") {
			t.Errorf("%s: %v, %s", name, cmd.ProcessState, line)
		}
		d, err := checkpoint.Open(filepath.Join(dir, "checkpoints", "latest"))
		if err != nil {
			t.Fatal(err)
		}
		var s train.State
		if err := d.Trainer(&s); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", dir, "--stop-after", fmt.Sprint(s.Step+5)); status != 0 {
			t.Errorf("%s: status %d, %s", name, status, stderr)
		}
	}
}
