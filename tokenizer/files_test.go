package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inFolder writes files into a new folder. If a text ends in a slash, its name becomes a folder.
func inFolder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		var err error
		if text == "/" {
			err = os.Mkdir(filepath.Join(dir, name), 0o777)
		} else {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// course is a vocabulary made by the recipe of the Hugging Face course: a byte-level BPE learned without an initial
// alphabet, so that only the bytes of its text have tokens (tokenizers 0.23.3 learned this vocabulary of 26 tokens from
// "low lower lowest, new newer newest").
const course = `{"<|endoftext|>":0,"[PAD]":1,",":2,"e":3,"l":4,"n":5,"o":6,"r":7,"s":8,"t":9,"w":10,"Ġ":11,"we":12,"lo":13,"ne":14,"Ġne":15,"st":16,
"Ġlo":17,"wer":18,"west":19,"low":20,"Ġnew":21,"Ġnewer":22,"Ġnewest":23,"Ġlower":24,"Ġlowest":25}`

const courseMerges = "#version: 0.2\nw e\nl o\nn e\nĠ ne\ns t\nĠ lo\nwe r\nwe st\nlo w\nĠne w\nĠne wer\nĠne west\nĠlo wer\nĠlo west\n"

// TestCourse: with a vocabulary that lacks some of the 256 bytes, ids are those of tokenizers. A byte without a token,
// which tokenizers omits, is an error. [PAD] is a token that no merge makes.
func TestCourse(t *testing.T) {
	dir := inFolder(t, map[string]string{vocabFile: course, mergesFile: courseMerges})
	for range 2 {
		tok, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if tok.Size() != 26 {
			t.Errorf("%d tokens, want 26", tok.Size())
		}
		if end, ok := tok.EndOfText(); !ok || end != 0 {
			t.Errorf("end of text %d, %t", end, ok)
		}
		if got := encode(t, tok, "low newest"); !slices.Equal(got, []int{20, 23}) {
			t.Errorf("low newest: %v", got)
		}
		if text, err := tok.AppendText(nil, []int{1, 24, 0}); err != nil || string(text) != "[PAD] lower<|endoftext|>" {
			t.Errorf("%q, %v", text, err)
		}
		for text, want := range map[string]string{
			"lower, x low": "offset 7: byte 0x78, which is written \"x\", is not in the vocabulary of 26 tokens",
			"new\n":        "offset 3: byte 0x0a, which is written \"Ċ\", is not in the vocabulary of 26 tokens",
			"low é":        "offset 4: byte 0xc3, which is written \"Ã\", is not in the vocabulary of 26 tokens",
		} {
			if ids, err := tok.Append([]int{7}, []byte(text)); err == nil || err.Error() != want || !slices.Equal(ids, []int{7}) {
				t.Errorf("%q: %v, %v, want %s", text, ids, err, want)
			}
		}
		dir = t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSavedEnds: saving a tokenizer keeps its end-of-text and beginning-of-text tokens. Without a beginning-of-text
// token, the end-of-text token is used.
func TestSavedEnds(t *testing.T) {
	bare := map[string]string{vocabFile: course, mergesFile: courseMerges} // GPT-2's class, whose default is <|endoftext|>
	whole := map[string]string{tokenizerFile: `{"version":"1.0","pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"},
		"model":{"type":"BPE","vocab":{"a":0,"[PAD]":1,"b":2},"merges":[]},"added_tokens":[{"id":1,"content":"[PAD]","special":true}]}`}
	for _, c := range []struct {
		files              map[string]string
		config, begin, end string
		first, last        int
	}{
		{bare, `{}`, `"<|endoftext|>"`, `"<|endoftext|>"`, 0, 0},
		{bare, `{"eos_token":"[PAD]"}`, `"<|endoftext|>"`, `"[PAD]"`, 0, 1},
		{bare, `{"bos_token":"[PAD]"}`, `"[PAD]"`, `"<|endoftext|>"`, 1, 0},
		{whole, `{"eos_token":"[PAD]"}`, `"[PAD]"`, `"[PAD]"`, 1, 1},
		{whole, `{"eos_token":"[PAD]","bos_token":"b"}`, `"b"`, `"[PAD]"`, 2, 1},
	} {
		files := maps.Clone(c.files)
		files[configFile] = c.config
		dir := inFolder(t, files)
		for range 2 {
			tok, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			first, ok1 := Beginning(tok)
			last, ok2 := tok.EndOfText()
			if !ok1 || !ok2 || first != c.first || last != c.last {
				t.Errorf("%s: begins with %d, %t, ends with %d, %t; want %d and %d", c.config, first, ok1, last, ok2, c.first, c.last)
			}
			dir = t.TempDir()
			if err := tok.Save(dir); err != nil {
				t.Fatal(err)
			}
			var saved map[string]json.RawMessage
			text, err := os.ReadFile(filepath.Join(dir, configFile))
			if err == nil {
				err = json.Unmarshal(text, &saved)
			}
			if err != nil || string(saved["bos_token"]) != c.begin || string(saved["eos_token"]) != c.end {
				t.Errorf("%s: saved as %s, %v; want %s and %s", c.config, text, err, c.begin, c.end)
			}
		}
	}
}

// TestFused: bytes without a token become unknown tokens as in tokenizers 0.23.3; with fuse_unk, several in a row become
// a single one.
func TestFused(t *testing.T) {
	const file = `{"version":"1.0","pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},"decoder":{"type":"ByteLevel"},
		"model":{"type":"BPE","unk_token":"?","fuse_unk":true,"vocab":{"a":0,"?":1,"b":2,"ab":3},"merges":["a b"]}}`
	for fuse, want := range map[string][]int{"true": {0, 1, 0, 1, 2, 1, 3, 0}, "false": {0, 1, 1, 0, 1, 2, 1, 3, 0}} {
		tok, err := Load(inFolder(t, map[string]string{tokenizerFile: strings.Replace(file, `"fuse_unk":true`, `"fuse_unk":`+fuse, 1)}))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tok.Append(nil, []byte("axyazbzaba")); err != nil || !slices.Equal(got, want) {
			t.Errorf("fuse_unk %s: %v, %v, want %v", fuse, got, err, want)
		}
	}
}

// TestFolders: the error for a folder whose tokenizer cannot be read names the file and says what is wanted instead.
func TestFolders(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"vocab.txt": "[PAD]\n"}, "vocab.txt is a WordPiece vocabulary like BERT's, which is not supported: want tokenizer.json, which transformers' save_pretrained makes from it, or vocab.json and merges.txt"},
		{map[string]string{"spiece.model": "x"}, "spiece.model is SentencePiece's, which is not supported: want tokenizer.json, which transformers' save_pretrained makes from it, or vocab.json and merges.txt"},
		{map[string]string{"sentencepiece.bpe.model": "x"}, "sentencepiece.bpe.model is SentencePiece's, which is not supported: want tokenizer.json, which transformers' save_pretrained makes from it, or vocab.json and merges.txt"},
		{map[string]string{"tokenizer.model": "x"}, "tokenizer.model is SentencePiece's or tiktoken's, which is not supported: want tokenizer.json, which transformers' save_pretrained makes from it, or vocab.json and merges.txt"},
		{map[string]string{mergesFile: courseMerges}, "merges.txt: vocab.json is missing beside it"},
		{map[string]string{"vocab.bpe": courseMerges}, "vocab.bpe: encoder.json is missing beside it"},
		{map[string]string{vocabFile: course, mergesFile: "/"}, "merges.txt: a folder, want a file"},
		{map[string]string{vocabFile: "/", mergesFile: courseMerges}, "vocab.json: a folder, want a file"},
		{map[string]string{tokenizerFile: "/"}, "tokenizer.json: a folder, want a file"},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: "/"}, "tokenizer_config.json: a folder, want a file"},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: "[]"}, "tokenizer_config.json: line 1: want an object, got a list"},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: `{"eos_token": 5}`}, "vocab.json: tokenizer_config.json: eos_token is 5, want the text of a token"},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: `{"add_prefix_space": "yes"}`}, `vocab.json: tokenizer_config.json: add_prefix_space has the wrong type: "yes"`},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, addedFile: `{"[X]": 30}`}, `vocab.json: added_tokens.json: "[X]" has id 30, want 26, its id in the vocabulary or the next one (as Hugging Face's tokenizers assigns it)`},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: `{"added_tokens_decoder": {"3": {"content": "[X]"}}}`}, `vocab.json: tokenizer_config.json: added_tokens_decoder: "[X]" has id 3, want 26, its id in the vocabulary or the next one (as Hugging Face's tokenizers assigns it)`},
		{map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: `{"additional_special_tokens": [1]}`}, `vocab.json: tokenizer_config.json: additional_special_tokens: 1 is not a token`},
	} {
		dir := inFolder(t, c.files)
		if _, err := Load(dir); err == nil || err.Error() != filepath.Join(dir, c.want) {
			t.Errorf("error %v\nwant  %s", err, filepath.Join(dir, c.want))
		}
	}
}

