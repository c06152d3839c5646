package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// tokenizerHelp says what --tokenizer takes.
const tokenizerHelp = "bytes; chars: the characters that occur in the text; bpe:N: N tokens learned from the text; gpt2; gpt1:DIR, the folder with GPT-1's vocabulary; or a folder with tokenizer files, such as a checkpoint"

// specialHelp says what --special does where texts are encoded.
const specialHelp = "special tokens that are written in the text, such as <|endoftext|>, become their ids; for text that you trust"

// readSpecial is tok, with special tokens in texts read as such if asked for.
func readSpecial(tok tokenizer.Tokenizer, special bool) tokenizer.Tokenizer {
	if tok == nil || !special {
		return tok
	}
	return tokenizer.ReadSpecial(tok)
}

// tokenizers are the kinds, as they are offered.
var tokenizers = []string{"bytes", "chars", "bpe:N", "gpt2", "gpt1:DIR", "DIR"}

// checkTokenizer tells what is wrong with the name of a tokenizer, before any text
// is read.
func checkTokenizer(kind string) error {
	if n, ok := strings.CutPrefix(kind, "bpe:"); ok {
		if size, err := strconv.Atoi(n); err != nil || size < 257 || size > 1<<24 {
			return usagef("--tokenizer %s: want a number of tokens from 257, as in bpe:4096: the 256 bytes, the end of text, and those to be learned", kind)
		}
		return nil
	}
	if dir, ok := strings.CutPrefix(kind, "gpt1:"); ok {
		if _, err := os.Stat(dir); err != nil {
			return usagef("--tokenizer %s: %w", kind, err)
		}
		return nil
	}
	switch kind {
	case "bytes", "chars", "gpt2":
		return nil
	}
	if info, err := os.Stat(kind); err == nil && info.IsDir() {
		return nil
	}
	if strings.ContainsRune(kind, os.PathSeparator) {
		return usagef("--tokenizer %s: no such folder", kind)
	}
	return unknown("tokenizer", kind, tokenizers)
}

// learns tells whether a tokenizer is made of a text.
func learns(kind string) bool { return kind == "chars" || strings.HasPrefix(kind, "bpe:") }

// newTokenizer makes a tokenizer for a text, which may be nil where it is not
// learned.
func newTokenizer(kind string, texts iter.Seq2[string, io.Reader]) (tokenizer.Tokenizer, error) {
	if err := checkTokenizer(kind); err != nil {
		return nil, err
	}
	if learns(kind) && texts == nil {
		return nil, usagef("--tokenizer %s is learned from a text, and there is none here; name the folder of one that was", kind)
	}
	if n, ok := strings.CutPrefix(kind, "bpe:"); ok {
		size, err := strconv.Atoi(n)
		if err != nil {
			return nil, err
		}
		return tokenizer.LearnBPE(texts, size)
	}
	switch kind {
	case "bytes":
		return tokenizer.Bytes(), nil
	case "chars":
		return tokenizer.LearnChars(texts)
	case "gpt2":
		return tokenizer.GPT2()
	}
	dir, gpt1 := strings.CutPrefix(kind, "gpt1:")
	tok, err := tokenizer.Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--tokenizer %s: %w", kind, err)
	}
	if err == nil && gpt1 && tok.Name() != "gpt1" {
		return nil, fmt.Errorf("%s has no vocabulary of GPT-1, but one of %s", dir, tok.Name())
	}
	return tok, err
}
