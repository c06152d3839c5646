package chat

import (
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/smollm2"
)

// TestSmolLM2: with the file of a real model, the tokens of conversations are those of transformers'
// apply_chat_template, and a turn ends at <|im_end|>.
func TestSmolLM2(t *testing.T) {
	d, err := checkpoint.Open(smollm2.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := d.Tokenizer(49152)
	if err != nil {
		t.Fatal(err)
	}
	f, err := For(tok)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Stops(), []int{2}) {
		t.Errorf("stops at %v, want 2", f.Stops())
	}
	p := readPublished(t)
	for i, said := range p.Conversations {
		if said[len(said)-1].Role == Assistant {
			continue // there is no prompt for such a conversation
		}
		if got, err := f.Prompt(said); err != nil || !slices.Equal(got, p.SmolLM2[i]) {
			t.Errorf("conversation %d: %v\n got %v\nwant %v", i, err, got, p.SmolLM2[i])
		}
	}
}