// TestNextFreeID: new tokens get the ids after those of all tokens in the files, whichever file lists them.
func TestNextFreeID(t *testing.T) {
	dir := inFolder(t, map[string]string{
		vocabFile: course, mergesFile: courseMerges, addedFile: `{"[X]": 26, "<y>": 27}`, specialFile: `{"pad_token": "<z>"}`,
		configFile: `{"model_max_length": 77, "padding_side": "left"}`, templateFile: "{{ x }}",
	})
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = AddSpecials(tok, "_start_", "[X]"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got []string
		for _, s := range Specials(tok) {
			got = append(got, fmt.Sprint(s.Text, " ", s.ID))
		}
		if want := "<|endoftext|> 0, [X] 26, <z> 28, _start_ 29"; strings.Join(got, ", ") != want || tok.Size() != 30 {
			t.Errorf("%v, %d tokens, want %s", got, tok.Size(), want)
		}
		if got := encode(t, tok, "low<y>"); !slices.Equal(got, []int{20, 27}) { // it is not special, so it is found in any text
			t.Errorf("low<y>: %v", got)
		}
		dir = t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		if tok, err = Load(dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{configFile: `"model_max_length": 77`, templateFile: "{{ x }}"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, %s, want %s in it", name, err, b, want)
		}
	}
}

// TestVacantIDs: a vocabulary may have ids without a token, which have no text. New tokens get the ids after all others.
func TestVacantIDs(t *testing.T) {
	dir := inFolder(t, map[string]string{vocabFile: strings.Replace(course, `"Ġlowest":25`, `"Ġlowest":29`, 1), mergesFile: courseMerges})
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = AddSpecials(tok, "_start_"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		text, err := tok.AppendText(nil, []int{20, 25, 28, 29, 30})
		if err != nil || string(text) != "low lowest_start_" || tok.Size() != 31 {
			t.Errorf("%q, %v, %d tokens", text, err, tok.Size())
		}
		for _, tok := range []Tokenizer{tok, ReadSpecial(tok)} {
			if got := Vacant(tok); !slices.Equal(got, []int{25, 26, 27, 28}) {
				t.Errorf("vacant %v, want 25 to 28", got)
			}
		}
		dir = t.TempDir()
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		if tok, err = Load(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVacantAdded: an added token may have an id that the vocabulary skips.
func TestVacantAdded(t *testing.T) {
	vocab := strings.Replace(course, `"Ġlowest":25`, `"Ġlowest":29`, 1)
	tok, err := Load(inFolder(t, map[string]string{vocabFile: vocab, mergesFile: courseMerges, addedFile: `{"[A]": 26}`}))
	if err != nil {
		t.Fatal(err)
	}
	if got := Vacant(tok); !slices.Equal(got, []int{25, 27, 28}) {
		t.Errorf("vacant %v, want 25, 27 and 28", got)
	}
	gpt2, err := GPT2()
	if err != nil {
		t.Fatal(err)
	}
	if got := Vacant(gpt2); got != nil {
		t.Errorf("GPT-2: %v", got)
	}
}

// TestLoadCloses: Load leaves no file open, whether it succeeds or fails.
func TestLoadCloses(t *testing.T) {
	open := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(all)
	}
	good := inFolder(t, map[string]string{vocabFile: course, mergesFile: courseMerges, configFile: "{}", specialFile: "{}", addedFile: "{}", templateFile: "x"})
	bad := inFolder(t, map[string]string{tokenizerFile: "{", configFile: "{}"})
	before := open()
	for range 20 {
		if _, err := Load(good); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(bad); err == nil {
			t.Fatal("no error")
		}
	}
	if after := open(); after > before+10 {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// TestAddedText: an added token decodes to its content, whereas tokenizers interprets its letters as symbols for bytes:
// [caf\ufffd].
func TestAddedText(t *testing.T) {
	dir := inFolder(t, map[string]string{vocabFile: course, mergesFile: courseMerges, addedFile: `{"[café]": 26}`})
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := encode(t, tok, "low[café] new")
	if text, err := tok.AppendText(nil, ids); err != nil || string(text) != "low[café] new" || !slices.Equal(ids, []int{20, 26, 21}) {
		t.Errorf("%v: %q, %v", ids, text, err)
	}
}
