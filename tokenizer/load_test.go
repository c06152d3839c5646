package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
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
	// The space is byte 32, written Ġ in byte-level vocabularies; in GPT-2, its id is 220.
	if got := saved(t, Bytes()); !strings.Contains(string(got), `"Ġ": 32,`) {
		t.Errorf("tokenizer.json has no Ġ with id 32")
	}
}

// TestLoadFS opens files that are not in a folder on disk; errors begin with the name given to LoadFS.
func TestLoadFS(t *testing.T) {
	files := fstest.MapFS{"tokenizer.json": {Data: saved(t, mustLearn(t, "abab abab", 262))}}
	tok, err := LoadFS(files, "model.gguf")
	if err != nil || tok.Size() != 260 {
		t.Fatalf("%v, %v", tok, err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"tokenizer.json":        {"{}", `model.gguf/tokenizer.json: no model, want one of type "BPE"`},
		"tokenizer_config.json": {"[", "model.gguf/tokenizer_config.json: line 1: unexpected end of JSON input"},
		"":                      {"", "open model.gguf/tokenizer.json: file does not exist"},
	} {
		files := fstest.MapFS{name: {Data: []byte(test.text)}}
		if name == "" {
			files = nil
		}
		if _, err := LoadFS(files, "model.gguf"); err == nil || err.Error() != filepath.FromSlash(test.want) {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}

// TestLoadErrors breaks valid files in one place each.
func TestLoadErrors(t *testing.T) {
	chars, bytes := string(saved(t, mustChars(t, "ab"))), string(saved(t, Bytes()))
	for _, test := range []struct {
		file, old, new, want string
	}{
		{"", "", "", "line 1: not a tokenizer: unexpected end of JSON input"},
		{"", "", "\xff", "not valid UTF-8"},
		{"", "", "[1]", "line 1: not a tokenizer: want an object, got a list"},
		{"", "", "{}", `no model, want one of type "BPE"`},
		{chars, `"BPE"`, `"Unigram"`, `model.type is "Unigram", want "BPE"`},
		{chars, `"merges": []`, `"merges": ["a b", ["a", "b"]]`, `model.merges has 2 merges, want none without a pre_tokenizer "ByteLevel" that splits (GPT-2) or an end_of_word_suffix (GPT-1)`},
		{chars, `"dropout": null`, `"dropout": 0.1`, "model.dropout is 0.1, want none"},
		{chars, `"unk_token": null`, `"unk_token": "a"`, `model.unk_token is "a", want none`},
		{chars, `"continuing_subword_prefix": null`, `"continuing_subword_prefix": "##"`, `model.continuing_subword_prefix is "##", want none`},
		{chars, `"end_of_word_suffix": null`, `"end_of_word_suffix": "@@"`, `model.end_of_word_suffix is "@@", want none`},
		{chars, `"byte_fallback": false`, `"byte_fallback": true`, "model.byte_fallback is true, want false"},
		{chars, `"normalizer": null`, `"normalizer": {"type": "NFC"}`, `normalizer is "NFC", want none`},
		{chars, `"post_processor": null`, `"post_processor": {"type": "RobertaProcessing"}`, `post_processor is "RobertaProcessing", want none, "ByteLevel", "TemplateProcessing", or a "Sequence" of them`},
		{chars, `"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}]}`, `post_processor.special_tokens: no ids for "[CLS]"`},
		{chars, `"post_processor": null`, `"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}], "special_tokens": {"[CLS]": {"ids": [2]}}}`, `post_processor.special_tokens: "[CLS]" has id 2, want 0 to 1`},
		{chars, `"Fuse"`, `"WordPiece"`, `decoder is "WordPiece", want "Fuse" for characters`},
		{chars, `"added_tokens": []`, `"added_tokens": [{"id": 2}]`, "added_tokens: the token with id 2 is empty"},
		{chars, `"b": 1`, `"bc": 1`, `model.vocab: token "bc" has 2 characters, want 1`},
		{chars, `"b": 1`, `"": 1`, `model.vocab: token "" has 0 characters, want 1`},
		{chars, `"b": 1`, `"b": 2`, `model.vocab: 2 tokens, but "b" has id 2`},
		{chars, `"b": 1`, `"b": 0`, `line 23: not a tokenizer: tokens "a" and "b" both have id 0`},
		{chars, `"a": 0,`, "", `model.vocab: 1 tokens, but "b" has id 1`},
		{chars, `"pre_tokenizer": null`, `"pre_tokenizer": {"type": "Whitespace"}`, `pre_tokenizer is "Whitespace", want none for characters, "ByteLevel", or a "Sequence" that ends with it`},
		{bytes, `"Ġ": 32`, `"Ġ": 33`, `line 73: not a tokenizer: tokens "Ġ" and "!" both have id 33`},
		{bytes, `"Ġ": 32`, `"Ġ": 32, "Ġa": 256`, `added_tokens: "<|endoftext|>" has id 256, want 257, its id in the vocabulary or the next one (as Hugging Face's tokenizers assigns it)`},
		{bytes, `"id": 256`, `"id": 257`, `added_tokens: "<|endoftext|>" has id 257, want 256, its id in the vocabulary or the next one (as Hugging Face's tokenizers assigns it)`},
	} {
		file := test.new
		if test.file != "" {
			if file = strings.Replace(test.file, test.old, test.new, 1); file == test.file {
				t.Fatalf("%s is not in the file", test.old)
			}
		}
		if _, err := new(described).parse([]byte(file)); err == nil || err.Error() != test.want {
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
	if _, err := (folder{os.DirFS(dir), dir}).read(tokenizerFile, 1); err == nil || err.Error() != name+": more than 1 bytes, too large for a tokenizer" {
		t.Errorf("large file: %v", err)
	}
}

// works checks that a loaded tokenizer decodes all its ids and, if it has all the
// characters, encodes their texts as ids that decode to the same texts.
func works(t *testing.T, tok Tokenizer) {
	t.Helper()
	for id := range min(tok.Size(), 2000) {
		text, err := tok.AppendText(nil, []int{id})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.Append(nil, text)
		if _, isText := errors.AsType[*TextError](err); isText && (tok.Name() == "chars" || tok.Name() == "bpe") {
			continue // a character or a byte without a token
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := tok.AppendText(nil, ids)
		if err != nil || tok.Name() != "gpt1" && finding(tok).changes() == "" && string(back) != string(text) {
			t.Fatalf("%s: id %d is %q, which comes back as %q, %v", tok.Name(), id, text, back, err)
		}
	}
}

// FuzzParse reads any bytes as a tokenizer.json.
func FuzzParse(f *testing.F) {
	f.Add(saved(f, Bytes()))
	f.Add(saved(f, mustChars(f, "to be\n")))
	f.Add(saved(f, mustLearn(f, "to be or not to be", 265)))
	f.Add(saved(f, smallGPT1(f)))
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 1e300}}}`))
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"\ud800": 0}}, "decoder": {"type": "Fuse"}}`))
	f.Add([]byte(`{"model": {"type": "BPE", "merges": [["a", "b"], "a b", 3]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if tok, err := new(described).parse(b); err == nil {
			works(t, tok)
		}
	})
}

// FuzzDescribed reads any bytes as the files next to a vocabulary. A tokenizer that can be read
// is the same after saving and loading.
func FuzzDescribed(f *testing.F) {
	f.Add([]byte(`{"eos_token": "[PAD]", "add_prefix_space": true, "add_bos_token": true}`), []byte(`{"bos_token": {"content": "<x>", "lstrip": true}}`), []byte(`{"<x>": 26}`))
	f.Add([]byte(`{"added_tokens_decoder": {"26": {"content": "<y>", "rstrip": true, "special": true}}, "extra_special_tokens": {"a": "b"}}`), []byte(`{}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, config, special, added []byte) {
		var d described
		if decode(config, &d.config) != nil || decode(special, &d.special) != nil || decode(added, &d.added) != nil {
			return
		}
		tok, err := d.parseBare([]byte(course), []byte(courseMerges))
		if err != nil {
			return
		}
		for _, text := range []string{"low newest", " low<x>  <y>[PAD] new"} {
			ids, err := AppendSpecial(tok, nil, []byte(text))
			if err != nil {
				continue // a byte without a token
			}
			if _, err := tok.AppendText(nil, ids); err != nil {
				t.Fatal(err)
			}
		}
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(addedTokens(again), addedTokens(tok)) || again.Size() != tok.Size() || Manner(again) != Manner(tok) {
			t.Fatalf("%v, want %v", addedTokens(again), addedTokens(tok))
		}
	})
}

// FuzzParseBare reads any bytes as a vocabulary and its merges.
func FuzzParseBare(f *testing.F) {
	for _, tok := range []filed{mustLearn(f, "to be or not to be", 265), smallGPT1(f)} {
		m := tok.pipeline().Model
		vocab, err := m.Vocab.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(vocab, m.Merges.text())
	}
	f.Add([]byte(`{"<unk>": 0, "a": 1}`), []byte("a\n"))
	f.Add([]byte(`{"<unk>": 0, "a": 1, "aa": 2, "aa</w>": 3}`), []byte("a a\r\n"))
	f.Fuzz(func(t *testing.T, vocab, merges []byte) {
		if tok, err := new(described).parseBare(vocab, merges); err == nil {
			works(t, tok)
		}
	})
}

// TestLoadBare breaks the two files of a GPT-2 tokenizer in one place each.
func TestLoadBare(t *testing.T) {
	good := mustLearn(t, "abab abab", 262)
	dir := t.TempDir()
	if err := good.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, tokenizerFile)); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	vocab, merges := read(vocabFile), read(mergesFile)
	if merges != "#version: 0.2\na b\nab ab\nĠ abab\n" {
		t.Fatalf("merges %q", merges)
	}
	tok, err := Load(dir)
	if err != nil || tok.Size() != good.Size() || !slices.Equal(encode(t, tok, "abab ab"), encode(t, good, "abab ab")) {
		t.Fatalf("loaded: %v, %v", tok, err)
	}
	if end, ok := tok.EndOfText(); !ok || end != 259 {
		t.Errorf("end of text %d, %t", end, ok)
	}
	for _, test := range []struct{ file, old, new, want string }{
		{vocabFile, vocab[100:], "", "vocab.json: line 11: not a vocabulary: unexpected end of JSON input"},
		{vocabFile, vocab, "", "vocab.json: line 1: not a vocabulary: unexpected end of JSON input"},
		{vocabFile, vocab, "merges", "vocab.json: line 1: not a vocabulary: invalid character 'm' looking for beginning of value (byte 1)"},
		{vocabFile, vocab, "[1]", "vocab.json: line 1: not a vocabulary: vocabulary: want an object of tokens and their ids"},
		{vocabFile, `"%": 4`, `"%": 3`, `vocab.json: line 6: not a vocabulary: tokens "$" and "%" both have id 3`},
		{vocabFile, `"%": 4`, `"$": 4`, `vocab.json: line 6: not a vocabulary: token "$" appears twice, with ids 3 and 4`},
		{vocabFile, `"%": 4`, `"%": "x"`, `vocab.json: line 6: not a vocabulary: token "%" has id x, want a number from 0`},
		{vocabFile, `"%": 4`, `"%": 4.5`, `vocab.json: line 6: not a vocabulary: token "%" has id 4.5, want a number from 0`},
		{vocabFile, `"%": 4`, `"%": 4000`, `vocab.json: model.vocab: 260 tokens, but "%" has id 4000`},
		{vocabFile, `"%": 4`, `"%%": 4`, `vocab.json: model.vocab: no merge makes token "%%", id 4; are the merges complete?`},
		{vocabFile, `"%": 4`, "\"%\": 4, \"\xff\": 1", "vocab.json: not valid UTF-8"},
		{mergesFile, "ab ab", "ab", `merges.txt: line 3: merge "ab", want two tokens with a space between`},
		{mergesFile, "ab ab", "ab ", `merges.txt: line 3: merge "ab ", want two tokens with a space between`},
		{mergesFile, "ab ab", "ab a b", `merges.txt: line 3: merge "ab a b", want two tokens with a space between`},
		{mergesFile, "ab ab", "ab xyz", `merges.txt: line 3: merge "ab" "xyz": "xyz" is not in the vocabulary`},
		{mergesFile, "ab ab", "ab a", `merges.txt: line 3: merge "ab" "a": "aba" is not in the vocabulary`},
		{mergesFile, "ab ab", "a b", `merges.txt: line 3: merge "a" "b" appears twice`},
		{mergesFile, "\nab ab\nĠ abab", "", `vocab.json: model.vocab: no merge makes token "abab", id 257; are the merges complete?`},
	} {
		file := map[string]string{vocabFile: vocab, mergesFile: merges}[test.file]
		changed := strings.Replace(file, test.old, test.new, 1)
		if changed == file {
			t.Fatalf("%q is not in the file", test.old)
		}
		if err := os.WriteFile(filepath.Join(dir, test.file), []byte(changed), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || err.Error() != filepath.Join(dir, test.want) {
			t.Errorf("%.40q → %q\nerror %v\nwant  %s", test.old, test.new, err, filepath.Join(dir, test.want))
		}
		if err := os.WriteFile(filepath.Join(dir, test.file), []byte(file), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, mergesFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || err.Error() != filepath.Join(dir, vocabFile)+": merges.txt is missing beside it" {
		t.Errorf("no merges: %v", err)
	}
}

// TestLoadPublished reads the files as published by OpenAI and by Hugging Face.
func TestLoadPublished(t *testing.T) {
	tok, err := Load("../../shared/data/vocab/gpt2")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("../../shared is absent")
	}
	if err != nil || tok != Tokenizer(mustGPT2(t)) {
		t.Errorf("OpenAI's GPT-2: %v, %v; want the embedded one", tok, err)
	}
	for _, tok := range []Tokenizer{mustGPT2(t), mustGPT1(t)} {
		dir := t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		for _, without := range []string{"", tokenizerFile} {
			if without != "" {
				if err := os.Remove(filepath.Join(dir, without)); err != nil {
					t.Fatal(err)
				}
			}
			again, err := Load(dir)
			if err != nil || again.Name() != tok.Name() || again.Size() != tok.Size() {
				t.Fatalf("%s without %q: %v, %v", tok.Name(), without, again, err)
			}
			const text = "Don't stop: the 漢字 café, 1234!\n"
			want, _ := tok.Append(nil, []byte(text))
			if got, err := again.Append(nil, []byte(text)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s without %q: %v, %v; want %v", tok.Name(), without, got, err, want)
			}
		}
	}
}

// TestLoadJSON breaks a tokenizer.json of GPT-2's kind and one of GPT-1's kind in one place each.
func TestLoadJSON(t *testing.T) {
	gpt2, gpt1 := string(saved(t, mustLearn(t, "abab abab", 262))), string(saved(t, smallGPT1(t)))
	for _, test := range []struct{ file, old, new, want string }{
		{gpt2, `"ab ab"`, `"ab"`, `line 308: not a tokenizer: merge 1 is "ab", want two tokens`},
		{gpt2, `"ab ab"`, `7`, `line 308: not a tokenizer: merge 1 is 7, want two tokens`},
		{gpt2, `"ab ab"`, `["ab","a"]`, `line 308: merge "ab" "a": "aba" is not in the vocabulary`},
		{gpt2, `"normalizer": null`, `"normalizer": {"type": "Strip"}`, `normalizer is "Strip", want none, "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "Replace", or a "Sequence" of them`},
		{gpt2, `"normalizer": null`, `"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Nmt"}]}`, `normalizer.normalizers[1] is "Nmt", want none, "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "Replace", or a "Sequence" of them`},
		{gpt2, `"id": 259`, `"id": 260`, `added_tokens: "<|endoftext|>" has id 260, want 259, its id in the vocabulary or the next one (as Hugging Face's tokenizers assigns it)`},
		{gpt2, `"content": "<|endoftext|>"`, `"content": ""`, `added_tokens: the token with id 259 is empty`},
		{gpt1, `"BertNormalizer"`, `"Lowercase"`, `normalizer is "Lowercase", want "BertNormalizer" for GPT-1`},
		{gpt1, `"lowercase": true`, `"lowercase": false`, `normalizer "BertNormalizer" has options switched off, want all of them on for GPT-1`},
		{gpt1, `"BertPreTokenizer"`, `"Whitespace"`, `pre_tokenizer is "Whitespace", want "BertPreTokenizer" for GPT-1`},
		{gpt1, `"unk_token": "<unk>"`, `"unk_token": null`, `model.unk_token is not "<unk>"`},
		{gpt1, `"hel": 13`, `"hel": 13, "hex": 15`, `the vocabulary has token "hex", id 15, which no merge makes; are the merges complete?`},
	} {
		file := strings.Replace(test.file, test.old, test.new, 1)
		if file == test.file {
			t.Fatalf("%s is not in the file", test.old)
		}
		if _, err := new(described).parse([]byte(file)); err == nil || err.Error() != test.want {
			t.Errorf("%s → %s\nerror %v\nwant  %s", test.old, test.new, err, test.want)
		}
	}
}
