package tokenizer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// pieced is byte-pair encoding over characters, as in SentencePiece's models for Llama: a space is written
// as U+2581, a character without a token as its bytes, and merges may be anywhere in a text.
type pieced struct {
	tokens  []string // by id, as files write them; "" is vacant
	texts   []string // by id, as they are in a text
	ascii   [utf8.RuneSelf]int32
	others  map[rune]int32 // ids of the other characters
	byteID  [256]int32     // ids of <0xNN>, -1 if there is none
	unknown int32          // id for a character that has neither, -1 if there is none
	fuse    bool           // one unknown token stands for a run of such characters
	merges  *merges
	words   *words // the pieces that are one token
	whole   bool   // a piece that is a token is encoded as it, whatever the merges make of it

	meta    *metaspace // nil if spaces are as the normalizer leaves them
	cutting cutting    // into parts within which characters merge
	marked  bool       // all spaces have been turned into marks
	apart   bool       // nothing merges across the beginning of a run of marks
	strip   int        // number of leading spaces to remove from the text of a whole sequence
	stages  *pipeline  // the file, without the vocabulary
	caches  caches
}

// mark stands for a space in vocabularies of SentencePiece.
const mark = "\u2581"

// metaspace is the pre-tokenizer of that name, which turns spaces into marks.
type metaspace struct {
	always, first bool // every text without a mark at its start gets one; or only the first of a sequence does
	each          bool // each mark begins a part
}

// write appends a text with marks in place of spaces, and with a mark in front if there is to be one.
func (m *metaspace) write(dst, text []byte, first bool) []byte {
	if (m.always || m.first && first) && text[0] != ' ' && !bytes.HasPrefix(text, []byte(mark)) {
		dst = append(dst, mark...)
	}
	for {
		i := bytes.IndexByte(text, ' ')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:i]...), mark...)
		text = text[i+1:]
	}
}

// Append implements Tokenizer.
func (t *pieced) Append(ids []int, text []byte) ([]int, error) { return t.encode(ids, text, true) }

// encode encodes a text; first says that it begins a sequence, rather than following a special token.
func (t *pieced) encode(ids []int, text []byte, first bool) ([]int, error) {
	if len(text) == 0 {
		return ids, nil
	}
	c := t.caches.take()
	defer t.caches.give(c)
	n, written := len(ids), text
	if t.meta != nil {
		c.text = t.meta.write(c.text[:0], text, first)
		written = c.text
	}
	err := t.cutting.parts(written, func(part []byte) (err error) {
		for len(part) > 0 && err == nil {
			n := len(part)
			if t.apart {
				n = beforeMark(part, t.meta != nil && t.meta.each)
			}
			ids, err = t.appendPiece(c, ids, part[:n])
			part = part[n:]
		}
		return err
	})
	if err != nil {
		return ids[:n], &TextError{Offset: t.unwritten(text), Problem: err.Error()}
	}
	return ids, nil
}

// beforeMark returns the end of the first piece of a text: before the next run of marks, or before the next
// mark if each mark begins a piece.
func beforeMark(text []byte, each bool) int {
	i := 0
	for bytes.HasPrefix(text[i:], []byte(mark)) {
		if i += len(mark); each {
			break
		}
	}
	if n := bytes.Index(text[i:], []byte(mark)); n >= 0 {
		return i + n
	}
	return len(text)
}

// appendPiece encodes a piece.
func (t *pieced) appendPiece(c *cache, ids []int, piece []byte) ([]int, error) {
	h := hash(piece)
	if id := t.words.find(h, piece); id >= 0 {
		return append(ids, int(id)), nil
	}
	parts, entry := c.get(h, piece)
	if parts == nil {
		var bad int
		if parts, bad = t.symbols(c.scratch[:0], piece); bad >= 0 {
			r, _ := utf8.DecodeRune(piece[bad:])
			return ids, fmt.Errorf("character %q (%U) is not in the vocabulary of %d tokens", r, r, len(t.tokens))
		}
		parts = t.merges.apply(parts)
		c.scratch = parts
		entry.put(piece, parts)
	}
	for _, id := range parts {
		ids = append(ids, int(id))
	}
	return ids, nil
}

