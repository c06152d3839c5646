package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// isPieced reports whether this is a tokenizer of SentencePiece's kind, as its decoder shows.
func (p *pipeline) isPieced() bool { return p.Decoder != nil && p.Decoder.Type == "Sequence" }

// pieced makes a tokenizer of SentencePiece's kind.
func (p *pipeline) pieced() (Tokenizer, error) {
	m := p.Model
	if m != nil && m.EndOfWordSuffix != nil && *m.EndOfWordSuffix != "" {
		return nil, fmt.Errorf("model.end_of_word_suffix is %q, want none", *m.EndOfWordSuffix)
	}
	if m != nil {
		plain := *m
		plain.ByteFallback = false
		if err := plain.plain(); err != nil {
			return nil, err
		}
	} else if err := m.plain(); err != nil {
		return nil, err
	}
	t := &pieced{others: make(map[rune]int32), unknown: -1, fuse: m.FuseUnk, whole: m.IgnoreMerges, stages: p.without()}
	var err error
	if t.strip, err = p.Decoder.unmarks(m.ByteFallback); err != nil {
		return nil, err
	}
	if err := t.readCutting(p.PreTokenizer); err != nil {
		return nil, err
	}
	if err := t.readVocabulary(m); err != nil {
		return nil, err
	}
	t.marked = t.meta != nil || p.Normalizer.marks()
	t.findApart()
	t.findWords()
	return t, nil
}

// unmarks checks the decoder, which turns marks into spaces and <0xNN> into bytes, and joins all tokens. It
// returns how many leading spaces the decoder strips.
func (s *stage) unmarks(fallback bool) (strip int, err error) {
	order := []string{"Replace", "ByteFallback", "Fuse", "Strip"}
	seen := make(map[string]bool)
	for i, one := range s.Decoders {
		where := fmt.Sprintf("decoder.decoders[%d]", i)
		if one == nil {
			return 0, fmt.Errorf("%s is null", where)
		}
		for len(order) > 0 && order[0] != one.Type {
			order = order[1:]
		}
		if len(order) == 0 {
			return 0, fmt.Errorf("%s is %s, want \"Replace\", \"ByteFallback\", \"Fuse\" and \"Strip\", in this order", where, (*stage)(one))
		}
		order, seen[one.Type] = order[1:], true
		content := ""
		if one.Content != nil {
			content = *one.Content
		}
		switch one.Type {
		case "Replace":
			if from, err := (*stage)(one).literal(where); err != nil {
				return 0, err
			} else if from != mark || content != " " {
				return 0, fmt.Errorf("%s replaces %q with %q, want %q with a space", where, clip(from), clip(content), mark)
			}
		case "Strip":
			if one.Start == nil || *one.Start < 0 || one.Stop != 0 || content != " " || !seen["Fuse"] {
				return 0, fmt.Errorf("%s: want a Strip of spaces at the start, after a Fuse", where)
			}
			strip = *one.Start
		}
	}
	if !seen["Replace"] || seen["ByteFallback"] != fallback {
		return 0, fmt.Errorf("decoder: want a \"Replace\" of %q with a space, and a \"ByteFallback\" if model.byte_fallback is true, and only then", mark)
	}
	return strip, nil
}

// literal returns the string that a stage searches for.
func (s *stage) literal(where string) (string, error) {
	var written struct {
		String *string `json:"String"`
	}
	if err := plainjson.Unmarshal(s.Pattern, &written); err != nil || written.String == nil {
		return "", fmt.Errorf("%s.pattern: want a \"String\"", where)
	}
	return *written.String, nil
}

// marks reports whether a normalizer turns all spaces into marks.
func (s *stage) marks() bool {
	if s == nil {
		return false
	}
	for _, one := range s.Normalizers {
		if (*stage)(one).marks() {
			return true
		}
	}
	from, err := s.literal("")
	return s.Type == "Replace" && err == nil && from == " " && s.Content != nil && *s.Content == mark
}

// prepends reports whether a normalizer prepends something to a text.
func (s *stage) prepends() bool {
	if s == nil {
		return false
	}
	for _, one := range s.Normalizers {
		if (*stage)(one).prepends() {
			return true
		}
	}
	return s.Type == "Prepend"
}

