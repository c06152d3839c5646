package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copyWithoutLinks copies a folder like cp -rL.
func copyWithoutLinks(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil { // keeps links
		t.Fatal(err)
	}
	links, err := filepath.Glob(filepath.Join(to, "checkpoints", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(link, os.DirFS(filepath.Join(to, "checkpoints", target))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCopiedRun: a run copied without its links can be resumed and used like the original.
func TestCopiedRun(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run", "--stop-after", "20"); status != 0 {
		t.Fatal(stderr)
	}
	copyWithoutLinks(t, "run", "copied")
	copyWithoutLinks(t, "run", "lost")
	for _, pointer := range []string{"latest", "best"} {
		if err := os.RemoveAll(filepath.Join("lost", "checkpoints", pointer)); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "run"); status != 0 {
		t.Fatal(stderr)
	}
	want := final(t, "run")
	for _, dir := range []string{"copied", "lost"} {
		best := filepath.Join(dir, "checkpoints", "best")
		if status, _, stderr := gorgpt(t, t.Context(), "generate", "--from", best, "--prompt", "1", "--tokens", "3"); status != 0 {
			t.Errorf("%s: generate: %s", dir, stderr)
		}
		status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", dir)
		if status != 0 || !strings.Contains(stderr, filepath.Join(dir, "checkpoints", "latest")+": ") || !strings.Contains(stderr, "step-000020") {
			t.Errorf("%s: status %d, %s", dir, status, stderr)
			continue
		}
		for file, got := range final(t, dir) {
			if got != want[file] {
				t.Errorf("%s: %s differs", dir, file)
			}
		}
	}
	steps, err := filepath.Glob("lost/checkpoints/step-*")
	if err != nil || len(steps) == 0 {
		t.Fatal(steps, err)
	}
	for _, step := range append(steps, "lost/checkpoints/latest") {
		if err := os.Remove(filepath.Join(step, "model.safetensors")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	os.Remove("lost/checkpoints/latest")
	os.Remove("lost/checkpoints/best")
	if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "lost"); status != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "step-0000") {
		t.Errorf("nothing usable: status %d, %s", status, stderr)
	}
}

// TestDamagedLogs: a run with damaged logs can be resumed and reports the repair, and its log becomes
// as long as that of a run that was never stopped.
func TestDamagedLogs(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, "--out", "run", "--stop-after", "20"); status != 0 {
		t.Fatal(stderr)
	}
	for name, spoil := range map[string]func(b []byte) []byte{
		"flipped":  func(b []byte) []byte { b[len(b)/2] ^= 0x80; return b },
		"NULs":     func(b []byte) []byte { return bytes.Join([][]byte{b[:200], make([]byte, 5000), b[200:]}, nil) },
		"cut":      func(b []byte) []byte { return b[:len(b)/2] },
		"empty":    func([]byte) []byte { return nil },
		"no trace": nil,
	} {
		for _, log := range []string{"metrics.jsonl", "events.out.tfevents.gorgpt"} {
			dir := name + " " + log
			if err := os.CopyFS(dir, os.DirFS("run")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, log)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if spoil == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, spoil(b), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			if status, _, stderr := gorgpt(t, t.Context(), "runs", dir); log == "metrics.jsonl" && (name == "flipped" || name == "NULs") && (status != 0 || !strings.Contains(stderr, "left out")) {
				t.Errorf("%s: runs: status %d, %s", dir, status, stderr)
			}
			status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", dir, "--stop-after", "30")
			if status != 0 || !strings.Contains(stderr, log+": ") {
				t.Errorf("%s: status %d, %s", dir, status, stderr)
			}
			if status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", dir); status != 0 || strings.Contains(stderr, "damaged") {
				t.Errorf("%s: again: status %d, %s", dir, status, stderr)
			}
		}
	}
}

// TestRunsWithDamage: a run that cannot be read does not hide the others.
func TestRunsWithDamage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"all/bad", "all/good"} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, "all/bad/metrics.jsonl", "hello\n")
	write(t, "all/good/metrics.jsonl", `{"step":1,"tokens":8,"loss":2.5,"lr":0.1,"grad_norm":1,"tokens_per_s":80,"seconds":0.1}`+"\n")
	status, stdout, stderr := gorgpt(t, t.Context(), "runs", "all")
	if status != 0 || !strings.Contains(stdout, "all/good") || !strings.Contains(stderr, "all/bad/metrics.jsonl: line 1: ") || !strings.HasSuffix(stderr, "; left out\n") {
		t.Errorf("status %d:\n%s%s", status, stdout, stderr)
	}
	write(t, "all/good/metrics.jsonl", "hello\n")
	if status, stdout, stderr := gorgpt(t, t.Context(), "runs", "all"); status != 1 || stdout != "" {
		t.Errorf("status %d:\n%s%s", status, stdout, stderr)
	}
}
