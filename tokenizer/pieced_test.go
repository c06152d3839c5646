package tokenizer

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// piecedCase is a line of testdata/pieced.jsonl; testdata/pieced.py describes its fields.
type piecedCase struct {
	Tokens                []string
	Scores                []float32
	Types                 []int
	Dummy                 bool
	Texts                 []string
	SPM, Tok, Auto, Again [][]int
	Files                 map[string]json.RawMessage
	Decoded               []string
}

// readPieced reads testdata/pieced.jsonl, or the file of another draw that GORGPT_PIECED names.
func readPieced(t testing.TB) (all []piecedCase) {
	t.Helper()
	name := "testdata/pieced.jsonl"
	if other := os.Getenv("GORGPT_PIECED"); other != "" {
		name = other
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c piecedCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// folder returns the files of a case, or only those with the given names.
func (c *piecedCase) folder(only ...string) fstest.MapFS {
	files := make(fstest.MapFS)
	for name, text := range c.Files {
		if len(only) == 0 || slices.Contains(only, name) {
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	return files
}

// pieces returns the model of a case.
func (c *piecedCase) pieces() Pieces {
	return Pieces{Tokens: c.Tokens, Scores: c.Scores, Types: c.Types, BOS: 1, EOS: 2, UNK: 0, SpacePrefix: c.Dummy}
}

// TestPieced: SentencePiece vocabularies give the ids and texts of Hugging Face's tokenizers or, if there are files
// beside tokenizer.json, of transformers, even after they were saved and loaded again.
func TestPieced(t *testing.T) {
	for i, c := range readPieced(t) {
		for _, saved := range []bool{false, true} {
			tok, err := LoadFS(c.folder(tokenizerFile), "")
			auto, err2 := LoadFS(c.folder(), "")
			if err := errors.Join(err, err2); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if saved {
				tok, auto = savedAgain(t, tok), savedAgain(t, auto)
			}
			before, after := Around(auto)
			for k, text := range c.Texts {
				got, err := tok.Append(nil, []byte(text))
				if err != nil || !slices.Equal(got, c.Tok[k]) {
					t.Errorf("%d: %q is %v, %v, want %v", i, text, got, err, c.Tok[k])
				}
				got, err = AppendSpecial(auto, slices.Clone(before), []byte(text))
				if _, lost := errors.AsType[*TextError](err); lost && !slices.Contains(c.Types, BytePiece) {
					continue // a character without a token, which transformers' LlamaTokenizer omits
				}
				if got = append(got, after...); err != nil || !slices.Equal(got, c.Auto[k]) {
					t.Errorf("%d: %q is %v, %v, want transformers' %v", i, text, got, err, c.Auto[k])
				}
				back, err := Text(tok, c.Tok[k])
				if err != nil || string(back) != c.Decoded[k] {
					t.Errorf("%d: %v is %q, %v, want %q", i, c.Tok[k], back, err, c.Decoded[k])
				}
			}
		}
	}
}

func savedAgain(t *testing.T, tok Tokenizer) Tokenizer {
	t.Helper()
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := Manner(again); got != Manner(tok) {
		t.Fatalf("saved and loaded, its manner is %q, want %q", got, Manner(tok))
	}
	return again
}

// TestFromPieces: a tokenizer made of pieces gives the ids of sentencepiece, and those of transformers for a GGUF file,
// except for texts that begin with a space or contain a special token, for which the two differ.
func TestFromPieces(t *testing.T) {
	for i, c := range readPieced(t) {
		p := c.pieces()
		tok := fromPieces(t, p)
		spm, llama := 0, 0
		for k, text := range c.Texts {
			got, err := tok.Append(nil, []byte(text))
			if err != nil {
				t.Fatalf("%d: %q: %v", i, text, err)
			}
			if !strings.Contains(text, "<tool>") || !slices.Contains(c.Tokens, "<tool>") { // sentencepiece puts no space after it
				spm++
				if !slices.Equal(got, c.SPM[k]) {
					t.Errorf("%d: %q is %v, want sentencepiece's %v", i, text, got, c.SPM[k])
				}
			}
			if c.Dummy && slices.Contains(c.Types, BytePiece) && !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, mark) && !slices.ContainsFunc([]string{"<s>", "</s>", "<unk>", "<tool>", "<0x41>"}, func(s string) bool { return strings.Contains(text, s) }) {
				llama++
				if !slices.Equal(got, c.Again[k]) {
					t.Errorf("%d: %q is %v, want transformers' %v", i, text, got, c.Again[k])
				}
			}
		}
		if spm < 5 || c.Dummy && slices.Contains(c.Types, BytePiece) && llama < 3 {
			t.Errorf("%d: %d texts compared with sentencepiece, %d with transformers", i, spm, llama)
		}
		back, err := ToPieces(tok)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if !slices.Equal(back.Tokens, p.Tokens) || !slices.Equal(back.Types, p.Types) || back.SpacePrefix != p.SpacePrefix || back.BOS != 1 || back.EOS != 2 || back.UNK != 0 {
			t.Errorf("%d: back: %v %v %t %d %d %d", i, back.Tokens, back.Types, back.SpacePrefix, back.BOS, back.EOS, back.UNK)
		}
		again := fromPieces(t, back)
		for _, text := range c.Texts {
			want, _ := tok.Append(nil, []byte(text))
			if got, err := again.Append(nil, []byte(text)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%d: back and forth, %q is %v, %v, want %v", i, text, got, err, want)
			}
		}
	}
}

func fromPieces(t testing.TB, p Pieces) Tokenizer {
	t.Helper()
	tokenizerJSON, configJSON, err := FromPieces(p)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := LoadFS(fstest.MapFS{tokenizerFile: {Data: tokenizerJSON}, configFile: {Data: configJSON}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestPiecedCut: the two parts of a text that is cut where CutFor says have the ids of the whole text.
func TestPiecedCut(t *testing.T) {
	cuts := 0
	for i, c := range readPieced(t) {
		tok, err := LoadFS(c.folder(tokenizerFile), "")
		auto, err2 := LoadFS(c.folder(), "")
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		for _, tok := range []Tokenizer{tok, auto, fromPieces(t, c.pieces())} {
			for _, text := range c.Texts {
				text := []byte(text + strings.Join(c.Texts, " "))
				cut := CutFor(tok, text)
				want, err := tok.Append(nil, text)
				if err != nil {
					continue // a character without a token
				}
				got, _ := tok.Append(nil, text[:cut])
				if got, err = tok.Append(got, text[cut:]); err != nil || !slices.Equal(got, want) {
					t.Fatalf("%d: %q, cut at %d, is %v, %v, want %v", i, text, cut, got, err, want)
				}
				if cut > 0 {
					cuts++
				}
			}
		}
	}
	if cuts < 100 {
		t.Errorf("%d texts were cut", cuts)
	}
}

// TestPiecedErrors breaks a tokenizer.json in one place each.
func TestPiecedErrors(t *testing.T) {
	p := Pieces{Tokens: []string{"<unk>", "▁", "a", "▁a", "<0x41>"}, BOS: -1, EOS: -1, UNK: 0, SpacePrefix: true}
	good, _, err := FromPieces(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, new, want string }{
		{`"type":"ByteFallback"`, `"type":"Lowercase"`, `decoder.decoders[1] is "Lowercase", want "Replace", "ByteFallback", "Fuse" and "Strip", in this order`},
		{`{"type":"ByteFallback"},`, ``, `decoder: want a "Replace" of "▁" with a space, and a "ByteFallback" if model.byte_fallback is true, and only then`},
		{`"content":" "},{"type":"B`, `"content":"_"},{"type":"B`, `decoder.decoders[0] replaces "▁" with "_", want "▁" with a space`},
		{`"start":1,"stop":0`, `"start":1,"stop":1`, `decoder.decoders[3]: want a Strip of spaces at the start, after a Fuse`},
		{`"pre_tokenizer":null`, `"pre_tokenizer":{"type":"Whitespace"}`, `pre_tokenizer is "Whitespace", want none, "Metaspace", "Split", "Digits", or a "Sequence" of them with "Metaspace" first`},
		{`"pre_tokenizer":null`, `"pre_tokenizer":{"type":"Metaspace","replacement":"_"}`, `pre_tokenizer.replacement is "_", want "▁"`},
		{`"pre_tokenizer":null`, `"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}`, `pre_tokenizer.prepend_scheme is "last", want "always", "first" or "never"`},
		{`"pre_tokenizer":null`, `"pre_tokenizer":{"type":"Sequence","pretokenizers":[null]}`, `pre_tokenizer.pretokenizers[0] is null`},
		{`"pattern":{"String":" "},"content":"▁"`, `"pattern":{"Regex":" "},"content":"▁"`, `normalizer.normalizers[1].pattern: want a "String"`},
		{`"pattern":{"String":" "},"content":"▁"`, `"pattern":{"String":""},"content":"▁"`, `normalizer.normalizers[1]: want a "pattern" that is not empty, and "content"`},
		{`"dropout":null`, `"dropout":0.1`, `model.dropout is 0.1, want none`},
		{`"end_of_word_suffix":null`, `"end_of_word_suffix":"@"`, `model.end_of_word_suffix is "@", want none`},
		{`["▁ a"]`, `["▁ b"]`, `line 1: merge "▁" "b": "b" is not in the vocabulary`},
	} {
		file := strings.Replace(string(good), test.old, test.new, 1)
		if file == string(good) {
			t.Fatalf("%s is not in %s", test.old, good)
		}
		if _, err := new(described).parse([]byte(file)); err == nil || err.Error() != test.want {
			t.Errorf("%s → %s\nerror %v\nwant  %s", test.old, test.new, err, test.want)
		}
	}
	tok := fromPieces(t, p)
	if _, err := Sugarme(tok); err == nil || err.Error() != "the tokenizer sentencepiece normalizes texts, so its tokens have no offsets in a text: use Append" {
		t.Errorf("Sugarme: %v", err)
	}
	without := p
	without.UNK = -1
	without.Types = []int{3, 1, 1, 1, 6}
	want := TextError{Offset: 2, Problem: "character 'é' (U+00E9) is not in the vocabulary of 5 tokens"}
	if _, err := fromPieces(t, without).Append(nil, []byte("a é")); err == nil || err.Error() != want.Error() {
		t.Errorf("error %v, want %v", err, &want)
	}
	for _, test := range []struct{ name, kind string }{{"tokenizer.model", "SentencePiece's or tiktoken's"}, {"spiece.model", "SentencePiece's"}} {
		want := "m/" + test.name + " is " + test.kind + ", which is not supported: want tokenizer.json, which transformers' save_pretrained makes from it, or vocab.json and merges.txt"
		if _, err := LoadFS(fstest.MapFS{test.name: {Data: []byte("\n\x0b")}}, "m"); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestFollowing: when a text that follows nothing except special tokens is decoded, the space that was put before it is
// removed.
func TestFollowing(t *testing.T) {
	p := Pieces{Tokens: []string{"<unk>", "<s>", "▁", "a", "▁a"}, BOS: 1, EOS: -1, UNK: 0, SpacePrefix: true, AddBOS: true}
	tok := fromPieces(t, p)
	for _, test := range []struct {
		before []int
		want   string
	}{{nil, "a  a"}, {[]int{1}, "a  a"}, {[]int{1, 4}, " a  a"}} {
		f := Following(tok, test.before)
		var text []byte
		for _, id := range []int{4, 2, 4} {
			var err error
			if text, err = f.AppendText(text, []int{id}); err != nil {
				t.Fatal(err)
			}
		}
		if string(text) != test.want {
			t.Errorf("behind %v: %q, want %q", test.before, text, test.want)
		}
	}
	if got := Following(Bytes(), nil); got != Bytes() {
		t.Errorf("bytes: %v", got)
	}
}

// FuzzFromPieces makes tokenizers of arbitrary vocabularies. A tokenizer that is made can be loaded, and can encode and
// decode.
func FuzzFromPieces(f *testing.F) {
	f.Add("<unk>\n<s>\n▁\na\n▁a\n<0x41>", []byte{0, 0, 9, 3, 2, 0}, []byte{2, 3, 1, 1, 1, 6}, 1, -1, 0, true, "a ab\n")
	f.Add("a\nb\nab\n\n[EMPTY_3]", []byte{}, []byte{}, -1, 2, -1, false, "abc")
	f.Fuzz(func(t *testing.T, tokens string, scores, types []byte, bos, eos, unk int, prefix bool, text string) {
		p := Pieces{Tokens: strings.Split(tokens, "\n"), BOS: bos, EOS: eos, UNK: unk, SpacePrefix: prefix, AddBOS: bos >= 0, AddEOS: eos >= 0}
		for _, s := range scores {
			p.Scores = append(p.Scores, float32(s))
		}
		for _, k := range types {
			p.Types = append(p.Types, int(k))
		}
		tokenizerJSON, configJSON, err := FromPieces(p)
		if err != nil {
			return
		}
		tok, err := LoadFS(fstest.MapFS{tokenizerFile: {Data: tokenizerJSON}, configFile: {Data: configJSON}}, "")
		if err != nil {
			t.Fatalf("%s: %v", tokenizerJSON, err)
		}
		for _, encode := range []func(ids []int, text []byte) ([]int, error){tok.Append, ReadSpecial(tok).Append} {
			ids, err := encode(nil, []byte(text))
			if _, lost := errors.AsType[*TextError](err); lost {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Text(tok, ids); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzFromMerges is FuzzFromPieces for byte-level vocabularies.
func FuzzFromMerges(f *testing.F) {
	f.Add("a\nb\nab\nĠ\nĠab\n<|endoftext|>", "a b\nĠ ab", []byte{1, 1, 1, 1, 1, 3}, "smollm", 5, "ab ab 12")
	f.Add("a\nb\nab", "a b", []byte{}, "deepseek-v3", -1, "ab! ab漢字")
	f.Fuzz(func(t *testing.T, tokens, merges string, types []byte, pre string, end int, text string) {
		m := Merged{Tokens: strings.Split(tokens, "\n"), Merges: strings.Split(merges, "\n"), Pre: pre, BOS: -1, EOS: end, UNK: -1, Pad: -1}
		for _, k := range types {
			m.Types = append(m.Types, int(k))
		}
		tokenizerJSON, configJSON, err := FromMerges(m)
		if err != nil {
			return
		}
		tok, err := LoadFS(fstest.MapFS{tokenizerFile: {Data: tokenizerJSON}, configFile: {Data: configJSON}}, "")
		if err != nil {
			return // a merge of tokens that do not exist
		}
		ids, err := tok.Append(nil, []byte(text))
		if err != nil {
			return // a byte without a token
		}
		if back, err := tok.AppendText(nil, ids); err != nil || Sizes(tok) != nil && string(back) != text {
			t.Fatalf("%q is %v, which is %q, %v", text, ids, back, err)
		}
	})
}
