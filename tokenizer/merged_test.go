package tokenizer

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/fstest"
)

// mergedOf returns the vocabulary of a learned tokenizer, which has all bytes.
func mergedOf(t testing.TB) Merged {
	t.Helper()
	m, err := ToMerges(mustLearn(t, "The 1234 dogs don't   bark, the 12 cats do.\n\nHe said: \"It's 1984!\" and THE end of it.\n", 300))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fromMerges(t testing.TB, m Merged) Tokenizer {
	t.Helper()
	tokenizerJSON, configJSON, err := FromMerges(m)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := LoadFS(fstest.MapFS{tokenizerFile: {Data: tokenizerJSON}, configFile: {Data: configJSON}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestFlags: a Merged cannot express that an added token strips white space, or that a space is put before a text.
func TestFlags(t *testing.T) {
	const file = `{"added_tokens": [{"id": 3, "content": "<|end|>", "rstrip": true, "special": true}, {"id": 4, "content": "<|x|>", "special": true}],
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": %t}, "decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`
	load := func(prefix bool) Tokenizer {
		tok, err := LoadFS(fstest.MapFS{tokenizerFile: {Data: fmt.Appendf(nil, file, prefix)}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	tok := load(false)
	if _, err := ToMerges(tok); err != nil {
		t.Error(err)
	}
	if got := Taking(tok); len(got) != 1 || got[0] != (Special{"<|end|>", 3}) {
		t.Errorf("taking %v", got)
	}
	if _, err := ToMerges(load(true)); err == nil || err.Error() != "the tokenizer puts a space before a text, which llama.cpp does not do for byte-level BPE" {
		t.Errorf("error %v", err)
	}
}

// TestNothingLeft: an added token that is empty once normalized is never found in a text.
func TestNothingLeft(t *testing.T) {
	const file = `{"added_tokens": [{"id": 3, "content": " ", "normalized": true}],
		"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": ""},
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`
	tok, err := LoadFS(fstest.MapFS{tokenizerFile: {Data: []byte(file)}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.Append(nil, []byte("a b")); err != nil || !slices.Equal(ids, []int{2}) {
		t.Errorf("ids %v, %v", ids, err)
	}
}

// TestFromMerges: under each of llama.cpp's names, a vocabulary merges within the pieces of that name's patterns, even
// after a round trip through ToMerges.
func TestFromMerges(t *testing.T) {
	g := readO200k(t)
	m := mergedOf(t)
	if m.Pre != "gpt-2" || m.Tokens[m.EOS] != EndOfText || m.Types[m.EOS] != ControlPiece || m.UNK != -1 || m.AddBOS {
		t.Fatalf("pre %q, end %d of %d, unknown %d, beginning %t", m.Pre, m.EOS, len(m.Tokens), m.UNK, m.AddBOS)
	}
	for _, name := range Pres() {
		m := m
		m.Pre = name
		tok := fromMerges(t, m)
		back, err := ToMerges(tok)
		if err != nil || !slices.Equal(back.Tokens, m.Tokens) || !slices.Equal(back.Merges, m.Merges) || !slices.Equal(back.Types, m.Types) || back.EOS != m.EOS {
			t.Fatalf("%s: back: %+v, %v", name, back, err)
		}
		if !pres[back.Pre].stages().sameStages(pres[name].stages()) || pres[back.Pre].whole != pres[name].whole {
			t.Errorf("%s came back as %s", name, back.Pre)
		}
		again, cut, c := fromMerges(t, back), piecesOf(t, name), new(cache)
		model := finding(tok).Tokenizer.(*byteLevel)
		cuts := 0
		for seed := range 100 {
			text := []byte(g.random(seed))
			var want []int
			at := 0
			for _, n := range cut(string(text)) {
				want = model.appendPiece(c, want, text[at:at+n])
				at += n
			}
			if i := CutFor(tok, text); i > 0 { // the parts have the ids of the whole text
				cuts++
				parts, _ := tok.Append(nil, text[:i])
				if parts, _ = tok.Append(parts, text[i:]); !slices.Equal(parts, want) {
					t.Fatalf("%s: %q, cut at %d, is %v, want %v", name, text, i, parts, want)
				}
			}
			for _, tok := range []Tokenizer{tok, again} {
				if got, err := tok.Append(nil, text); err != nil || !slices.Equal(got, want) {
					t.Fatalf("%s: %q is %v, %v, want %v", name, text, got, err, want)
				}
			}
		}
		if slices.Contains([]string{"gpt-2", "llama-bpe", "smollm", "qwen2", "tekken", "gpt-4o"}, name) && cuts < 30 {
			t.Errorf("%s: %d texts were cut", name, cuts)
		}
	}
}

// TestFromMergesTokens checks tokens that do not stand for bytes, the tokens around a text, and the chat template.
func TestFromMergesTokens(t *testing.T) {
	m := mergedOf(t)
	n := len(m.Tokens)
	m.Tokens = append(m.Tokens, "<|im_start|>", "<think>", "[PAD302]", "")
	m.Types = append(m.Types, ControlPiece, UserPiece, UnusedPiece, NormalPiece)
	m.BOS, m.AddBOS, m.Pad, m.Pre, m.Template = n, true, n+2, "smollm", "{{ messages }}"
	tok := fromMerges(t, m)
	if tok.Size() != n+4 {
		t.Fatalf("%d tokens, want %d", tok.Size(), n+4)
	}
	text := []byte("<|im_start|>12<think>")
	plain, err := tok.Append(nil, text)
	if err != nil || slices.Contains(plain, n) || plain[len(plain)-1] != n+1 {
		t.Errorf("%q is %v, %v: want <think> as a token, <|im_start|> as text", text, plain, err)
	}
	one, _ := tok.Append(nil, []byte("1"))
	two, _ := tok.Append(nil, []byte("2"))
	special, err := AppendSpecial(tok, nil, text)
	if want := []int{n, one[0], two[0], n + 1}; err != nil || !slices.Equal(special, want) {
		t.Errorf("%q is %v, %v, want %v", text, special, err, want)
	}
	if before, after := Around(tok); !slices.Equal(before, []int{n}) || after != nil {
		t.Errorf("around a text: %v, %v", before, after)
	}
	back, err := ToMerges(tok)
	if err != nil || back.Template != m.Template || !back.AddBOS || back.BOS != n || back.Pad != n+2 || back.Types[n+1] != UserPiece || back.Tokens[n+3] != fmt.Sprintf("[EMPTY_%d]", n+3) {
		t.Errorf("back: %v, beginning %d, %t, padding %d, tokens %q, %v", err, back.BOS, back.AddBOS, back.Pad, back.Tokens[n:], back.Types[n:])
	}
}

// TestFromErrors: an invalid vocabulary is a one-line error.
func TestFromErrors(t *testing.T) {
	pieces := Pieces{Tokens: []string{"<unk>", "a", "b", "ab"}, Scores: []float32{0, 0, 0, -1}, Types: []int{2, 1, 1, 1}, BOS: -1, EOS: -1, UNK: 0}
	merged := mergedOf(t)
	for want, change := range map[string]func(p *Pieces, m *Merged){
		"0 tokens, want 1 to 2^30":                                   func(p *Pieces, m *Merged) { p.Tokens, m.Tokens = nil, nil },
		"1 types for 4 tokens":                                       func(p *Pieces, _ *Merged) { p.Types = p.Types[:1] },
		"3 scores for 4 tokens":                                      func(p *Pieces, _ *Merged) { p.Scores = p.Scores[:3] },
		"token 1 has type 7, want 1 to 6":                            func(p *Pieces, m *Merged) { p.Types[1], m.Types[1] = 7, 7 },
		"eos_token is token 4, want 0 to 3, or -1 for none":          func(p *Pieces, _ *Merged) { p.EOS = 4 },
		"tokens 1 and 2 are both \"a\"":                              func(p *Pieces, _ *Merged) { p.Tokens[2] = "a" },
		"token 2, \"\\xff\", is not valid UTF-8":                     func(p *Pieces, m *Merged) { p.Tokens[2], m.Tokens[2] = "\xff", "\xff" },
		"token 3 has score NaN":                                      func(p *Pieces, _ *Merged) { p.Scores[3] = float32(math.NaN()) },
		"token 3 has 600 bytes, want at most 512":                    func(p *Pieces, _ *Merged) { p.Tokens[3] = string(make([]byte, 600)) },
		"merge 0 is \"ab\", want two tokens with a space between":    func(_ *Pieces, m *Merged) { m.Merges[0] = "ab" },
		"merge 1 is \"\", want two tokens with a space between":      func(_ *Pieces, m *Merged) { m.Merges[1] = "" },
		"merge 2 is \"a b c\", want two tokens with a space between": func(_ *Pieces, m *Merged) { m.Merges[2] = "a b c" },
	} {
		p, m := pieces, merged
		p.Tokens, p.Scores, p.Types = slices.Clone(p.Tokens), slices.Clone(p.Scores), slices.Clone(p.Types)
		m.Tokens, m.Types, m.Merges = slices.Clone(m.Tokens), slices.Clone(m.Types), slices.Clone(m.Merges)
		change(&p, &m)
		_, _, err := FromPieces(p)
		if slices.Equal(p.Tokens, pieces.Tokens) && slices.Equal(p.Types, pieces.Types) && p.EOS == -1 && err == nil {
			_, _, err = FromMerges(m)
		}
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	for pre, want := range map[string]string{
		"":     "the file does not say how its vocabulary cuts texts (tokenizer.ggml.pre), as files from before May 2024 do not: use a newer file, or the Hugging Face directory",
		"nope": `tokenizer.ggml.pre is "nope", which is unknown: want one of gpt-2, llama-bpe, smollm, qwen2, tekken, gpt-4o, `,
	} {
		m := merged
		m.Pre = pre
		if _, _, err := FromMerges(m); err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := ToPieces(mustLearn(t, "abab", 260)); err == nil || err.Error() != "the tokenizer is of the kind bpe, want SentencePiece's byte-pair encoding" {
		t.Errorf("error %v", err)
	}
	if _, err := ToMerges(Bytes()); err == nil || err.Error() != "the tokenizer is of the kind bytes, want byte-level byte-pair encoding" {
		t.Errorf("error %v", err)
	}
}
