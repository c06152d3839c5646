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

// piecedCase is a line of testdata/pieced.jsonl, see testdata/pieced.py.
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

// readPieced reads testdata/pieced.jsonl, or what GORGPT_PIECED names: a new draw.
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

// folder are the files, or only those with a name.
func (c *piecedCase) folder(only ...string) fstest.MapFS {
	files := make(fstest.MapFS)
	for name, text := range c.Files {
		if len(only) == 0 || slices.Contains(only, name) {
			files[name] = &fstest.MapFile{Data: text}
		}
	}
	return files
}

// pieces is the model of a case.
func (c *piecedCase) pieces() Pieces {
	return Pieces{Tokens: c.Tokens, Scores: c.Scores, Types: c.Types, BOS: 1, EOS: 2, UNK: 0, Pad: -1, SpacePrefix: c.Dummy}
}

// TestPieced: SentencePiece's vocabularies give the ids and texts of Hugging Face's tokenizers, and those of
// transformers where there are files beside the tokenizer.json, also when they were saved again.
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
					continue // a character without a token, which transformers' LlamaTokenizer leaves out
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

// TestFromPieces: what is made of pieces gives the ids of sentencepiece, and those of transformers for a GGUF
// file, which differ for spaces in front and for what is written like a special token.
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
			if !strings.Contains(text, "<tool>") || !slices.Contains(c.Tokens, "<tool>") { // which gets no space behind it there
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
