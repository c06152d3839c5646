package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/recipes/internal/compare"
)

// TestTiny: a study of a few steps, with an edit and with optimizers, is really trained and timed.
func TestTiny(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("to be or not to be, that is the question\n", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "runs", "thesis.txt")
	if err := errors.Join(os.Mkdir(filepath.Dir(mine), 0o777), os.WriteFile(mine, []byte("a year's work"), 0o666)); err != nil {
		t.Fatal(err)
	}
	cmd := compare.Command(study())
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs([]string{"--out", filepath.Dir(mine), "--data", text, "--variants", "skip of values,constant rate,nanochat's with Muon",
		"--steps", "20", "--seeds", "1", "--rounds", "2", "--eval-batches", "1", "--jobs", "1"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	table := out.String()
	if !strings.Contains(table, "8 of 8 runs are done") || strings.Count(table, "| skip of values | 170626 | ") != 1 || strings.Contains(table, "NaN") {
		t.Errorf("got\n%s", table)
	}
	if text, err := os.ReadFile(mine); err != nil || len(text) == 0 {
		t.Errorf("%q, %v", text, err)
	}
}

// TestCookbook: each piece has its row in docs/cookbook.md.
func TestCookbook(t *testing.T) {
	text, err := os.ReadFile("../../docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces() {
		if !strings.Contains(string(text), "\n| "+p.name+" | ") {
			t.Errorf("docs/cookbook.md has no row of %s", p.name)
		}
	}
}
