package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// failing is the run that the tests of failures compare with: it reads records in blocks, one of
// which may be bad.
var failing = []string{"train", "--data", "a.jsonl", "--tokenizer", "bytes", "--layers", "1", "--width", "16", "--heads", "2",
	"--context", "16", "--batch", "4", "--steps", "40", "--eval-every", "20", "--eval-batches", "3", "--lr", "0.01",
	"--dropout", "0.1", "--windows", "apart", "--buffer", "600", "--val-data", "val.txt", "--sample-every", "7"}

// badRecords returns records of which one, or none, cannot be read.
func badRecords(bad int) string {
	lines := strings.SplitAfter(records(200), "\n")
	if bad > 0 {
		lines[bad-1] = "{\"id\": 12, \"tex\n"
	}
	return strings.Join(lines, "")
}

func mustTrain(t *testing.T, args ...string) {
	t.Helper()
	if status, _, stderr := gorgpt(t, t.Context(), args...); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
}

// sameRun compares the results of two runs, except what depends on the bytes of the text.
func sameRun(t *testing.T, got, want string) {
	t.Helper()
	prints := regexp.MustCompile(`"(stream|validation)": ?"[^"]*"`)
	a, b := final(t, got), final(t, want)
	for name := range b {
		if prints.ReplaceAllString(a[name], "$1") != prints.ReplaceAllString(b[name], "$1") {
			t.Errorf("%s: another %s than that of %s", got, name, want)
		}
	}
}

// TestBadRecord: a bad record in the middle of a run, at its beginning, or in the validation text
// stops the run, which is saved first. It can be resumed without the record or with a repaired one,
// and ends like a run that had this text from the start.
func TestBadRecord(t *testing.T) {
	for name, c := range map[string]struct {
		train, val int // line numbers
		saved      string
		error      string
	}{
		"middle":     {train: 120, saved: "saved at step 2", error: "gorgpt: train: step \\d+: a.jsonl:120: not a JSON object"},
		"beginning":  {train: 4, saved: "saved at step 0", error: "gorgpt: train: step 1: a.jsonl:4: not a JSON object"},
		"validation": {val: 20, saved: "saved at step 0", error: "gorgpt: train: evaluation at step 0: val.jsonl:20: not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			args := append(failing, "--val-data", "val.jsonl")
			writeBoth := func(train, val int) {
				write(t, "a.jsonl", badRecords(train))
				write(t, "val.jsonl", badRecords(val))
			}
			writeBoth(c.train, c.val)
			mustTrain(t, append(args, "--bad-records", "skip", "--out", "skipped")...)
			for _, out := range []string{"skip", "mend"} {
				status, _, stderr := gorgpt(t, t.Context(), append(args, "--out", out)...)
				lines := strings.Split(strings.TrimSpace(stderr), "\n")
				if status != 1 || !regexp.MustCompile(c.error).MatchString(lines[len(lines)-1]) ||
					!strings.HasPrefix(lines[len(lines)-2], c.saved) || !strings.HasSuffix(lines[len(lines)-2], "gorgpt train --resume "+out) {
					t.Fatalf("status %d: %s", status, stderr)
				}
			}
			mustTrain(t, "train", "--resume", "skip", "--bad-records", "skip")
			sameRun(t, "skip", "skipped")
			writeBoth(0, 0)
			mustTrain(t, append(args, "--out", "whole")...)
			mustTrain(t, "train", "--resume", "mend")
			sameRun(t, "mend", "whole")
			// Text that was read already must not change; if the run was not stopped by its text, none may.
			for _, c := range []struct{ file, old, want string }{
				{"a.jsonl", "and 0 is", "gorgpt: --resume: train: restore: training data: state of batches: "},
				{"val.jsonl", "and 0 is", "gorgpt: --resume: validation text: state of batches: "},
			} {
				b, err := os.ReadFile(c.file)
				if err != nil {
					t.Fatal(err)
				}
				write(t, c.file, strings.Replace(string(b), c.old, "und 0 is", 1))
				status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", "mend", "--steps", "50")
				if status != 1 || !strings.HasPrefix(stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:], c.want) {
					t.Errorf("status %d: %s", status, stderr)
				}
				write(t, c.file, string(b))
			}
		})
	}
}

// TestObserverFails: a picture that cannot be drawn, or a sample that cannot be written, stops the
// run, which can be resumed later as if nothing had happened.
func TestObserverFails(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a.jsonl", records(200))
	write(t, "val.txt", text()[:600])
	mustTrain(t, append(failing, "--out", "whole")...)
	for _, c := range []struct {
		name, file string
		saved      string
		error      string
	}{
		{"picture", "loss.png", "saved at step 20", "gorgpt: train: evaluation at step 20: "},
		{"sample", "samples.txt", "saved at step 14", "gorgpt: train: step 14: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(c.name, c.file)
			mustTrain(t, append(failing, "--out", c.name, "--stop-after", "13")...)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("nowhere/file", path); err != nil {
				t.Fatal(err)
			}
			if c.file == "loss.png" { // this file is replaced, not appended to
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(filepath.Join(path, "full"), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			status, _, stderr := gorgpt(t, t.Context(), "train", "--resume", c.name)
			if status != 1 || !strings.Contains(stderr, "\n"+c.saved+"; ") || !strings.Contains(stderr, "\n"+c.error) {
				t.Fatalf("status %d: %s", status, stderr)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, string(b))
			mustTrain(t, "train", "--resume", c.name)
			sameRun(t, c.name, "whole")
		})
	}
}
