package checkpoint_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/internal/smollm2"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// smolGolden is an element of testdata/smollm2/golden.json.
type smolGolden struct {
	Prompt            string
	IDs, Greedy, Best []int
	Logits            []float32
}

// tolSmol is for logits of up to 30, whose float32 sums over 30 layers are taken in a different order than
// PyTorch's; 3e-5 was measured.
const tolSmol = 1e-4

// TestSmolLM2: a published model in llama.cpp's format gives transformers' ids, logits, and 100 greedy tokens.
func TestSmolLM2(t *testing.T) {
	path := smollm2.Path(t)
	text, err := os.ReadFile("testdata/smollm2/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden []smolGolden
	if err := json.Unmarshal(text, &golden); err != nil || len(golden) != 10 {
		t.Fatal(len(golden), err)
	}
	m, err := checkpoint.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if name := models.NameOf(m.Model); name != "smollm2-135m" || !slices.Equal(m.Ends, []int{2, 0}) { // <|im_end|> is named by a key, <|endoftext|> is known by its text
		t.Errorf("%s, ends %v", name, m.Ends)
	}
	g := generate.New(models.Graphs(m.Model), m.Params, 512)
	defer g.Close()
	var prompts [][]int
	worst := 0.0
	for _, want := range golden {
		ids, err := tokenizer.AppendSpecial(m.Tokenizer, nil, []byte(want.Prompt))
		if len(want.Best) != 5 || err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, want.IDs) {
			t.Errorf("%q: ids %v, want %v", want.Prompt, ids, want.IDs)
		}
		prompts = append(prompts, want.IDs)
		logits, err := g.Logits(want.IDs)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range want.Best {
			worst = max(worst, math.Abs(float64(logits[id]-want.Logits[i])))
		}
	}
	t.Logf("logits are off by %.1e", worst)
	if !(worst <= tolSmol) {
		t.Errorf("logits are off by %.1e, want at most %.0e", worst, tolSmol)
	}
	greedy := make([][]int, len(prompts))
	for token, err := range g.Batch(context.Background(), prompts, 100, generate.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		greedy[token.Sequence] = append(greedy[token.Sequence], token.ID)
	}
	for i, want := range golden {
		if !slices.Equal(greedy[i], want.Greedy) {
			t.Errorf("%q: greedy tokens\n%v\nwant\n%v", want.Prompt, greedy[i], want.Greedy)
		}
	}
}
