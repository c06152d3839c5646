package models_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/models"
)

// tolAttention bounds the error of an attention weight, which is at most 1; 2e-7 was measured.
const tolAttention = 2e-6

// TestAttentionMaps compares the attention weights of every head with transformers', with attention as a
// single op and composed of several.
func TestAttentionMaps(t *testing.T) {
	for _, name := range []string{"gpt1-odd", "gpt2-odd"} {
		for _, composed := range []bool{false, true} {
			dir := filepath.Join("testdata", name)
			f := openFixture(t, dir, composed)
			expected, err := safetensors.Open(filepath.Join(dir, "attention.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer expected.Close()
			tokens, _, context := f.ids("tokens")
			for layer := range models.DimsOf(f.model).Layers {
				want := make([]float32, models.DimsOf(f.model).Heads*context*context)
				if err := expected.Read(fmt.Sprint("layer.", layer), want); err != nil {
					t.Fatal(err)
				}
				maps, err := models.AttentionMaps(f.model, f.params, tokens[:context], layer)
				if err != nil {
					t.Fatal(err)
				}
				if len(maps) != models.DimsOf(f.model).Heads {
					t.Fatalf("%s: %d heads", name, len(maps))
				}
				worst := 0.0
				for h, m := range maps {
					for i, v := range m {
						worst = math.Max(worst, math.Abs(float64(v-want[h*context*context+i])))
					}
				}
				if !(worst <= tolAttention) {
					t.Errorf("%s, layer %d: an attention weight is off by %.1e", name, layer, worst)
				}
			}
		}
	}
}
