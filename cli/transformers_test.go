package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/run"
)

// tolTransformers bounds the difference between two float32 forward passes of a model trained for
// a few steps, whose logits are about 10.
const tolTransformers = 1e-4

// transformers returns a Python with that package, and the script that computes logits with it.
func transformers(t *testing.T) (python, script string) {
	t.Helper()
	if python = os.Getenv("GORGPT_PYTHON"); python == "" {
		t.Skip("GORGPT_PYTHON names no python with torch and transformers")
	}
	return python, fixture(t, filepath.Join("testdata", "logits.py"))
}

// TestTransformers trains a model of each family, and opens its checkpoint, or the result of converting
// it, with transformers: nothing is missing or unexpected, and the logits are ours.
func TestTransformers(t *testing.T) {
	python, script := transformers(t)
	for _, c := range []struct {
		args, convert []string // arguments of gorgpt train, and of converting its checkpoint
		class         string
	}{
		{[]string{"--model", "gpt1-nano"}, nil, "OpenAIGPTLMHeadModel"},
		{[]string{"--model", "gpt2-nano"}, nil, "GPT2LMHeadModel"},
		{[]string{"--model", "gpt3-nano", "--set", "attention_order=dense"}, nil, "GPT2LMHeadModel"},
		{[]string{"--model", "gpt3-nano", "--layers", "2", "--set", "window_size=16"}, nil, "GPT2LMHeadModel"}, // of 16 positions
		{slices.Concat(banded, []string{"--set", "bias=false"}), []string{"--to", "gpt-neo"}, "GPTNeoForCausalLM"},
		{banded, []string{"--to", "gpt-neo", "--fold-query-bias"}, "GPTNeoForCausalLM"},
		{[]string{"--model", "nanochat-nano", "--set", "num_key_value_heads=2", "--set", `rope_scaling={"rope_type":"linear","factor":2}`}, nil, "NanoChatForCausalLM"},
		{[]string{"--model", "llama-nano", "--set", "attention_bias=true", "--set", `rope_scaling={"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":16}`}, nil, "LlamaForCausalLM"},
		{[]string{"--model", "mixtral-nano", "--set", "num_local_experts=5", "--set", "sliding_window=9"}, nil, "MixtralForCausalLM"},
		{[]string{"--model", "gptoss-nano", "--set", "num_local_experts=5", "--set", "sliding_window=9"}, nil, "GptOssForCausalLM"},
		{[]string{"--model", "gptoss-nano", "--set", "rope_parameters=" + `{"rope_type":"yarn","factor":4,"original_max_position_embeddings":16,"truncate":false}`}, []string{"--dtype", "mxfp4"}, "GptOssForCausalLM"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("text.txt", []byte(text()), 0o666); err != nil {
				t.Fatal(err)
			}
			if status, _, stderr := trainSmall(t, append(c.args, "--out", "run")...); status != 0 {
				t.Fatal(stderr)
			}
			dir := filepath.Join("run", "checkpoints", "latest")
			m, err := run.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if c.convert != nil {
				if status, _, stderr := gorgpt(t, t.Context(), append([]string{"convert", dir, "converted"}, c.convert...)...); status != 0 {
					t.Fatal(stderr)
				}
				dir = "converted"
			}
			if slices.Contains(c.convert, "mxfp4") { // which rounds
				if m, err = run.Load(dir); err != nil {
					t.Fatal(err)
				}
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
			if got.Class != c.class || len(got.Amiss) > 0 || got.Tokens != m.Tokenizer.Size() {
				t.Errorf("transformers opens a %s with %d tokens and %q; want a %s with %d", got.Class, got.Tokens, got.Amiss, c.class, m.Tokenizer.Size())
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

// TestTransformersRefusesBands: a model with bands has a type that transformers does not know, so that it
// is not opened as another.
func TestTransformersRefusesBands(t *testing.T) {
	python, script := transformers(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	if status, _, stderr := trainSmall(t, append(banded, "--out", "run")...); status != 0 {
		t.Fatal(stderr)
	}
	out, err := exec.Command(python, script, filepath.Join("run", "checkpoints", "latest"), "1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "model type `gpt3` but Transformers does not recognize") {
		t.Errorf("%v\n%s", err, out)
	}
}
