package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGraphOfCheckpoint: graph and bench accept a checkpoint of any form as a model; a name of the catalog takes precedence
// over a file of that name.
func TestGraphOfCheckpoint(t *testing.T) {
	file, err := filepath.Abs(filepath.Join("..", "checkpoint", "testdata", "gguf", "llama3.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	write(t, "gpt2-nano", "a file of the name of a model")
	for args, want := range map[string]string{
		"graph --model " + file:                            "parameters  1,472",
		"graph --model " + file + " --diff " + file:        "no nodes differ",
		"graph --model gpt2-nano --context 4":              "parameters  804,096",
		"bench --model " + file + " --steps 1 --context 4": "llama3.gguf, batch 1 × 4",
	} {
		if status, stdout, stderr := gorgpt(t, t.Context(), strings.Fields(args)...); status != 0 || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%s: status %d\n%s%s\nwant %s", args, status, stdout, stderr, want)
		}
	}
}