// symbols appends the ids of characters, or of the bytes of those without an id; bad is the index of a
// character that has neither, if there is no unknown token, or -1. As in Hugging Face's tokenizers, an
// unknown token is placed after the bytes that follow it.
func (t *pieced) symbols(ids []int32, piece []byte) (all []int32, bad int) {
	pending := false
	for i := 0; i < len(piece); {
		id, n := t.symbol(piece[i:])
		switch {
		case id >= 0:
			if pending {
				ids, pending = append(ids, t.unknown), false
			}
			ids = append(ids, id)
		case t.hasBytes(piece[i : i+n]):
			for _, b := range piece[i : i+n] {
				ids = append(ids, t.byteID[b])
			}
		case t.unknown < 0:
			return ids, i
		default:
			if pending && !t.fuse {
				ids = append(ids, t.unknown)
			}
			pending = true
		}
		i += n
	}
	if pending {
		ids = append(ids, t.unknown)
	}
	return ids, -1
}

// symbol returns the id of the first character of a text, -1 if it has none, and its width.
func (t *pieced) symbol(text []byte) (id int32, width int) {
	if b := text[0]; b < utf8.RuneSelf {
		return t.ascii[b], 1
	}
	r, n := utf8.DecodeRune(text)
	if id, ok := t.others[r]; ok && !(r == utf8.RuneError && n == 1) {
		return id, n
	}
	return -1, n
}

// hasBytes reports whether all bytes have tokens.
func (t *pieced) hasBytes(text []byte) bool {
	return !slices.ContainsFunc(text, func(b byte) bool { return t.byteID[b] < 0 })
}

// unwritten returns the offset of the first character of a text that cannot be encoded, 0 if it is not known.
func (t *pieced) unwritten(text []byte) int64 {
	for i := 0; i < len(text); {
		id, n := t.symbol(text[i:])
		if id < 0 && !t.hasBytes(text[i:i+n]) && !(text[i] == ' ' && t.marked) {
			return int64(i)
		}
		i += n
	}
	return 0
}

// AppendText implements Tokenizer. It includes a space put in front of a text; see [Text].
func (t *pieced) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	for i, id := range ids {
		if id < 0 || id >= len(t.texts) {
			return text[:n], badID(i, id, len(t.texts))
		}
		text = append(text, t.texts[id]...)
	}
	return text, nil
}

// cut implements CutFor.
func (t *pieced) cut(text []byte) int {
	if !t.apart || !t.marked || len(t.cutting.splits) > 0 {
		return 0
	}
	return cutBefore(text, true)
}

// Size implements Tokenizer.
func (t *pieced) Size() int { return len(t.tokens) }

// EndOfText implements Tokenizer: the files name it, so the model by itself has none.
func (t *pieced) EndOfText() (int, bool) { return 0, false }

// Name implements Tokenizer.
func (t *pieced) Name() string { return "sentencepiece" }

// String returns the kind and the size.
func (t *pieced) String() string { return fmt.Sprintf("%s of %d tokens", t.Name(), len(t.tokens)) }

// pipeline returns the contents of the file.
func (t *pieced) pipeline() *pipeline {
	p, m := *t.stages, *t.stages.Model
	m.Vocab, m.Merges = make(vocabulary, len(t.tokens)), mergeList{}
	for id, token := range t.tokens {
		if token != "" {
			m.Vocab[token] = id
		}
	}
	for _, one := range t.merges.pairs {
		m.Merges = append(m.Merges, fileMerge{left: t.tokens[one.left], right: t.tokens[one.right]})
	}
	p.Model = &m
	return &p
}

// Save implements Tokenizer.
func (t *pieced) Save(dir string) error { return t.pipeline().save(dir, usualConfig(t), nil) }

// unmarked returns a token as it is written in a text.
func unmarked(token string) string { return strings.ReplaceAll(token, mark, " ") }
