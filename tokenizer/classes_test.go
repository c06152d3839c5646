package tokenizer

import (
	"slices"
	"testing"
	"testing/fstest"
)

// TestQwen2Bare: with a vocabulary and merges but no tokenizer.json, texts are split as the class requires. The ids are
// those of transformers 5.24's AutoTokenizer, with the config.json of a Llama.
func TestQwen2Bare(t *testing.T) {
	symbols := byteSymbols()
	slices.Sort(symbols[:])
	v := make(vocabulary)
	for _, r := range symbols {
		v[string(r)] = len(v)
	}
	for _, token := range []string{"ab", "Ġab", "12", "ĊĊ", EndOfText} {
		v[token] = len(v)
	}
	vocab, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string][2][]int{
		qwen2Class: {{256, 220, 16, 17, 256, 259, 16, 17, 220, 6, 50, 257}, {127, 102, 260, 16, 17}}, // with separate digits and NFC
		gpt2Class:  {{256, 220, 258, 256, 198, 198, 258, 220, 6, 50, 257}, {68, 136, 223, 260, 258}},
	} {
		tok, err := LoadFS(fstest.MapFS{
			vocabFile:  {Data: vocab},
			mergesFile: {Data: []byte("#version: 0.2\na b\nĠ ab\n1 2\nĊ Ċ\n")},
			configFile: {Data: []byte(`{"tokenizer_class": "` + class + `"}`)},
			modelFile:  {Data: []byte(`{"model_type": "llama"}`)},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range []string{"ab 12ab\n\n12 'S ab", "e\u0301<|endoftext|>12"} {
			if ids, err := AppendSpecial(tok, nil, []byte(text)); err != nil || !slices.Equal(ids, want[i]) {
				t.Errorf("%s: %q is %v, %v, want %v", class, text, ids, err, want[i])
			}
		}
		if end, ok := tok.EndOfText(); !ok || end != 260 {
			t.Errorf("%s: end of text %d, %t", class, end, ok)
		}
	}
}