// readCutting reads the pre-tokenizer: none, Metaspace, Split, Digits, or a Sequence of them in which
// Metaspace is the first.
func (t *pieced) readCutting(s *stage) error {
	if s == nil {
		return nil
	}
	steps, where := []*part{(*part)(s)}, func(int) string { return "pre_tokenizer" }
	if s.Type == "Sequence" {
		steps, where = s.PreTokenizers, func(i int) string { return fmt.Sprintf("pre_tokenizer.pretokenizers[%d]", i) }
	}
	for i, step := range steps {
		one := (*stage)(step)
		var split splitter
		var err error
		switch {
		case one == nil:
			err = fmt.Errorf("%s is null", where(i))
		case one.Type == "Metaspace" && i == 0:
			t.meta, err = one.metaspace(where(i))
		case one.Type == "Digits":
			split = digits(one.IndividualDigits != nil && *one.IndividualDigits)
		case one.Type == "Split":
			split, err = one.split(where(i))
		default:
			err = fmt.Errorf("%s is %s, want none, \"Metaspace\", \"Split\", \"Digits\", or a \"Sequence\" of them with \"Metaspace\" first", where(i), one)
		}
		if err != nil {
			return err
		}
		if split != nil {
			t.cutting.splits = append(t.cutting.splits, split)
		}
	}
	return nil
}

// metaspace reads a Metaspace.
func (s *stage) metaspace(where string) (*metaspace, error) {
	m := &metaspace{each: s.Splits == nil || *s.Splits}
	switch {
	case s.Replacement != mark:
		return nil, fmt.Errorf("%s.replacement is %q, want %q", where, clip(s.Replacement), mark)
	case s.PrependScheme == "always", s.PrependScheme == "" && s.AddPrefixSpace == nil:
		m.always = true
	case s.PrependScheme == "first":
		m.first = true
	case s.PrependScheme == "": // as written by older releases
		m.always = *s.AddPrefixSpace
	case s.PrependScheme != "never":
		return nil, fmt.Errorf("%s.prepend_scheme is %q, want \"always\", \"first\" or \"never\"", where, clip(s.PrependScheme))
	}
	return m, nil
}

// readVocabulary reads tokens and merges.
func (t *pieced) readVocabulary(m *model) (err error) {
	if t.merges, err = m.Merges.table(m.Vocab, func(left, right string) string { return left + right }); err != nil {
		return err
	}
	if t.tokens, _, err = m.Vocab.sparse(); err != nil {
		return err
	}
	if len(t.tokens) == 0 {
		return errors.New("model.vocab is empty")
	}
	for i := range t.ascii {
		t.ascii[i] = -1
	}
	for i := range t.byteID {
		t.byteID[i] = -1
	}
	t.texts = make([]string, len(t.tokens))
	for id, token := range t.tokens {
		t.texts[id] = unmarked(token)
		r, n := utf8.DecodeRuneInString(token)
		switch b, ok := byteOf(token); {
		case ok && m.ByteFallback:
			t.texts[id] = string([]byte{b})
			if token == fmt.Sprintf("<0x%02X>", b) { // lower-case digits are decoded, but not used to encode
				t.byteID[b] = int32(id)
			}
		case n == 0 || n < len(token):
		case r < utf8.RuneSelf:
			t.ascii[r] = int32(id)
		default:
			t.others[r] = int32(id)
		}
	}
	if m.UnkToken != nil {
		if id, ok := m.Vocab[*m.UnkToken]; ok {
			t.unknown = int32(id)
		}
	}
	return nil
}

// byteOf returns the byte that a token of the form <0xNN> stands for.
func byteOf(token string) (b byte, ok bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	n, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(n), err == nil
}

// findApart determines whether a text can be cut before runs of marks: if no merge makes a token with a mark
// after another character, nothing merges across such a place.
func (t *pieced) findApart() {
	if t.apart = t.meta != nil && t.meta.each; t.apart || t.whole {
		return
	}
	for _, id := range t.merges.results {
		if strings.Contains(strings.TrimLeft(t.tokens[id], mark), mark) {
			return
		}
	}
	t.apart = true
}

// findWords finds the tokens that their own text is encoded as.
func (t *pieced) findWords() {
	t.words = newWords(len(t.tokens), t.tokens)
	var ids []int32
	for id, token := range t.tokens {
		if token == "" {
			continue
		}
		if !t.whole {
			bad := 0
			if ids, bad = t.symbols(ids[:0], []byte(token)); bad >= 0 {
				continue
			}
			if ids = t.merges.apply(ids); len(ids) != 1 || ids[0] != int32(id) {
				continue
			}
		}
		t.words.add(int32(id))
	}
}
