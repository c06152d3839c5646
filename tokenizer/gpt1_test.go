package tokenizer

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const gpt1Folder = "../../shared/data/vocab/gpt1"

func mustGPT1(t testing.TB) *gpt1 {
	t.Helper()
	tok, err := Load(gpt1Folder)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is absent", gpt1Folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	return finding(tok).Tokenizer.(*gpt1)
}

// smallGPT1 returns a tokenizer of GPT-1's kind over a few letters.
func smallGPT1(t testing.TB) *gpt1 {
	t.Helper()
	tok, err := new(described).parseBare([]byte(`{"<unk>": 0, "h": 1, "e": 2, "l": 3, "o": 4, "h</w>": 5, "e</w>": 6, "l</w>": 7, "o</w>": 8,
		"!</w>": 9, "he": 10, "ll": 11, "lo</w>": 12, "hel": 13, "hello</w>": 14}`),
		[]byte("#version: 0.2\nh e\nl o</w>\nhe l\nhel lo</w>\nl l\n"))
	if err != nil {
		t.Fatal(err)
	}
	return finding(tok).Tokenizer.(*gpt1)
}

func TestGPT1Golden(t *testing.T) {
	tok := mustGPT1(t)
	shell := mustSugarme(t, tok)
	for _, g := range readGolden(t, "gpt1_golden.jsonl") {
		var words []string
		for w := (basicWords{text: []byte(g.Text)}); w.next(); {
			words = append(words, string(w.word))
		}
		if !slices.Equal(words, g.Words) {
			t.Errorf("%.80q: words %q, want %q", g.Text, words, g.Words)
		}
		got, err := tok.Append(nil, []byte(g.Text))
		if err != nil || !slices.Equal(got, g.IDs) {
			t.Errorf("%.80q is %v, %v; want %v", g.Text, got, err, g.IDs)
		}
		en, err := shell.EncodeSingle(g.Text)
		if err != nil || !slices.Equal(en.Ids, g.IDs) {
			t.Errorf("sugarme: %.80q is %v, %v; want %v", g.Text, en, err, g.IDs)
		}
	}
}

func TestStandardizeGolden(t *testing.T) {
	for _, g := range readGolden(t, "gpt1_standardize_golden.jsonl") {
		if got := Standardize(g.Text); got != g.Standardized {
			t.Errorf("%.80q: %q, want %q", g.Text, got, g.Standardized)
		}
	}
}

// TestStandardize: the ends of a text and a dash alone are treated as in Python.
func TestStandardize(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nyes": "yes", " \n no \n\t": "no", "\n": "", "\x1c\nno": "no", "\t-\n-": "- \n -", "a\n": "a", "\u00a0\n\u2028b": "b", "": "",
	} {
		if got := Standardize(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestGPT1(t *testing.T) {
	tok := smallGPT1(t)
	for _, test := range []struct {
		text string
		want []int
		back string
	}{
		{"", nil, ""},
		{" \n", nil, ""},
		{"Hello", []int{14}, "hello "},
		{"HÉLLO  heo!", []int{14, 10, 8, 9}, "hello heo ! "},
		{"he\x00l\u00adlo", []int{14}, "hello "},
		{"hel\xfflo", []int{14}, "hello "},
		{"hex", []int{10, 0}, "he<unk>"},
		{"漢o", []int{0, 8}, "<unk>o "},
		{"≠", []int{0}, "<unk>"}, // decomposes into = and an accent
		{"<unk>", []int{0, 0, 0, 0, 0}, strings.Repeat(unknownToken, 5)},
	} {
		got, err := tok.Append(nil, []byte(test.text))
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q is %v, %v; want %v", test.text, got, err, test.want)
		}
		if back, err := tok.AppendText(nil, got); err != nil || string(back) != test.back {
			t.Errorf("%q comes back as %q, %v; want %q", test.text, back, err, test.back)
		}
	}
	if _, ok := tok.EndOfText(); ok || tok.Size() != 15 || tok.Name() != "gpt1" {
		t.Errorf("%s of %d tokens, end of text %t", tok.Name(), tok.Size(), ok)
	}
	if _, err := tok.AppendText(nil, []int{15}); err == nil || err.Error() != "id 15 at index 0: want 0 to 14" {
		t.Errorf("id 15: %v", err)
	}
}

// TestDecompositions compares the words of each character with its normalization.
func TestDecompositions(t *testing.T) {
	for r := rune(0x80); r <= 0x2ffff; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		var all strings.Builder
		for w := (basicWords{text: []byte(string(r))}); w.next(); {
			all.Write(w.word)
		}
		got := all.String()
		var want strings.Builder
		if got == "" {
			continue // white space, a control character, an accent
		}
		for _, c := range norm.NFD.String(strings.ToLower(string(r))) {
			if !isAccent(c) {
				want.WriteRune(c)
			}
		}
		if got != want.String() {
			t.Errorf("%U: %q, want %q", r, got, want.String())
		}
	}
}

func BenchmarkGPT1(b *testing.B) {
	tok, text := mustGPT1(b), []byte(opticks(b))
	var ids []int
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tok.caches = caches{} // begin with cold caches
		ids, _ = tok.Append(ids[:0], text)
	}
}

func isAccent(r rune) bool { return unicode.Is(unicode.Mn, r) }
