package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/llama"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestTiny: the study with a tiny Llama is really trained in every way, and each run is done once.
func TestTiny(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "tasks", "sst2")
	var sentences strings.Builder
	sentences.WriteString("sentence\tlabel\n")
	for i := range 40 {
		fmt.Fprintf(&sentences, "%d was %s\t%d\n", i, []string{"dull", "fun"}[i%2], i%2)
	}
	if err := os.MkdirAll(data, 0o777); err != nil {
		t.Fatal(err)
	}
	base := llama.New(257, 32, 16, 1, 2)
	base.Tied = true
	params := graph.NewParams(1)
	config, err := models.JSON(base)
	from := filepath.Join(dir, "base")
	if err := errors.Join(err, models.Declare(base, params),
		checkpoint.Save(from, checkpoint.Contents{Config: config, Params: params, Tokenizer: tokenizer.Bytes().Save}),
		os.WriteFile(filepath.Join(data, "train.tsv"), []byte(sentences.String()), 0o666),
		os.WriteFile(filepath.Join(data, "dev.tsv"), []byte(sentences.String()), 0o666)); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(dir, "runs")
	try := func(more ...string) (string, error) {
		cmd := command()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append([]string{"--from", from, "--data", filepath.Dir(data), "--out", runs, "--tasks", "sst2:32", "--seeds", "1", "--precision", "auto"}, more...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	study := func(more ...string) string {
		out, err := try(more...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	table := study("--epochs", "2", "--micro", "8")
	if strings.Count(table, "\n") != 3 || !strings.Contains(table, "| sst2 | 32 | 40 | accuracy | 50.0 | ") || strings.Contains(table, "—") || !strings.HasSuffix(table, " | 91.3 / 84.0 |\n") {
		t.Errorf("got\n%s", table)
	}
	left, err := filepath.Glob(filepath.Join(runs, "*", "checkpoints"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	// Other settings are refused, and nothing is lost.
	for _, more := range [][]string{{"--epochs", "0"}, {"--micro", "0"}, {"--precision", "fp8"}, {"--epochs", "1"}} {
		if _, err := try(more...); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v", more, err)
		}
	}
	for _, more := range [][]string{nil, {"--only-table"}} {
		if again := study(append([]string{"--epochs", "2", "--micro", "8"}, more...)...); again != table {
			t.Errorf("%v: the second time\n%swant\n%s", more, again, table)
		}
	}
}
