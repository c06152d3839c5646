package checkpoint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/internal/memfs"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// ggufTokenizer is the prefix of the keys of a tokenizer's metadata.
const ggufTokenizer = "tokenizer.ggml."

// templateKey is the key of the chat template.
const templateKey = "tokenizer.chat_template"

// beginning lists the pre-tokenizers for which llama.cpp begins a text with a token unless the metadata say
// otherwise.
var beginning = []string{"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"}

// tokenizerKeys matches the keys that are read, or that do not change the ids of a text. For SentencePiece,
// remove_extra_whitespaces is such a key: llama.cpp reads it only for other models.
var tokenizerKeys = regexp.MustCompile(`^(model|pre|tokens|scores|token_type|token_type_count|merges|.*_token_id|add_(bos|eos)_token|add_space_prefix|remove_extra_whitespaces|suppress_tokens)$`)

// checkTokenizer returns an error for unknown keys, unless their value is false.
func checkTokenizer(meta gguf.Meta) error {
	for _, v := range meta {
		key, is := strings.CutPrefix(v.Key, ggufTokenizer)
		if is && v.Value != false && !tokenizerKeys.MatchString(key) {
			return fmt.Errorf("unknown key %s in the metadata; it may change how text is tokenized", weights.Show(v.Key))
		}
	}
	return nil
}

// tokenizerOfGGUF makes the files of a tokenizer, or none if the metadata have no tokenizer.
func tokenizerOfGGUF(meta gguf.Meta) (memfs.FS, error) {
	if err := checkTokenizer(meta); err != nil {
		return nil, err
	}
	r := &tokenizerMeta{Meta: meta}
	var text, config []byte
	var err error
	switch kind := r.text("model", "no_vocab"); kind {
	case "llama":
		p := r.pieces()
		if err = r.err; err == nil {
			text, config, err = tokenizer.FromPieces(p)
		}
	case "gpt2":
		m := r.merged()
		if err = r.err; err == nil {
			text, config, err = tokenizer.FromMerges(m)
		}
	case "no_vocab", "none":
		return nil, r.err
	default:
		return nil, fmt.Errorf("%smodel is %s, want gpt2 or llama", ggufTokenizer, weights.Show(kind))
	}
	if err != nil {
		return nil, err
	}
	return memfs.FS{"tokenizer.json": text, "tokenizer_config.json": config}, nil
}

// tokenizerMeta reads a tokenizer's metadata, and keeps the first error.
type tokenizerMeta struct {
	gguf.Meta
	err error
}

// kept reads a value and keeps the error.
func kept[T any](r *tokenizerMeta, read func(key string, or T) (T, error), key string, or T) T {
	v, err := read(ggufTokenizer+key, or)
	r.err = cmp.Or(r.err, err)
	return v
}

func (r *tokenizerMeta) text(key, or string) string  { return kept(r, r.Text, key, or) }
func (r *tokenizerMeta) id(key string, or int) int   { return kept(r, r.Int, key, or) }
func (r *tokenizerMeta) is(key string, or bool) bool { return kept(r, r.Bool, key, or) }

// lists returns the arrays that both kinds have.
func (r *tokenizerMeta) lists() (tokens, merges []string, types []int) {
	var errs [3]error
	tokens, errs[0] = r.Texts(ggufTokenizer + "tokens")
	merges, errs[1] = r.Texts(ggufTokenizer + "merges")
	types, errs[2] = r.Ints(ggufTokenizer + "token_type")
	r.err = cmp.Or(r.err, errs[0], errs[1], errs[2])
	return tokens, merges, types
}

// template returns the chat template, which all kinds can have.
func (r *tokenizerMeta) template() string {
	v, err := r.Text(templateKey, "")
	r.err = cmp.Or(r.err, err)
	return v
}

// pieces returns SentencePiece's data, with llama.cpp's defaults for missing values.
func (r *tokenizerMeta) pieces() tokenizer.Pieces {
	p := tokenizer.Pieces{
		BOS: r.id("bos_token_id", 1), EOS: r.id("eos_token_id", 2), UNK: r.id("unknown_token_id", 0),
		AddBOS: r.is("add_bos_token", true), AddEOS: r.is("add_eos_token", false), SpacePrefix: r.is("add_space_prefix", true),
		Template: r.template(),
	}
	var err error
	p.Tokens, _, p.Types = r.lists()
	p.Scores, err = r.Floats(ggufTokenizer + "scores")
	r.err = cmp.Or(r.err, err)
	return p
}

// merged returns the data of a byte-level BPE.
func (r *tokenizerMeta) merged() tokenizer.Merged {
	pre := r.text("pre", "default")
	m := tokenizer.Merged{
		Pre: pre, BOS: r.id("bos_token_id", -1), EOS: r.id("eos_token_id", -1), UNK: r.id("unknown_token_id", -1), Pad: r.id("padding_token_id", -1),
		AddBOS: r.is("add_bos_token", slices.Contains(beginning, pre)), AddEOS: r.is("add_eos_token", false),
		Template: r.template(),
	}
	r.is("add_space_prefix", false) // checked only: for byte-level BPE, llama.cpp uses it only to convert tokens to text
	m.Tokens, m.Merges, m.Types = r.lists()
	return m
}
