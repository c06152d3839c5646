package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gorgpt/gorgpt/internal/wholefile"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// The names of the files that Save writes.
const (
	tokenizerFile = "tokenizer.json"
	configFile    = "tokenizer_config.json"
	vocabFile     = "vocab.json"
	mergesFile    = "merges.txt"
	specialFile   = "special_tokens_map.json"
	addedFile     = "added_tokens.json"
	templateFile  = "chat_template.jinja"
)

// modelFile is the model's description, which may name the class of its tokenizer.
const modelFile = "config.json"

// maxFile is the size of the largest tokenizer.json that Load reads; GPT-2's has
// 3.6 MB, the largest vocabularies in use about 35 MB.
const maxFile = 256 << 20

// pipeline is Hugging Face's tokenizer.json: what its tokenizers library does
// to a text, in this order, and to ids (Decoder).
type pipeline struct {
	Version       string       `json:"version"`
	Truncation    any          `json:"truncation"`
	Padding       any          `json:"padding"`
	AddedTokens   []addedToken `json:"added_tokens"`
	Normalizer    *stage       `json:"normalizer"`
	PreTokenizer  *stage       `json:"pre_tokenizer"`
	PostProcessor *stage       `json:"post_processor"`
	Decoder       *stage       `json:"decoder"`
	Model         *model       `json:"model"`
}

type addedToken struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// stage is a normalizer, pre-tokenizer, post-processor or decoder. Switches of ByteLevel
// that a file omits are true.
type stage struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space,omitempty"`
	TrimOffsets    *bool  `json:"trim_offsets,omitempty"`
	UseRegex       *bool  `json:"use_regex,omitempty"`

	CleanText    *bool   `json:"clean_text,omitempty"` // BertNormalizer's four
	ChineseChars *bool   `json:"handle_chinese_chars,omitempty"`
	StripAccents *bool   `json:"strip_accents,omitempty"`
	Lowercase    *bool   `json:"lowercase,omitempty"`
	Suffix       *string `json:"suffix,omitempty"` // BPEDecoder's

	Normalizers      []*part         `json:"normalizers,omitempty"` // of a Sequence
	PreTokenizers    []*part         `json:"pretokenizers,omitempty"`
	Processors       []*part         `json:"processors,omitempty"`
	IndividualDigits *bool           `json:"individual_digits,omitempty"` // of Digits
	Pattern          json.RawMessage `json:"pattern,omitempty"`           // of Split and Replace
	Behavior         string          `json:"behavior,omitempty"`
	Invert           *bool           `json:"invert,omitempty"`

	Decoders      []*part `json:"decoders,omitempty"`
	Prepend       string  `json:"prepend,omitempty"`     // of Prepend
	Content       *string `json:"content,omitempty"`     // of Replace and Strip
	Start         *int    `json:"start,omitempty"`       // of Strip
	Stop          int     `json:"stop,omitempty"`        //
	Replacement   string  `json:"replacement,omitempty"` // of Metaspace
	PrependScheme string  `json:"prepend_scheme,omitempty"`
	Splits        *bool   `json:"split,omitempty"`

	Single        []templatePiece            `json:"single,omitempty"` // of TemplateProcessing
	Pair          []templatePiece            `json:"pair,omitempty"`
	SpecialTokens map[string]json.RawMessage `json:"special_tokens,omitempty"`

	raw json.RawMessage // as it was in the file
}

// part is a stage within another. It is decoded together with it, since the cost would
// otherwise grow with the square of the nesting depth.
type part stage

// UnmarshalJSON implements json.Unmarshaler.
func (s *stage) UnmarshalJSON(b []byte) error {
	err := plainjson.Unmarshal(b, (*part)(s))
	s.raw = slices.Clone(b)
	return err
}

// MarshalJSON implements json.Marshaler. A stage from a file is written as it was.
func (s *stage) MarshalJSON() ([]byte, error) {
	if s.raw != nil {
		return s.raw, nil
	}
	return json.Marshal((*part)(s))
}

type model struct {
	Type                    string     `json:"type"`
	Dropout                 *float64   `json:"dropout"`
	UnkToken                *string    `json:"unk_token"`
	ContinuingSubwordPrefix *string    `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string    `json:"end_of_word_suffix"`
	FuseUnk                 bool       `json:"fuse_unk"`
	ByteFallback            bool       `json:"byte_fallback"`
	IgnoreMerges            bool       `json:"ignore_merges"`
	Vocab                   vocabulary `json:"vocab"`
	Merges                  mergeList  `json:"merges"`
}

// save writes the files of a tokenizer into dir, including vocab.json and merges.txt if
// tokens merge.
func (p *pipeline) save(dir string, config map[string]json.RawMessage, files map[string][]byte) error {
	p.Version = cmp.Or(p.Version, "1.0")
	if p.AddedTokens == nil {
		p.AddedTokens = []addedToken{}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, tokenizerFile), p); err != nil {
		return err
	}
	if len(p.Model.Merges) > 0 && !p.isPieced() {
		if err := writeJSON(filepath.Join(dir, vocabFile), p.Model.Vocab); err != nil {
			return err
		}
		if err := wholefile.Write(filepath.Join(dir, mergesFile), p.Model.Merges.text()); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := wholefile.Write(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(dir, configFile), config)
}

// writeJSON writes indented JSON, with < and > as they are.
func writeJSON(name string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return wholefile.Write(name, b.Bytes())
}
