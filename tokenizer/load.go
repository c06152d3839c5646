package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// Load opens the tokenizer in the folder dir: what Save wrote, or transformers saved of
// it; GPT-2's or GPT-1's as Hugging Face or OpenAI publish them. It reads
// tokenizer.json or, where there is none, a vocabulary and its merges: vocab.json and
// merges.txt, encoder.json and vocab.bpe (GPT-2), encoder_bpe_40000.json and
// vocab_40000.bpe (GPT-1). GPT-1's is the tokenizer "gpt1", which finds words by
// Hugging Face's path without ftfy and spaCy; it is not lossless, and writes what it
// does not know as <unk>.
//
// Errors name the file and, where one is to blame, the line.
func Load(dir string) (Tokenizer, error) {
	name := filepath.Join(dir, tokenizerFile)
	b, err := readFile(name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		for _, pair := range bareFiles {
			if _, other := os.Stat(filepath.Join(dir, pair[0])); other == nil {
				return loadBare(filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1]))
			}
		}
	}
	if err != nil {
		return nil, err
	}
	t, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// readFile reads a file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: more than %d bytes, too large for a tokenizer", name, limit)
	}
	return b, err
}

// parse makes the tokenizer that the bytes of a tokenizer.json describe.
func parse(b []byte) (Tokenizer, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not valid UTF-8")
	}
	var p pipeline
	if err := plainjson.Unmarshal(b, &p); err != nil {
		return nil, lined(b, fmt.Errorf("not a tokenizer: %w", err))
	}
	t, err := p.tokenizer()
	return t, lined(b, err)
}

// tokenizer makes the tokenizer that a pipeline describes.
func (p *pipeline) tokenizer() (Tokenizer, error) {
	s := p.PreTokenizer
	switch {
	case s != nil && s.Type == "ByteLevel" && (s.UseRegex == nil || *s.UseRegex):
		return p.byteLevel()
	case p.Model != nil && p.Model.EndOfWordSuffix != nil && *p.Model.EndOfWordSuffix == wordEnd:
		return p.gpt1()
	}
	if err := p.plain(); err != nil {
		return nil, err
	}
	if s == nil {
		return p.chars()
	}
	return p.bytes()
}

// plain checks what bytes and chars have in common: nothing is done to the
// text before the model nor to the ids after it, and no tokens merge.
func (p *pipeline) plain() error {
	m := p.Model
	switch {
	case m == nil:
		return errors.New("no model, want one of type \"BPE\"")
	case m.Type != "BPE":
		return fmt.Errorf("model.type is %q, want \"BPE\"", m.Type)
	case len(m.Merges) > 0:
		return fmt.Errorf("model.merges has %d merges, want none without a pre_tokenizer \"ByteLevel\" that splits (GPT-2) or an end_of_word_suffix (GPT-1)", len(m.Merges))
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model.dropout is %v, want none", *m.Dropout)
	case m.UnkToken != nil:
		return fmt.Errorf("model.unk_token is %q, want none", *m.UnkToken)
	case m.ContinuingSubwordPrefix != nil && *m.ContinuingSubwordPrefix != "":
		return fmt.Errorf("model.continuing_subword_prefix is %q, want none", *m.ContinuingSubwordPrefix)
	case m.EndOfWordSuffix != nil && *m.EndOfWordSuffix != "":
		return fmt.Errorf("model.end_of_word_suffix is %q, want none", *m.EndOfWordSuffix)
	case m.ByteFallback:
		return errors.New("model.byte_fallback is true, want false")
	case p.Normalizer != nil:
		return fmt.Errorf("normalizer is %q, want none", p.Normalizer.Type)
	case p.PostProcessor != nil && (p.PostProcessor.Type != "TemplateProcessing" || len(p.PostProcessor.SpecialTokens) > 0):
		// transformers 5 writes a template that adds nothing.
		return fmt.Errorf("post_processor is %q, want none, or \"TemplateProcessing\" without special_tokens", p.PostProcessor.Type)
	}
	return nil
}

// chars reads what charTokenizer.Save wrote.
func (p *pipeline) chars() (Tokenizer, error) {
	if p.Decoder == nil || p.Decoder.Type != "Fuse" {
		return nil, fmt.Errorf("decoder is %s, want \"Fuse\" for characters", p.Decoder)
	}
	tokens, err := p.Model.Vocab.tokens()
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, errors.New("model.vocab is empty")
	}
	runes := make([]rune, len(tokens))
	for id, token := range tokens {
		r, size := utf8.DecodeRuneInString(token)
		if size == 0 || size < len(token) {
			return nil, fmt.Errorf("model.vocab: token %q has %d characters, want 1", token, utf8.RuneCountInString(token))
		}
		runes[id] = r
	}
	return withAdded(newCharTokenizer(runes), p.AddedTokens)
}

// bytes reads what byteTokenizer.Save wrote.
func (p *pipeline) bytes() (Tokenizer, error) {
	s := p.PreTokenizer
	if s.Type != "ByteLevel" || s.AddPrefixSpace == nil || *s.AddPrefixSpace || s.UseRegex == nil || *s.UseRegex {
		return nil, fmt.Errorf("pre_tokenizer is %s, want none for characters, \"ByteLevel\" without add_prefix_space and use_regex for bytes", s)
	}
	if p.Decoder == nil || p.Decoder.Type != "ByteLevel" {
		return nil, fmt.Errorf("decoder is %s, want \"ByteLevel\" for bytes", p.Decoder)
	}
	vocab := p.Model.Vocab
	for b, symbol := range byteSymbols() {
		if id, ok := vocab[string(symbol)]; !ok || id != b {
			return nil, fmt.Errorf("model.vocab: want id %d for byte 0x%02x, written %q", b, b, string(symbol))
		}
	}
	if len(vocab) != 256 {
		return nil, fmt.Errorf("model.vocab has %d tokens, want the 256 bytes", len(vocab))
	}
	if len(p.AddedTokens) < 1 || p.AddedTokens[0].Content != EndOfText || p.AddedTokens[0].ID != byteEnd {
		return nil, fmt.Errorf("added_tokens: want %q with id %d first", EndOfText, byteEnd)
	}
	return withAdded(Bytes(), p.AddedTokens[1:])
}

// withAdded is t with the special tokens that AddSpecials gave it.
func withAdded(t Tokenizer, tokens []addedToken) (Tokenizer, error) {
	if len(tokens) == 0 {
		return t, nil
	}
	var texts []string
	for i, a := range tokens {
		switch {
		case a.ID != t.Size()+i:
			return nil, fmt.Errorf("added_tokens: %q has id %d, want %d, as the tokens end there", a.Content, a.ID, t.Size()+i)
		case slices.Contains(texts, a.Content):
			return nil, fmt.Errorf("added_tokens: %q is there twice", a.Content)
		}
		texts = append(texts, a.Content)
	}
	return AddSpecials(t, texts...)
}

// String writes a stage for an error.
func (s *stage) String() string {
	switch {
	case s == nil:
		return "none"
	case s.Type == "ByteLevel":
		on := func(b *bool) bool { return b == nil || *b }
		return fmt.Sprintf("%q (add_prefix_space %t, use_regex %t)", s.Type, on(s.AddPrefixSpace), on(s.UseRegex))
	}
	return fmt.Sprintf("%q", s.Type)
}
