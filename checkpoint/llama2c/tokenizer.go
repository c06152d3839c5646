package llama2c

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// TokenizerName is the name of the file that run.c opens.
const TokenizerName = "tokenizer.bin"

// maxTokenizer bounds the size of a tokenizer's file, and maxToken that of a token, in bytes.
const (
	maxTokenizer = 1 << 26
	maxToken     = 1 << 16
)

// space stands for a space in SentencePiece.
const space = "\u2581"

// Tokenizer reads the tokenizer in a directory for a model with a vocabulary of the given size: tok512.bin,
// as llama2.c names one of 512 tokens, or tokenizer.bin. If neither exists, the error is [fs.ErrNotExist].
func Tokenizer(dir string, vocab int) (tokenizer.Pieces, error) {
	path := filepath.Join(dir, fmt.Sprintf("tok%d.bin", vocab))
	f, err := weights.Open(path, "a tokenizer of llama2.c")
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(dir, TokenizerName)
		f, err = weights.Open(path, "a tokenizer of llama2.c")
	}
	if err != nil {
		return tokenizer.Pieces{}, err
	}
	defer f.Close()
	if f.Size() > maxTokenizer {
		return tokenizer.Pieces{}, fmt.Errorf("%s: %d bytes, want at most %d", path, f.Size(), maxTokenizer)
	}
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		return tokenizer.Pieces{}, fmt.Errorf("%s: %w", path, err)
	}
	p, err := ReadPieces(data, vocab)
	if err != nil {
		return tokenizer.Pieces{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ReadPieces reads the tokenizer of a model with a vocabulary of the given size from the content of a
// tokenizer.bin. It restores SentencePiece's spelling of tokens: U+2581 for a space. Errors lack the file's
// name.
func ReadPieces(data []byte, vocab int) (tokenizer.Pieces, error) {
	p := tokenizer.Pieces{BOS: BOS, EOS: EOS, UNK: unknown, AddBOS: true, SpacePrefix: true}
	for at := 4; at < len(data) || len(p.Tokens) < vocab; {
		id := len(p.Tokens)
		if len(data)-at < 8 {
			return p, fmt.Errorf("offset %d: the file ends at token %d of the model's %d", at, id, vocab)
		}
		score, size := math.Float32frombits(binary.LittleEndian.Uint32(data[at:])), int(int32(binary.LittleEndian.Uint32(data[at+4:])))
		if size < 0 || size > maxToken || size > len(data)-at-8 {
			return p, fmt.Errorf("offset %d: token %d has %d bytes, want 0 to %d: not a tokenizer of llama2.c", at+4, id, size, min(maxToken, len(data)-at-8))
		}
		if id == vocab {
			return p, fmt.Errorf("offset %d: more tokens than the model's %d: it belongs to another model", at, vocab)
		}
		at += 8
		token := string(data[at : at+size])
		at += size
		if id == BOS || id == EOS {
			token = strings.Trim(token, "\n") // which llama2.c's export adds
		}
		p.Tokens, p.Scores = append(p.Tokens, strings.ReplaceAll(token, " ", space)), append(p.Scores, score)
	}
	return p, nil
}

// WritePieces returns the content of a tokenizer.bin. It returns an error if run.c would tokenize
// differently.
func WritePieces(p tokenizer.Pieces) ([]byte, error) {
	if err := checkPieces(p); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	longest := 0
	for id, token := range p.Tokens {
		if id == BOS || id == EOS {
			token = "\n" + token + "\n"
		}
		token = strings.ReplaceAll(token, space, " ")
		longest = max(longest, len(token))
		b.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, math.Float32bits(p.Scores[id])), uint32(len(token))))
		b.WriteString(token)
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(longest)), b.Bytes()...), nil
}

// checkPieces returns an error if run.c would tokenize texts differently.
func checkPieces(p tokenizer.Pieces) error {
	switch {
	case p.BOS != BOS || p.EOS != EOS || p.UNK != unknown:
		return fmt.Errorf("llama2.c's tokens are 0 <unk>, 1 <s>, 2 </s>; here <unk> is %d, <s> %d, </s> %d", p.UNK, p.BOS, p.EOS)
	case !p.AddBOS || p.AddEOS || !p.SpacePrefix:
		return fmt.Errorf("llama2.c puts token 1 and a space before a text and nothing after it; the tokenizer does not")
	case len(p.Scores) != len(p.Tokens):
		return fmt.Errorf("%d scores for %d tokens", len(p.Scores), len(p.Tokens))
	}
	for id, token := range p.Tokens {
		if b := id - bytesAt; b >= 0 && b < 256 && token != fmt.Sprintf("<0x%02X>", b) {
			return fmt.Errorf("llama2.c's token %d is <0x%02X>; here it is %q", id, b, token)
		}
		if id >= bytesAt+256 && p.Types != nil && p.Types[id] != 1 {
			return fmt.Errorf("llama2.c has no special tokens but the first three; token %d is %q", id, token)
		}
	}
	if len(p.Tokens) < bytesAt+256 {
		return fmt.Errorf("%d tokens, too few to include the 256 bytes", len(p.Tokens))
	}
	return nil
}
