package run

import (
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
)

// TestPrecisionRecorded: a recipe records the precision that auto selected, float32 checkpoints are the same
// as before precisions could be chosen, and a run can be resumed only in the precision in which it began.
func TestPrecisionRecorded(t *testing.T) {
	t.Chdir(t.TempDir())
	r := Defaults()
	if strings.Contains(r.fixed(), "precision") {
		t.Error("a checkpoint of float32 tells of a precision, which older ones do not")
	}
	if r.Precision = "bf16"; !strings.Contains(r.fixed(), "\nprecision = \"bf16\"\n") {
		t.Errorf("a checkpoint of bf16 does not tell:\n%s", r.fixed())
	}
	write(t, "text.txt", strings.Repeat("to be or not to be, that is the question\n", 200))
	recipe := Defaults()
	recipe.Model, recipe.Data, recipe.Tokenizer = "gpt2-nano", "text.txt", "bytes"
	recipe.Layers, recipe.Heads, recipe.Width, recipe.Steps, recipe.Batch, recipe.Context = 1, 1, 16, 4, 2, 8
	recipe.Precision = "auto"
	first, err := Create(recipe, "run", Options{StopAfter: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	want, err := graph.ParsePrecision("auto")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Train(t.Context()); err != nil {
		t.Fatal(err)
	}
	was, err := first.Dir.Recipe()
	if err != nil || was.Precision != want.String() {
		t.Fatalf("the recipe says %q, want %v: %v", was.Precision, want, err)
	}
	if want == graph.Float32 {
		return // there is no other precision to resume in
	}
	first.Close()
	was.Precision = "float32"
	if _, err := Resume(first.Dir, was, Options{}); err == nil || !strings.Contains(err.Error(), `with precision = "bf16", not precision = "float32"; only`) {
		t.Errorf("resumed in another precision: %v", err)
	}
}

// TestPrecisionOfFinetuning: the same holds for the recipes of fine-tuning.
func TestPrecisionOfFinetuning(t *testing.T) {
	r := DefaultsTuned()
	if strings.Contains(r.fixed(), "precision") {
		t.Error("a checkpoint of float32 tells of a precision, which older ones do not")
	}
	if r.Precision = "bf16"; !strings.Contains(r.fixed(), "\nprecision = \"bf16\"\n") {
		t.Errorf("a checkpoint of bf16 does not tell:\n%s", r.fixed())
	}
}
