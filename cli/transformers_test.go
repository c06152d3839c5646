package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
)

// tolTransformers bounds the difference of two float32 forward passes of a model trained for
// a few steps, whose logits are about 10.
const tolTransformers = 1e-4

// TestTransformers trains a model of each family, and has transformers open its checkpoint:
// nothing is missing or unexpected, and the logits are ours.
func TestTransformers(t *testing.T) {
	python := os.Getenv("GORGPT_PYTHON")
	if python == "" {
		t.Skip("GORGPT_PYTHON names no python with torch and transformers")
	}
	script, err := filepath.Abs(filepath.Join("testdata", "logits.py"))
	if err != nil {
		t.Fatal(err)
	}
	for model, class := range map[string]string{"gpt1-nano": "OpenAIGPTLMHeadModel", "gpt2-nano": "GPT2LMHeadModel"} {
		t.Run(model, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("text.txt", []byte(text()), 0o666); err != nil {
				t.Fatal(err)
			}
			if status, _, stderr := trainSmall(t, "--model", model, "--out", "run"); status != 0 {
				t.Fatal(stderr)
			}
			dir := filepath.Join("run", "checkpoints", "latest")
			m, err := run.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			ids := []int{3, 1, 4, 1, 5, 9, 2, 6, 5}
			args := []string{script, dir}
			for _, id := range ids {
				args = append(args, fmt.Sprint(id))
			}
			out, err := exec.Command(python, args...).Output()
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Class  string
				Amiss  []string
				Logits [][]float64
				Tokens int
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if got.Class != class || len(got.Amiss) > 0 || got.Tokens != m.Tokenizer.Size() {
				t.Errorf("transformers opens a %s with %d tokens and %q; want a %s with %d", got.Class, got.Tokens, got.Amiss, class, m.Tokenizer.Size())
			}
			s := graph.New(m.Params)
			logits := models.Logits(m.Model, s, s.Ints("tokens", 1, len(ids)))
			p, err := s.Compile(logits)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if err := p.SetInts("tokens", ids); err != nil {
				t.Fatal(err)
			}
			if err := p.Run(); err != nil {
				t.Fatal(err)
			}
			for i, want := range slices.Concat(got.Logits...) {
				if d := math.Abs(float64(p.Value(logits)[i]) - want); !(d <= tolTransformers) {
					t.Fatalf("logit %d is %v, transformers has %v", i, p.Value(logits)[i], want)
				}
			}
		})
	}
}
