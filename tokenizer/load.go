package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/store"
)

// Load opens the tokenizer in the folder dir: one written by Save, or saved from that by
// transformers; GPT-2's or GPT-1's as published by Hugging Face or OpenAI; and others of these
// kinds. It reads tokenizer.json or, if there is none, a vocabulary and its merges: vocab.json
// and merges.txt, encoder.json and vocab.bpe (GPT-2), encoder_bpe_40000.json and
// vocab_40000.bpe (GPT-1). The files tokenizer_config.json, special_tokens_map.json and
// added_tokens.json next to them have the same effect as in transformers 5: special tokens and
// their names, added tokens and their flags, a space before a text, a beginning of text.
//
// A byte-level tokenizer may have Unicode's normal forms, Lowercase, Prepend and Replace as its
// normalizer, Split by any pattern and Digits before ByteLevel, ignore_merges, an unknown token, and
// a vocabulary without some bytes; without an unknown token, such a byte in a text is an error. A
// tokenizer of SentencePiece's kind, like Llama 2's, may have Metaspace, Split and Digits, and
// byte_fallback. Anything else that a file asks for is an error that names the key. GPT-1's is the
// tokenizer "gpt1", which finds words as Hugging Face's does without ftfy and spaCy; it is not
// lossless, and encodes unknown characters as <unk>.
//
// Errors name the file and, if possible, the line.
func Load(dir string) (Tokenizer, error) {
	files, err := store.FS(dir)
	if err != nil {
		return nil, err
	}
	return LoadFS(files, dir)
}

// LoadFS is Load for the folder fsys, such as the files embedded in another file. Errors call
// it name.
func LoadFS(fsys fs.FS, name string) (Tokenizer, error) {
	f := folder{fsys, name}
	d, err := describedIn(f)
	if err != nil {
		return nil, err
	}
	b, err := f.read(tokenizerFile, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return d.loadBare(f, err)
	}
	if err != nil {
		return nil, err
	}
	t, err := d.parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(tokenizerFile), err)
	}
	return t, nil
}

// folder is a folder of files, with its name in errors.
type folder struct {
	fs.FS
	name string
}

// path returns the name of a file in errors.
func (f folder) path(name string) string { return store.Join(f.name, name) }

// has reports whether a file exists.
func (f folder) has(name string) bool {
	_, err := fs.Stat(f, name)
	return err == nil
}

// read reads a file of at most limit bytes.
func (f folder) read(name string, limit int64) ([]byte, error) {
	path := f.path(name)
	one, err := f.Open(name)
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = &fs.PathError{Op: p.Op, Path: path, Err: p.Err}
	}
	if err != nil {
		return nil, err
	}
	defer one.Close()
	if info, err := one.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: a folder, want a file", path)
	}
	b, err := io.ReadAll(io.LimitReader(one, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: more than %d bytes, too large for a tokenizer", path, limit)
	}
	if err != nil {
		return nil, err
	}
	return plaintext.Of(path, b)
}

// decode parses JSON. Its errors name the line.
func decode(b []byte, v any) error {
	if !utf8.Valid(b) {
		return errors.New("not valid UTF-8")
	}
	return lined(b, plainjson.Unmarshal(b, v))
}

// parse returns the tokenizer described by the bytes of a tokenizer.json and the files next
// to it.
func (d *described) parse(b []byte) (Tokenizer, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not valid UTF-8")
	}
	var p pipeline
	if err := plainjson.Unmarshal(b, &p); err != nil {
		return nil, lined(b, fmt.Errorf("not a tokenizer: %w", err))
	}
	if err := d.adjust(&p); err != nil {
		return nil, err
	}
	t, err := p.tokenizer()
	if err != nil {
		return nil, lined(b, err)
	}
	return d.describe(t, p.Model.Vocab, &p)
}

// adjust changes a tokenizer.json as transformers does: for GPT-2's class, add_prefix_space is
// that of tokenizer_config.json. For other classes this depends on the release, so the two must
// agree.
func (d *described) adjust(p *pipeline) error {
	class, err := d.class()
	if err != nil {
		return err
	}
	want, there, err := d.is("add_prefix_space")
	if err := d.replaced(class, p); err != nil {
		return err
	}
	level := p.PreTokenizer.byteLevel()
	if err != nil || level == nil || class == qwen2Class || !there && class != gpt2Class {
		return err
	}
	has := level.AddPrefixSpace == nil || *level.AddPrefixSpace
	switch {
	case has == want:
	case class != gpt2Class && class != "":
		return fmt.Errorf("pre_tokenizer has add_prefix_space %t, %s has %t: want the same", has, configFile, want)
	default:
		level.AddPrefixSpace = &want
		level.raw, p.PreTokenizer.raw = nil, nil
	}
	return nil
}

// byteLevel returns the stage of that type, or nil.
func (s *stage) byteLevel() *stage {
	if s != nil && s.Type == "Sequence" && len(s.PreTokenizers) > 0 {
		s = (*stage)(s.PreTokenizers[len(s.PreTokenizers)-1])
	}
	if s == nil || s.Type != "ByteLevel" {
		return nil
	}
	return s
}

// tokenizer returns the tokenizer of the model in a pipeline.
func (p *pipeline) tokenizer() (Tokenizer, error) {
	m := p.Model
	switch {
	case p.isBytes():
		return Bytes(), nil
	case p.PreTokenizer.byteLevel() != nil:
		return p.byteLevel()
	case m != nil && m.EndOfWordSuffix != nil && *m.EndOfWordSuffix == wordEnd:
		return p.gpt1()
	}
	if p.isPieced() {
		return p.pieced()
	}
	if err := p.plain(); err != nil {
		return nil, err
	}
	if p.PreTokenizer != nil {
		return nil, fmt.Errorf("pre_tokenizer is %s, want none for characters, \"ByteLevel\", or a \"Sequence\" that ends with it", p.PreTokenizer)
	}
	return p.chars()
}

// isBytes reports whether the pipeline is as written by byteTokenizer.Save.
func (p *pipeline) isBytes() bool {
	off := func(b *bool) bool { return b != nil && !*b }
	level := p.PreTokenizer
	if p.plain() != nil || level == nil || level.Type != "ByteLevel" || !off(level.UseRegex) || !off(level.AddPrefixSpace) ||
		p.Decoder == nil || p.Decoder.Type != "ByteLevel" || len(p.Model.Vocab) != 256 ||
		len(p.AddedTokens) < 1 || p.AddedTokens[0].Content != EndOfText || p.AddedTokens[0].ID != byteEnd {
		return false
	}
	for b, symbol := range byteSymbols() {
		if id, ok := p.Model.Vocab[string(symbol)]; !ok || id != b {
			return false
		}
	}
	return true
}

// plain checks what bytes and chars have in common: the text is not changed
// before the model, nor the ids after it, and no tokens merge.
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
	}
	return nil
}

// chars returns the tokenizer of a file written by charTokenizer.Save.
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
	return newCharTokenizer(runes), nil
}

// String formats a stage for an error.
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
