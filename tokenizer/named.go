package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/store"
)

// Names describes the names that [Find] accepts, in one line.
const Names = "bytes; chars (the characters that occur in the text); bpe:N (N tokens learned from the text); gpt2; o200k_harmony (gpt-oss's); gpt1:DIR (the folder with GPT-1's vocabulary); a folder with tokenizer files, such as a checkpoint; or a GGUF file"

// kinds are the names, as listed in errors.
var kinds = []string{"bytes", "chars", "bpe:N", "gpt2", "o200k_harmony", "gpt1:DIR", "DIR", "FILE.gguf"}

// filesIn opens the tokenizer files embedded in a file; nil if no such function is registered.
var filesIn func(path string) (fs.FS, error)

// RegisterFiles makes [Find] accept the path of a file with embedded tokenizer files, which open returns as a folder.
// Package checkpoint does so for GGUF.
func RegisterFiles(open func(path string) (fs.FS, error)) { filesIn = open }

// isFile reports whether a name is the path of such a file.
func isFile(kind string) bool {
	info, err := os.Stat(kind)
	return err == nil && info.Mode().IsRegular() && filesIn != nil
}

// CheckName checks the name of a tokenizer before any text is read.
func CheckName(kind string) error {
	if n, ok := strings.CutPrefix(kind, "bpe:"); ok {
		if size, err := strconv.Atoi(n); err != nil || size < 257 || size > 1<<24 {
			return usage.Errorf("--tokenizer %s: want a number of tokens from 257, as in bpe:4096: the 256 bytes, the end of text, and those to be learned", kind)
		}
		return nil
	}
	if dir, ok := strings.CutPrefix(kind, "gpt1:"); ok {
		if _, err := os.Stat(dir); err != nil {
			return usage.Errorf("--tokenizer %s: %w", kind, err)
		}
		return nil
	}
	switch kind {
	case "bytes", "chars", "gpt2", "o200k_harmony":
		return nil
	}
	info, err := store.Stat(kind)
	if err == nil && info.IsDir() {
		return nil
	}
	if store.IsURL(kind) && err != nil {
		return usage.Errorf("--tokenizer %w", err)
	}
	if isFile(kind) {
		return nil
	}
	if strings.ContainsRune(kind, os.PathSeparator) || filepath.Ext(kind) != "" {
		return usage.Errorf("--tokenizer %s: no such file or folder", kind)
	}
	return usage.Unknown("tokenizer", kind, kinds)
}

// learns reports whether a tokenizer is learned from a text.
func learns(kind string) bool { return kind == "chars" || strings.HasPrefix(kind, "bpe:") }

// Find returns the tokenizer with a name, see [Names]: an existing one, or one that is learned
// from texts. For existing ones, texts may be nil.
func Find(kind string, texts iter.Seq2[string, io.Reader]) (Tokenizer, error) {
	if err := CheckName(kind); err != nil {
		return nil, err
	}
	if learns(kind) && texts == nil {
		return nil, usage.Errorf("--tokenizer %s is trained on a text, but there is no text here; name the folder of a trained tokenizer", kind)
	}
	if n, ok := strings.CutPrefix(kind, "bpe:"); ok {
		size, err := strconv.Atoi(n)
		if err != nil {
			return nil, err
		}
		return LearnBPE(texts, size)
	}
	switch kind {
	case "bytes":
		return Bytes(), nil
	case "chars":
		return LearnChars(texts)
	case "gpt2":
		return GPT2()
	case "o200k_harmony":
		return O200kHarmony()
	}
	if isFile(kind) {
		files, err := filesIn(kind)
		if err != nil {
			return nil, fmt.Errorf("--tokenizer takes a folder with tokenizer files, or a GGUF file: %w", err)
		}
		tok, err := LoadFS(files, kind)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--tokenizer %s: there is no tokenizer in it", kind)
		}
		return tok, err
	}
	dir, gpt1 := strings.CutPrefix(kind, "gpt1:")
	tok, err := Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--tokenizer %s: %w", kind, err)
	}
	if err == nil && gpt1 && tok.Name() != "gpt1" {
		return nil, fmt.Errorf("%s holds a vocabulary of %s, want one of GPT-1", dir, tok.Name())
	}
	return tok, err
}
