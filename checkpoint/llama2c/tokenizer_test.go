package llama2c

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// small returns a tokenizer of the 256 bytes and three pieces.
func small() tokenizer.Pieces {
	p := tokenizer.Pieces{BOS: BOS, EOS: EOS, UNK: unknown, AddBOS: true, SpacePrefix: true, Tokens: []string{"<unk>", "<s>", "</s>"}}
	for b := range 256 {
		p.Tokens = append(p.Tokens, fmt.Sprintf("<0x%02X>", b))
	}
	p.Tokens = append(p.Tokens, "▁t", "▁", "é")
	p.Scores = make([]float32, len(p.Tokens))
	for i := range 3 {
		p.Scores[259+i] = -float32(i)
	}
	return p
}

// TestPieces: a tokenizer survives a round trip.
func TestPieces(t *testing.T) {
	want := small()
	data, err := WritePieces(want)
	if err != nil {
		t.Fatal(err)
	}
	if longest := binary.LittleEndian.Uint32(data); longest != 6 || !bytes.Contains(data, []byte("\n<s>\n")) || !bytes.HasSuffix(data, []byte("\x02\x00\x00\x00é")) {
		t.Errorf("the longest token is %d bytes, %q", longest, data)
	}
	got, err := ReadPieces(data, len(want.Tokens))
	if err != nil || !slices.Equal(got.Tokens, want.Tokens) || !slices.Equal(got.Scores, want.Scores) || !got.AddBOS || !got.SpacePrefix || got.AddEOS {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestStoriesTokenizer reads and writes the tokenizer of Karpathy's smallest stories model.
func TestStoriesTokenizer(t *testing.T) {
	dir := filepath.Dir(stories)
	want, err := os.ReadFile(filepath.Join(dir, "tok512.bin"))
	if err != nil {
		t.Skip(err)
	}
	p, err := Tokenizer(dir, 512)
	if err != nil {
		t.Fatal(err)
	}
	if p.Tokens[BOS] != "<s>" || p.Tokens[259] != "▁t" || p.Scores[260] != -1 {
		t.Errorf("%q, %v", p.Tokens, p.Scores)
	}
	if got, err := WritePieces(p); err != nil || !bytes.Equal(got, want) {
		t.Errorf("written again it differs: %v", err)
	}
}

// TestTokenizer: the tokenizer named after the number of tokens is preferred.
func TestTokenizer(t *testing.T) {
	dir := t.TempDir()
	if _, err := Tokenizer(dir, 262); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without any: %v", err)
	}
	data, err := WritePieces(small())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokenizer.bin", "tok9.bin"} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := Tokenizer(dir, 262); err != nil || len(p.Tokens) != 262 {
		t.Errorf("%d tokens, %v", len(p.Tokens), err)
	}
	_, err = Tokenizer(dir, 9)
	sourcetest.Error(t, err, filepath.Join(dir, "tok9.bin")+": offset 128: more tokens than the model's 9: it belongs to another model")
	_, err = Tokenizer(dir, 300)
	sourcetest.Error(t, err, filepath.Join(dir, "tokenizer.bin")+fmt.Sprintf(": offset %d: the file ends at token 262 of the model's 300", len(data)))
}

// token makes the entry of a token in a file.
func token(score float32, size int32, text string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(score))
	return append(binary.LittleEndian.AppendUint32(b, uint32(size)), text...)
}

func TestPiecesErrors(t *testing.T) {
	for _, test := range []struct {
		data []byte
		want string
	}{
		{nil, "offset 4: the file ends at token 0 of the model's 2"},
		{append([]byte{1, 0, 0, 0}, token(0, -1, "")...), "offset 8: token 0 has -1 bytes, want 0 to 0: not a tokenizer of llama2.c"},
		{append([]byte{1, 0, 0, 0}, token(0, 3, "ab")...), "offset 8: token 0 has 3 bytes, want 0 to 2: not a tokenizer of llama2.c"},
		{slices.Concat([]byte{1, 0, 0, 0}, token(0, 1, "a"), []byte{0}), "offset 13: the file ends at token 1 of the model's 2"},
		{slices.Concat([]byte{1, 0, 0, 0}, token(0, 1, "a"), token(0, 1, "b"), token(0, 1, "c")), "offset 22: more tokens than the model's 2: it belongs to another model"},
	} {
		_, err := ReadPieces(test.data, 2)
		sourcetest.Error(t, err, test.want)
	}
	for want, change := range map[string]func(p *tokenizer.Pieces){
		"llama2.c's tokens are 0 <unk>, 1 <s>, 2 </s>; here <unk> is 0, <s> 1, </s> -1":                func(p *tokenizer.Pieces) { p.EOS = -1 },
		"llama2.c puts token 1 and a space before a text and nothing after it; the tokenizer does not": func(p *tokenizer.Pieces) { p.SpacePrefix = false },
		"261 scores for 262 tokens":                         func(p *tokenizer.Pieces) { p.Scores = p.Scores[1:] },
		"llama2.c's token 13 is <0x0A>; here it is \"\\n\"": func(p *tokenizer.Pieces) { p.Tokens[13] = "\n" },
		"258 tokens, too few to include the 256 bytes":      func(p *tokenizer.Pieces) { p.Tokens, p.Scores = p.Tokens[:258], p.Scores[:258] },
		"llama2.c has no special tokens but the first three; token 260 is \"<|im_end|>\"": func(p *tokenizer.Pieces) {
			p.Types = make([]int, 262)
			fill(p.Types)
			p.Types[260], p.Tokens[260] = 3, "<|im_end|>"
		},
	} {
		p := small()
		change(&p)
		_, err := WritePieces(p)
		sourcetest.Error(t, err, want)
	}
}

// fill makes all tokens normal tokens.
func fill(types []int) {
	for i := range types {
		types[i] = 1
	}
}

func FuzzPieces(f *testing.F) {
	data, err := WritePieces(small())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, 262)
	f.Add([]byte(strings.Repeat("\x01\x00\x00\x00", 8)), 3)
	f.Fuzz(func(t *testing.T, data []byte, vocab int) {
		p, err := ReadPieces(data, vocab)
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		if len(p.Tokens) > len(data)/8 || len(p.Tokens) != len(p.Scores) {
			t.Errorf("%d tokens with %d scores out of %d bytes", len(p.Tokens), len(p.Scores), len(data))
		}
	})
}
