package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// saved returns the tokenizer.json that Save writes.
func saved(t testing.TB, tok Tokenizer) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, tokenizerFile))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSaveLoad(t *testing.T) {
	for _, tok := range []Tokenizer{Bytes(), mustChars(t, strings.Join(awkward, ""))} {
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.Name() != tok.Name() || got.Size() != tok.Size() {
			t.Fatalf("loaded %s of %d tokens, want %s of %d", got.Name(), got.Size(), tok.Name(), tok.Size())
		}
		for id := range tok.Size() {
			a, err1 := tok.AppendText(nil, []int{id})
			b, err2 := got.AppendText(nil, []int{id})
			if err1 != nil || err2 != nil || string(a) != string(b) {
				t.Errorf("%s: token %d is %q, %v after loading; want %q, %v", tok.Name(), id, b, err2, a, err1)
			}
		}
	}
}

func TestSavedFiles(t *testing.T) {
	dir := t.TempDir()
	if err := Bytes().Save(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	if c["tokenizer_class"] != "PreTrainedTokenizerFast" || c["eos_token"] != EndOfText || c["clean_up_tokenization_spaces"] != false {
		t.Errorf("%s: %s", configFile, b)
	}
	// The space is byte 32, written Ġ in byte-level vocabularies, where GPT-2 has it as 220.
	if got := saved(t, Bytes()); !strings.Contains(string(got), `"Ġ": 32,`) {
		t.Errorf("tokenizer.json has no Ġ with id 32")
	}
}

// TestLoadErrors breaks good files in one place each.
func TestLoadErrors(t *testing.T) {
	chars, bytes := string(saved(t, mustChars(t, "ab"))), string(saved(t, Bytes()))
	for _, test := range []struct {
		file, old, new, want string
	}{
		{"", "", "", "line 1: not a tokenizer: unexpected end of JSON input"},
		{"", "", "\xff", "not valid UTF-8"},
		{"", "", "[1]", "line 1: not a tokenizer: json: cannot unmarshal array into Go value of type tokenizer.pipeline"},
		{"", "", "{}", `no model, want one of type "BPE"`},
		{chars, `"BPE"`, `"Unigram"`, `model.type is "Unigram", want "BPE"`},
		{chars, `"merges": []`, `"merges": ["a b", ["a", "b"]]`, `model.merges has 2 merges, want none without a pre_tokenizer "ByteLevel" that splits (GPT-2) or an end_of_word_suffix (GPT-1)`},
		{chars, `"dropout": null`, `"dropout": 0.1`, "model.dropout is 0.1, want none"},
		{chars, `"unk_token": null`, `"unk_token": "a"`, `model.unk_token is "a", want none`},
		{chars, `"continuing_subword_prefix": null`, `"continuing_subword_prefix": "##"`, `model.continuing_subword_prefix is "##", want none`},
		{chars, `"end_of_word_suffix": null`, `"end_of_word_suffix": "@@"`, `model.end_of_word_suffix is "@@", want none`},
		{chars, `"byte_fallback": false`, `"byte_fallback": true`, "model.byte_fallback is true, want false"},
		{chars, `"normalizer": null`, `"normalizer": {"type": "NFC"}`, `normalizer is "NFC", want none`},
		{chars, `"post_processor": null`, `"post_processor": {"type": "ByteLevel"}`, `post_processor is "ByteLevel", want none, or "TemplateProcessing" without special_tokens`},
		{chars, `"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "special_tokens": {"[CLS]": {}}}`, `post_processor is "TemplateProcessing", want none, or "TemplateProcessing" without special_tokens`},
		{chars, `"Fuse"`, `"WordPiece"`, `decoder is "WordPiece", want "Fuse" for characters`},
		{chars, `"added_tokens": []`, `"added_tokens": [{"id": 2}]`, "added_tokens has 1 tokens, want none for characters"},
		{chars, `"b": 1`, `"bc": 1`, `model.vocab: token "bc" has 2 characters, want 1`},
		{chars, `"b": 1`, `"": 1`, `model.vocab: token "" has 0 characters, want 1`},
		{chars, `"b": 1`, `"b": 2`, `model.vocab: 2 tokens, but "b" has id 2`},
		{chars, `"b": 1`, `"b": 0`, `line 23: not a tokenizer: tokens "a" and "b" both have id 0`},
		{chars, `"a": 0,`, "", `model.vocab: 1 tokens, but "b" has id 1`},
		{chars, `"pre_tokenizer": null`, `"pre_tokenizer": {"type": "Whitespace"}`, `pre_tokenizer is "Whitespace", want none for characters, "ByteLevel" without add_prefix_space and use_regex for bytes`},
		{bytes, `"add_prefix_space": false`, `"add_prefix_space": true`, `pre_tokenizer is "ByteLevel" (add_prefix_space true, use_regex false), want none for characters, "ByteLevel" without add_prefix_space and use_regex for bytes`},
		{bytes, `"Ġ": 32`, `"Ġ": 33`, `line 73: not a tokenizer: tokens "Ġ" and "!" both have id 33`},
		{bytes, `"Ġ": 32`, `"Ġ": 32, "Ġa": 256`, "model.vocab has 257 tokens, want the 256 bytes"},
		{bytes, `"id": 256`, `"id": 257`, `added_tokens: want "<|endoftext|>" with id 256 alone`},
	} {
		file := test.new
		if test.file != "" {
			if file = strings.Replace(test.file, test.old, test.new, 1); file == test.file {
				t.Fatalf("%s is not in the file", test.old)
			}
		}
		if _, err := parse([]byte(file)); err == nil || err.Error() != test.want {
			t.Errorf("%s → %s\nerror %v\nwant  %s", test.old, test.new, err, test.want)
		}
	}

	dir := t.TempDir()
	name := filepath.Join(dir, tokenizerFile)
	if _, err := Load(dir); err == nil || err.Error() != "open "+name+": no such file or directory" {
		t.Errorf("empty folder: %v", err)
	}
	if err := os.WriteFile(name, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || err.Error() != name+`: no model, want one of type "BPE"` {
		t.Errorf("no model: %v", err)
	}
	if _, err := readFile(name, 1); err == nil || err.Error() != name+": more than 1 bytes, too large for a tokenizer" {
		t.Errorf("large file: %v", err)
	}
}

// FuzzParse reads any bytes as a tokenizer.json; what is accepted must encode
// and decode each of its tokens.
func FuzzParse(f *testing.F) {
	f.Add(saved(f, Bytes()))
	f.Add(saved(f, mustChars(f, "to be\n")))
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 1e300}}}`))
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"\ud800": 0}}, "decoder": {"type": "Fuse"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := parse(b)
		if err != nil {
			return
		}
		for id := range tok.Size() {
			text, err := tok.AppendText(nil, []int{id})
			if err != nil {
				t.Fatal(err)
			}
			if end, ok := tok.EndOfText(); ok && id == end {
				continue
			}
			if ids, err := tok.Append(nil, text); err != nil || len(ids) != 1 || ids[0] != id {
				t.Fatalf("token %d is %q, which is %v, %v", id, text, ids, err)
			}
		}
	})
}
