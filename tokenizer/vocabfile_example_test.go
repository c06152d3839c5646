package tokenizer_test

import (
	"fmt"
	"log"
	"testing/fstest"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// open loads a tokenizer from its two files.
func open(tokenizerJSON, configJSON []byte, err error) tokenizer.Tokenizer {
	if err != nil {
		log.Fatal(err)
	}
	tok, err := tokenizer.LoadFS(fstest.MapFS{
		"tokenizer.json":        {Data: tokenizerJSON},
		"tokenizer_config.json": {Data: configJSON},
	}, "vocabulary")
	if err != nil {
		log.Fatal(err)
	}
	return tok
}

// This is a SentencePiece vocabulary, as in GGUF files of the kind "llama".
func ExampleFromPieces() {
	tok := open(tokenizer.FromPieces(tokenizer.Pieces{
		Tokens: []string{"<unk>", "<s>", "▁", "o", "n", "ce", "▁on", "▁once", "c", "e", "▁o"},
		Scores: []float32{0, 0, -9, -9, -9, -1, -3, -4, -9, -9, -2},
		BOS:    1, EOS: -1, UNK: 0, AddBOS: true, SpacePrefix: true,
	}))
	ids, err := tok.Append(nil, []byte("once on"))
	fmt.Println(ids, err)
	whole, _ := tokenizer.Text(tok, ids)
	later, _ := tok.AppendText(nil, ids)
	fmt.Printf("%q as a whole, %q behind other tokens\n", whole, later)
	// Output:
	// [7 6] <nil>
	// "once on" as a whole, " once on" behind other tokens
}

// This is a byte-level vocabulary, as in GGUF files of the kind "gpt2". Like SmolLM's, it encodes each digit separately.
func ExampleFromMerges() {
	tok := open(tokenizer.FromMerges(tokenizer.Merged{
		Tokens: []string{"a", "1", "2", "Ġ", "Ġa", "<|im_end|>"}, Merges: []string{"Ġ a"},
		Pre: "smollm", BOS: -1, EOS: 5, UNK: -1, Pad: -1,
	}))
	ids, err := tok.Append(nil, []byte("a a 12"))
	fmt.Println(ids, err)
	fmt.Println(tokenizer.Specials(tok))
	// Output:
	// [0 4 3 1 2] <nil>
	// [{<|im_end|> 5}]
}

// ToMerges returns the vocabulary that a GGUF file stores for a tokenizer.
func ExampleToMerges() {
	tok, err := tokenizer.GPT2()
	if err != nil {
		log.Fatal(err)
	}
	m, err := tokenizer.ToMerges(tok)
	fmt.Println(m.Pre, len(m.Tokens), len(m.Merges), m.Merges[0], m.Tokens[m.EOS], err)
	// Output: gpt-2 50257 50000 Ġ t <|endoftext|> <nil>
}

func ExampleToPieces() {
	tok := open(tokenizer.FromPieces(tokenizer.Pieces{Tokens: []string{"<unk>", "a", "b", "ab", "aab"}, BOS: -1, EOS: -1, UNK: 0}))
	p, err := tokenizer.ToPieces(tok)
	fmt.Println(p.Tokens, p.Scores, p.SpacePrefix, err)
	// Output: [<unk> a b ab aab] [0 -2 -3 0 -1] false <nil>
}

// A text that a model generates after the beginning-of-text token is decoded token by token.
func ExampleFollowing() {
	tok := open(tokenizer.FromPieces(tokenizer.Pieces{
		Tokens: []string{"<unk>", "<s>", "▁On", "ce"}, BOS: 1, EOS: -1, UNK: 0, SpacePrefix: true,
	}))
	decoder := tokenizer.Following(tok, []int{1})
	var text []byte
	for _, id := range []int{2, 3} {
		var err error
		if text, err = decoder.AppendText(text, []int{id}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%q\n", text)
	// Output: "Once"
}

func ExamplePres() {
	fmt.Println(tokenizer.Pres()[:6])
	// Output: [gpt-2 llama-bpe smollm qwen2 tekken gpt-4o]
}
