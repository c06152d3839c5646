package tokenizer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAddSpecialsOfVocabulary: a token that is already in the vocabulary becomes special and keeps its id, as in
// Hugging Face's add_special_tokens, and the saved tokenizer can be loaded.
func TestAddSpecialsOfVocabulary(t *testing.T) {
	for _, tok := range []Tokenizer{mustChars(t, "abc "), Bytes(), sparse(t)} {
		want, err := tok.Append(nil, []byte("a"))
		if err != nil {
			t.Fatal(err)
		}
		special, err := AddSpecials(tok, "a", "_new_")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := AppendSpecial(special, nil, []byte("a_new_")); err != nil || fmt.Sprint(got) != fmt.Sprint([]int{want[0], tok.Size()}) {
			t.Errorf("%s: ids %v, %v; want %d and %d", tok.Name(), got, err, want[0], tok.Size())
		}
		if _, ofChars := tok.(*charTokenizer); ofChars {
			special, _ = AddSpecials(tok, "a")
		}
		dir := t.TempDir()
		if err := special.Save(dir); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir)
		if err != nil {
			t.Errorf("%s: %v", tok.Name(), err)
			continue
		}
		if got, want := fmt.Sprint(Specials(again)), fmt.Sprint(Specials(special)); got != want {
			t.Errorf("%s: loaded %s, want %s", tok.Name(), got, want)
		}
	}
}

// sparse returns a byte-level tokenizer with an added token and with a token whose id is far after the others.
func sparse(t *testing.T) Tokenizer {
	t.Helper()
	return loadText(t, bytesAnd(`"far":300`, `{"id":257,"content":"<x>","special":true}`))
}

// bytesAnd returns a tokenizer.json of the bytes, another token, and added tokens.
func bytesAnd(token, added string) string {
	var vocab strings.Builder
	for b, symbol := range byteSymbols() {
		fmt.Fprintf(&vocab, "%q:%d,", string(symbol), b)
	}
	return fmt.Sprintf(`{"added_tokens":[%s],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
		"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{%s%s},"merges":[]}}`, added, vocab.String(), token)
}

// loadText loads a tokenizer.json.
func loadText(t *testing.T, text string) Tokenizer {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, tokenizerFile), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestManyAdded: the time to add tokens grows linearly with their number. Loading and saving 60,000 once took 44 s,
// because each was searched for among all others.
func TestManyAdded(t *testing.T) {
	var added []string
	for i := range 100_000 {
		added = append(added, fmt.Sprintf(`{"id":%d,"content":"<%d>","special":true}`, 257+i, i))
	}
	text := bytesAnd(`"far":256`, strings.Join(added, ","))
	began := time.Now()
	tok := loadText(t, text)
	if err := tok.Save(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%d tokens took %v", len(added), took)
	}
}
