package tokenizer

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// drawn is a tokenizer drawn by testdata/draw.py, and the results of Hugging Face's tokenizers 0.23.3 for some texts.
type drawn struct {
	File           json.RawMessage
	Texts          []string
	Special, Plain [][]int
	Decoded        []string
	Dropped        []int
}

// readDrawn reads testdata/drawn.jsonl, or the file of another draw that GORGPT_DRAWN names.
func readDrawn(t *testing.T) []drawn {
	name := "testdata/drawn.jsonl"
	if other := os.Getenv("GORGPT_DRAWN"); other != "" {
		name = other
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []drawn
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var d drawn
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// refusal is an error that names a key of tokenizer.json.
var refusal = regexp.MustCompile(`(model|normalizer|pre_tokenizer|post_processor|decoder|added_tokens)\b`)

// TestDrawn: each tokenizer gives the same ids and texts as Hugging Face's tokenizers, or is refused with an error that
// names a key. A character without a token, which is omitted there, is a TextError here.
func TestDrawn(t *testing.T) {
	loaded := 0
	all := readDrawn(t)
	for i, d := range all {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, tokenizerFile), d.File, 0o666); err != nil {
			t.Fatal(err)
		}
		tok, err := Load(dir)
		if err != nil {
			if t.Logf("%d: %v", i, err); !refusal.MatchString(err.Error()) {
				t.Errorf("%d: refused without a key: %v", i, err)
			}
			continue
		}
		loaded++
		d.check(t, i, tok)
		again := t.TempDir()
		if err := tok.Save(again); err != nil {
			t.Fatal(err)
		}
		manner := Manner(tok)
		if tok, err = Load(again); err != nil {
			t.Errorf("%d: saved and loaded: %v", i, err)
			continue
		}
		if got := Manner(tok); got != manner {
			t.Errorf("%d: saved and loaded, its manner is %q, want %q", i, got, manner)
		}
		d.check(t, i, tok)
	}
	if t.Logf("%d of %d loaded", loaded, len(all)); 2*loaded < len(all) {
		t.Errorf("%d of %d loaded, want half of them or more", loaded, len(all))
	}
}

// check compares the ids and the decoded texts.
func (d *drawn) check(t *testing.T, i int, tok Tokenizer) {
	t.Helper()
	before, after := Around(tok)
	for k, text := range d.Texts {
		plain, err := tok.Append(nil, []byte(text))
		special, err2 := AppendSpecial(tok, slices.Clone(before), []byte(text))
		if _, isText := errors.AsType[*TextError](errors.Join(err, err2)); isText && slices.Contains(d.Dropped, k) {
			continue
		}
		if err != nil {
			t.Errorf("%d: %q: %v", i, text, err)
			continue
		}
		if !slices.Equal(plain, d.Plain[k]) {
			t.Errorf("%d: %q is %v, want %v", i, text, plain, d.Plain[k])
		}
		if special = append(special, after...); err2 != nil || !slices.Equal(special, d.Special[k]) {
			t.Errorf("%d: %q with special tokens is %v, %v, want %v", i, text, special, err2, d.Special[k])
		}
		back, err := Text(tok, d.Plain[k])
		if got := strings.ToValidUTF8(string(back), "\ufffd"); err != nil || got != d.Decoded[k] && utf8.Valid(back) {
			t.Errorf("%d: %v is %q, %v, want %q", i, d.Plain[k], got, err, d.Decoded[k])
		}
	}
}
