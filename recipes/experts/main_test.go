package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/recipes/internal/compare"
)

// TestEqualFLOPs: 2 of 8 experts of half the width cost as much as the dense layer, except for the router and for sending
// tokens to experts and weighting the results.
func TestEqualFLOPs(t *testing.T) {
	products := func(widening int) (flops int64) {
		c := gpt2.New(257, 64, 64, 3, 4)
		var edits []graph.Option
		if widening > 0 {
			edits = experts(widening, 0.01)(c)
		}
		s := graph.New(graph.NewParams(0))
		models.Logits(models.Edit(c, edits...), s, s.Ints("tokens", 8, 64))
		for _, n := range s.Nodes() {
			if strings.Contains(n.Path, "mlp") && !strings.Contains(n.Path, "router") && strings.Contains(n.Op, "inear") {
				flops += n.FLOPs
			}
		}
		return flops
	}
	if dense := products(0); dense == 0 || products(2) != dense || products(4) != 2*dense {
		t.Errorf("products of the dense layers are %d FLOPs, of half experts %d, of whole ones %d", dense, products(2), products(4))
	}
}

// TestTiny: a study of a few steps is really trained and timed.
func TestTiny(t *testing.T) {
	dir := t.TempDir()
	text, out := filepath.Join(dir, "text.txt"), filepath.Join(dir, "runs")
	if err := os.WriteFile(text, []byte(strings.Repeat("to be or not to be, that is the question\n", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	var before string
	for range 2 { // the second time, nothing is left to do
		cmd := compare.Command(study())
		var table bytes.Buffer
		cmd.SetOut(&table)
		cmd.SetErr(io.Discard)
		cmd.SetArgs([]string{"--out", out, "--data", text, "--steps", "20", "--seeds", "1", "--rounds", "2", "--eval-batches", "1", "--jobs", "1"})
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := table.String(); !strings.Contains(got, "10 of 10 runs are done") || strings.Contains(got, "NaN") || before != "" && got != before {
			t.Errorf("got\n%s\nbefore\n%s", got, before)
		}
		before = table.String()
	}
	for _, row := range []string{"| 8 experts | 470720, 172352 active | ", "| upcycled | "} {
		if !strings.Contains(before, row) {
			t.Errorf("no %q in\n%s", row, before)
		}
	}
	// gains.png needs step times within a factor of two, which cannot be relied on in a test; compare's own test covers it.
	for _, name := range []string{"8-experts-1/load.png", "upcycled-1/load.png", "times.csv"} {
		if info, err := os.Stat(filepath.Join(out, name)); err != nil || info.Size() < 40 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
