package serve_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TestTokenize: the tokens that begin every text are added to a text in the field prompt, as in vLLM, and to a text in
// the field content only on request, as in llama.cpp.
func TestTokenize(t *testing.T) {
	m := tokenizer.Merged{Tokens: []string{"<s>", "</s>", "a", "b"}, Types: []int{3, 3, 1, 1}, Pre: "gpt-2", BOS: 0, EOS: 1, UNK: -1, Pad: -1, AddBOS: true}
	tokenizerJSON, configJSON, err := tokenizer.FromMerges(m)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.LoadFS(fstest.MapFS{"tokenizer.json": {Data: tokenizerJSON}, "tokenizer_config.json": {Data: configJSON}}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, web := start(t, serve.Config{}, open(t, save(t, small(16), tok, 1), serve.Options{}))
	for body, want := range map[string][]int{
		`{"prompt": "ab"}`: {0, 2, 3}, `{"prompt": "ab", "add_special_tokens": false}`: {2, 3},
		`{"content": "ab"}`: {2, 3}, `{"content": "ab", "add_special": true, "parse_special": true, "with_pieces": false}`: {0, 2, 3},
	} {
		status, _, text := post(t, web.URL+"/tokenize", body)
		var got struct{ Tokens []int }
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK || !slices.Equal(got.Tokens, want) {
			t.Errorf("%s: %d %s, want %v", body, status, text, want)
		}
	}
	for _, body := range []string{`{"prompt": "ab", "add_special": true}`, `{"content": "ab", "add_special_tokens": true}`, `{"content": "ab", "parse_special": false}`, `{"content": "ab", "with_pieces": true}`} {
		if status, _, text := post(t, web.URL+"/tokenize", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}
