package tokenizer

import (
	"errors"
	"fmt"
	"slices"
)

// What byteLevel supports beyond GPT-2: other ways to cut texts, and vocabularies without
// some bytes.

// appendParts encodes a text that is not cut as by GPT-2.
func (t *byteLevel) appendParts(c *cache, ids []int, text []byte) ([]int, error) {
	n := len(ids)
	err := t.cutting.parts(text, func(part []byte) (err error) {
		switch {
		case t.gaps:
			ids, err = t.appendKnown(c, ids, part, t.cutting.whole)
		case t.cutting.whole:
			ids = t.appendPiece(c, ids, part)
		default:
			ids = t.appendPieces(c, ids, part)
		}
		return err
	})
	if e, ok := errors.AsType[*TextError](err); ok { // the part may have got a space, so its offset is not that in text
		return ids[:n], &TextError{e.Text, int64(max(0, slices.IndexFunc(text, func(b byte) bool { return t.byteID[b] < 0 }))), e.Problem}
	} else if err != nil {
		return ids[:n], &TextError{Problem: err.Error()}
	}
	return ids, nil
}

// appendKnown encodes a text that may have bytes without a token. They become the unknown
// token; if there is none, they are an error. Hugging Face's tokenizers would drop them,
// which loses text silently.
func (t *byteLevel) appendKnown(c *cache, ids []int, text []byte, whole bool) ([]int, error) {
	first := len(ids)
	for at := 0; at < len(text); {
		n := len(text) - at
		if !whole {
			n = t.pattern.next(text[at:])
		}
		piece := text[at : at+n]
		h := hash(piece)
		if id := t.words.find(h, piece); id >= 0 {
			ids, at = append(ids, int(id)), at+n
			continue
		}
		parts, entry := c.get(h, piece)
		if parts == nil {
			var bad int
			if parts, bad = t.knownSymbols(c.scratch[:0], piece); bad >= 0 {
				b := piece[bad]
				return ids[:first], &TextError{"", int64(at + bad), fmt.Sprintf("byte 0x%02x, which is written %q, is not in the vocabulary of %d tokens", b, string(symbols[b]), len(t.tokens))}
			}
			parts = t.merges.apply(parts)
			c.scratch = parts
			entry.put(piece, parts)
		}
		for _, id := range parts {
			ids = append(ids, int(id))
		}
		at += n
	}
	return ids, nil
}

// knownSymbols appends the ids of single bytes; bad is the index of a byte that has none, or
// -1.
func (t *byteLevel) knownSymbols(ids []int32, piece []byte) (all []int32, bad int) {
	fused := false
	for i, b := range piece {
		id := t.byteID[b]
		if id < 0 && t.unknown < 0 {
			return ids, i
		}
		if id < 0 && fused {
			continue
		}
		fused = id < 0 && t.fuse
		if id < 0 {
			id = t.unknown
		}
		ids = append(ids, id)
	}
	return ids, -1
}

// cut implements CutFor.
func (t *byteLevel) cut(text []byte) int {
	if t.cutting == nil {
		return cutBefore(text, t.pattern.aSpace)
	}
	return t.cutting.cut(text, t.whole || len(t.merges.pairs) > 0, t.pattern.aSpace)
}
