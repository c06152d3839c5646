package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pkoukk/tiktoken-go-loader/assets"
)

// o200kDigest is the SHA-256 of o200k_base.tiktoken that tiktoken 0.14 checks.
const o200kDigest = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

// TestO200kFile: the merges embedded in the program make the tokens that tiktoken uses, in the same order.
func TestO200kFile(t *testing.T) {
	file, err := assets.Assets.ReadFile("o200k_base.tiktoken")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != o200kDigest {
		t.Fatalf("o200k_base.tiktoken has SHA-256 %x, want %s", sum, o200kDigest)
	}
	var tokens []string
	for line := range strings.Lines(string(file)) {
		text, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		token, err := base64.StdEncoding.DecodeString(text)
		if err != nil || number != fmt.Sprint(len(tokens)) {
			t.Fatalf("line %d: %q, %v", len(tokens)+1, line, err)
		}
		tokens = append(tokens, string(token))
	}
	w := newWords(len(tokens), tokens)
	for id := range tokens {
		w.add(int32(id))
	}
	var want []byte
	for id := int32(byteTokens); int(id) < len(tokens); id++ { // two of the earlier tokens make each token
		all := w.splits(tokens[id])
		i := slices.IndexFunc(all, func(p pair) bool { return max(p.left, p.right) < id })
		if i < 0 {
			t.Fatalf("token %d is not made of two before it", id)
		}
		for _, part := range []int32{all[i].left, all[i].right} {
			want = append(want, byte(part), byte(part>>8), byte(part>>16))
		}
	}
	if *update {
		if err := os.WriteFile("o200k.merges", want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(o200kFile, want) {
		t.Error("o200k.merges is not made of o200k_base.tiktoken: go generate ./tokenizer")
	}
	base, err := newO200k(o200kFile)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(base.tokens, tokens) || len(base.merges.pairs) != o200kPairs {
		t.Errorf("%d tokens, not those of the file, or %d pairs, want %d", len(base.tokens), len(base.merges.pairs), o200kPairs)
	}
}

// o200kGolden is testdata/o200k.json, which testdata/o200k.py writes with tiktoken.
type o200kGolden struct {
	Ranges   [][2]rune // of characters, all of them in Unicode 14
	Snippets []string
	Sums     []string // CRC-32 of the ids of each random text
	Shared   map[string]struct {
		Tokens int
		SHA256 string
	}
	Written map[string][]int
}

func readO200k(t testing.TB) o200kGolden {
	t.Helper()
	b, err := os.ReadFile("testdata/o200k.json")
	if err != nil {
		t.Fatal(err)
	}
	var g o200kGolden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// random returns the text that the script generates for the same seed.
func (g *o200kGolden) random(seed int) string {
	state := uint64(seed)
	draw := func(n int) int { // the upper bits of Knuth's MMIX generator
		state = state*6364136223846793005 + 1442695040888963407
		return int(state >> 33 % uint64(n))
	}
	var b strings.Builder
	draw(1)
	for range 1 + draw(40) {
		if draw(5) < 2 {
			r := g.Ranges[draw(len(g.Ranges))]
			b.WriteRune(r[0] + rune(draw(int(r[1]-r[0]+1))))
		} else {
			b.WriteString(g.Snippets[draw(len(g.Snippets))])
		}
	}
	return b.String()
}

func mustO200k(t testing.TB) *added {
	t.Helper()
	tok, err := o200kHarmony()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// idBytes returns ids as little-endian uint32.
func idBytes(ids []int) []byte {
	var b []byte
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return b
}

// TestO200kRandom: 2,000 random texts from all of Unicode have tiktoken's ids.
func TestO200kRandom(t *testing.T) {
	g, tok := readO200k(t), mustO200k(t)
	if len(g.Sums) != 2000 {
		t.Fatalf("%d texts, want 2000", len(g.Sums))
	}
	for i, want := range g.Sums {
		text := g.random(i)
		ids, err := tok.Append(nil, []byte(text))
		if got := fmt.Sprintf("%08x", crc32.ChecksumIEEE(idBytes(ids))); err != nil || got != want {
			t.Errorf("text %d: %q gives %v, %v, not tiktoken's ids", i, text, ids, err)
		}
	}
}

// TestO200kWritten: texts that take each branch of the pattern, some with special tokens, have tiktoken's ids.
func TestO200kWritten(t *testing.T) {
	tok := mustO200k(t)
	for text, want := range readO200k(t).Written {
		ids, err := AppendSpecial(tok, nil, []byte(text))
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("%q gives %v, %v, want %v", text, ids, err, want)
		}
		if back, err := tok.AppendText(nil, want); err != nil || string(back) != text {
			t.Errorf("%v is %q, %v, want %q", want, back, err, text)
		}
	}
	ids, err := tok.Append(nil, []byte("<|start|>"))
	if err != nil || slices.Contains(ids, 200006) {
		t.Errorf("a special token in a text is %v, %v, want text", ids, err)
	}
	if id, ok := tok.EndOfText(); id != 199999 || !ok || tok.Size() != 201088 {
		t.Errorf("end of text %d, %t of %d; want 199999 of 201088", id, ok, tok.Size())
	}
}

// TestO200kShared: the texts in ../shared have tiktoken's ids.
func TestO200kShared(t *testing.T) {
	tok := mustO200k(t)
	for name, want := range readO200k(t).Shared {
		path := filepath.Join("../../shared/data", name)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("%s is absent", path)
		}
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.Append(nil, text)
		if sum := sha256.Sum256(idBytes(ids)); err != nil || len(ids) != want.Tokens || hex.EncodeToString(sum[:]) != want.SHA256 {
			t.Errorf("%s: %d ids, %v, want %d with another digest", name, len(ids), err, want.Tokens)
		}
	}
}

// TestO200kSaved: a saved tokenizer gives the same ids when it is loaded here and in transformers.
func TestO200kSaved(t *testing.T) {
	if testing.Short() {
		t.Skip("saves and loads 200,000 tokens")
	}
	g, tok := readO200k(t), mustO200k(t)
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if Manner(again) != Manner(tok) || again.Size() != tok.Size() || len(Specials(again)) != len(Specials(tok)) {
		t.Errorf("loaded: %q of %d, want %q of %d", Manner(again), again.Size(), Manner(tok), tok.Size())
	}
	for i := range 200 {
		text := []byte(g.random(i))
		want, err1 := tok.Append(nil, text)
		got, err2 := again.Append(nil, text)
		if err := errors.Join(err1, err2); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: loaded %v, want %v; %v", text, got, want, err)
		}
	}
}

// TestO200kCut: the two parts of a text that is cut where CutFor says have the ids of the whole text.
func TestO200kCut(t *testing.T) {
	g, tok := readO200k(t), mustO200k(t)
	cuts := 0
	for i := range 500 {
		text := []byte(g.random(i))
		at := CutFor(tok, text)
		if at > 0 {
			cuts++
		}
		whole, _ := tok.Append(nil, text) // it can encode any text
		parts, _ := tok.Append(nil, text[:at])
		parts, _ = tok.Append(parts, text[at:])
		if !slices.Equal(parts, whole) {
			t.Errorf("%q cut at %d: %v, want %v", text, at, parts, whole)
		}
	}
	if cuts < 100 {
		t.Errorf("only %d texts could be cut", cuts)
	}
}

func FuzzO200k(f *testing.F) {
	for _, s := range append(awkward, "\xff\xfe", "a\xed\xa0\x80b", "!\n\n/ x", "\u0301\u0301A") {
		f.Add(s)
	}
	tok := mustO200k(f)
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := tok.Append(nil, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := tok.AppendText(nil, ids); err != nil || string(back) != text {
			t.Errorf("%q comes back as %q, %v", text, back, err)
		}
		at := CutFor(tok, []byte(text))
		parts, _ := tok.Append(nil, []byte(text[:at])) // as above
		parts, _ = tok.Append(parts, []byte(text[at:]))
		if !slices.Equal(parts, ids) {
			t.Errorf("%q cut at %d: %v, want %v", text, at, parts, ids)
		}
		if utf8.ValidString(text) && strings.Contains(text, "<|end|>") && slices.Contains(ids, 200007) {
			t.Errorf("%q: text has become a special token", text)
		}
	})
}

// TestNewO200k: files that do not hold merges are errors.
func TestNewO200k(t *testing.T) {
	bad := bytes.Clone(o200kFile)
	bad[2] = 0xff
	for _, c := range []struct {
		file []byte
		want string
	}{
		{nil, "0 bytes of merges, want 1198452"},
		{bad, "token 256 is made of 16711900 and 220, want ids below it"},
	} {
		if _, err := newO200k(c.file); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func BenchmarkO200k(b *testing.B) {
	text, err := os.ReadFile("../../shared/data/text/tinyshakespeare.txt")
	if err != nil {
		b.Skip(err)
	}
	tok := mustO200k(b)
	var ids []int
	b.Run("english", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			ids, _ = tok.Append(ids[:0], text)
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := newO200k(o200kFile); err != nil {
				b.Fatal(err)
			}
		}
	})
}
