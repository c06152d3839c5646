package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// bareFiles are the names of files with a vocabulary and with its merges.
var bareFiles = [][2]string{
	{vocabFile, mergesFile},
	{"encoder_bpe_40000.json", "vocab_40000.bpe"},
	{"encoder.json", "vocab.bpe"},
}

// otherFiles are files of unsupported kinds of tokenizers.
var otherFiles = []struct{ name, kind string }{
	{"vocab.txt", "a WordPiece vocabulary like BERT's"},
	{"spiece.model", "SentencePiece's"},
	{"sentencepiece.bpe.model", "SentencePiece's"},
	{"tokenizer.model", "SentencePiece's or tiktoken's"},
}

// loadBare reads the vocabulary and its merges from a folder without a tokenizer.json; missing
// is the error that there is none.
func (d *described) loadBare(f folder, missing error) (Tokenizer, error) {
	for _, pair := range bareFiles {
		if f.has(pair[0]) {
			return d.loadFiles(f, pair[0], pair[1])
		}
	}
	for _, pair := range bareFiles {
		if f.has(pair[1]) {
			return nil, fmt.Errorf("%s: %s is missing beside it", f.path(pair[1]), pair[0])
		}
	}
	for _, other := range otherFiles {
		if f.has(other.name) {
			return nil, fmt.Errorf("%s is %s, which is not supported: want tokenizer.json, which transformers' save_pretrained makes from it, or vocab.json and merges.txt", f.path(other.name), other.kind)
		}
	}
	return nil, missing
}

// loadFiles reads a vocabulary and its merges.
func (d *described) loadFiles(f folder, vocabName, mergesName string) (Tokenizer, error) {
	vocab, err := f.read(vocabName, maxFile)
	if err != nil {
		return nil, err
	}
	merges, err := f.read(mergesName, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %s is missing beside it", f.path(vocabName), mergesName)
	}
	if err != nil {
		return nil, err
	}
	t, err := d.parseBare(vocab, merges)
	if p, ok := errors.AsType[*placed](err); ok && len(p.part) > 0 && len(merges) > 0 && &p.part[0] == &merges[0] {
		return nil, fmt.Errorf("%s: %w", f.path(mergesName), lined(merges, err))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(vocabName), lined(vocab, err))
	}
	return t, nil
}

// parseBare makes a tokenizer from the bytes of a vocabulary and of its merges, and from the
// files next to them: of GPT-1's kind if the vocabulary marks the ends of words, else of GPT-2's.
func (d *described) parseBare(vocab, merges []byte) (Tokenizer, error) {
	if !utf8.Valid(vocab) {
		return nil, errors.New("not valid UTF-8")
	}
	var v vocabulary
	if err := plainjson.Unmarshal(vocab, &v); err != nil {
		return nil, fmt.Errorf("not a vocabulary: %w", err)
	}
	l, err := parseMerges(merges)
	if err != nil {
		return nil, err
	}
	class, err := d.class()
	if err != nil {
		return nil, err
	}
	if class == qwen2Class || class == llamaClass { // which imply what is not in these files
		p := &pipeline{Model: &model{Type: "BPE", Vocab: v, Merges: l}}
		if err := d.replaced(class, p); err != nil {
			return nil, err
		}
		t, err := p.tokenizer()
		if err != nil {
			return nil, err
		}
		return d.describe(t, v, p)
	}
	var t Tokenizer
	if marksWordEnds(v) {
		if !hasKey(v, unknownToken) {
			return nil, fmt.Errorf("tokens end in %s, as GPT-1's do, but there is no %q", wordEnd, unknownToken)
		}
		t, err = newGPT1(v, l, apart(v))
	} else {
		t, err = d.bareByteLevel(v, l)
	}
	if err != nil {
		return nil, err
	}
	return d.describe(t, v, nil)
}

// marksWordEnds reports whether a vocabulary marks the ends of words.
func marksWordEnds(v vocabulary) bool {
	for token := range v {
		if text, ok := strings.CutSuffix(token, wordEnd); ok && text != "" {
			return true
		}
	}
	return false
}

// bareByteLevel makes a tokenizer of GPT-2's kind.
func (d *described) bareByteLevel(v vocabulary, l mergeList) (Tokenizer, error) {
	symbols := 0
	for _, r := range byteSymbols() {
		if hasKey(v, string(r)) {
			symbols++
		}
	}
	if symbols == 0 {
		return nil, fmt.Errorf("neither GPT-2's kind of vocabulary, which has tokens for bytes, nor GPT-1's, whose tokens end in %s", wordEnd)
	}
	prefix, _, err := d.is("add_prefix_space")
	if err != nil {
		return nil, err
	}
	t, err := newLoaded(v, l)
	if err != nil {
		return nil, err
	}
	if token := unmade(v, l, apart(v)); token != "" {
		return nil, fmt.Errorf("model.vocab: no merge makes token %q, id %d; are the merges complete?", clip(token), v[token])
	}
	if prefix {
		t.cutting = &cutting{prefix: true}
	}
	return t.ready(), nil
}

// apart returns the tokens that look like special ones, <this> or [this], in a vocabulary that
// comes without a list of them. No merge need make these.
func apart(v vocabulary) map[string]bool {
	all := make(map[string]bool)
	for token := range v {
		if n := len(token); n > 2 && (token[0] == '<' && token[n-1] == '>' || token[0] == '[' && token[n-1] == ']') {
			all[token] = !strings.HasSuffix(token, wordEnd)
		}
	}
	return all
}
