package tokenizer

import (
	"fmt"
	"slices"
)

// byteLevel is byte-pair encoding over bytes, in pieces that are cut as by GPT-2. Its
// tokens are the bytes they stand for, so it encodes any text, valid UTF-8 or not.
type byteLevel struct {
	name    string
	tokens  []string   // by id: the bytes, or the text of the end of text
	byteID  [256]int32 // ids of the single bytes, -1 if there is none
	merges  *merges
	words   *words // the pieces that are one token
	end     int    // id of the end of text, -1 if there is none
	cutting *cutting
	pattern *cutter // cuts the parts that cutting leaves
	caches  caches

	written map[int]string // tokens that are not bytes, by id; an empty token not in here is vacant
	gaps    bool           // some byte has no token
	unknown int32          // id that stands for such a byte, -1 if there is none
	fuse    bool           // one unknown token stands for a run of such bytes
	whole   bool           // a piece that is a token is encoded as it, whatever the merges make of it
}

// byteTokens is the number of tokens that every vocabulary over bytes has.
const byteTokens = 256

// byteOrder returns the bytes in the order of GPT-2's ids: first those that are
// printable in Latin-1, then the others.
func byteOrder() []byte {
	order := make([]byte, 0, 256)
	symbols := byteSymbols()
	for _, printable := range []bool{true, false} {
		for b, r := range symbols {
			if (r < 256) == printable {
				order = append(order, byte(b))
			}
		}
	}
	return order
}

// newByteLevel makes a tokenizer from merges in the order of their ranks. Ids 0 to 255
// are the bytes in GPT-2's order; a merge that makes a new string gets the next id;
// the end of text is last.
func newByteLevel(name string, learned []pair) *byteLevel {
	t := &byteLevel{name: name, pattern: &gpt2Pieces, merges: newMerges(len(learned)), tokens: make([]string, 0, 257+len(learned)), unknown: -1}
	ids := make(map[string]int32, 256+len(learned))
	add := func(token string) int32 {
		id, ok := ids[token]
		if !ok {
			id = int32(len(t.tokens))
			ids[token], t.tokens = id, append(t.tokens, token)
		}
		return id
	}
	for _, b := range byteOrder() {
		t.byteID[b] = add(string([]byte{b}))
	}
	for _, p := range learned {
		t.merges.add(p, add(t.tokens[p.left]+t.tokens[p.right]))
	}
	t.end = len(t.tokens)
	t.tokens = append(t.tokens, EndOfText)
	t.written = map[int]string{t.end: EndOfText}
	t.findWords()
	return t
}

// findWords finds the tokens that their own text is encoded as. This is not so if a
// merge of lower rank interferes.
func (t *byteLevel) findWords() {
	t.words = newWords(len(t.tokens), t.tokens)
	var ids []int32
	for id, token := range t.tokens {
		if _, ok := t.written[id]; ok || token == "" {
			continue
		}
		if !t.whole {
			if ids = t.symbols(ids[:0], []byte(token)); slices.Contains(ids, -1) {
				continue
			}
			ids = t.merges.apply(ids)
		}
		if t.whole || len(ids) == 1 && ids[0] == int32(id) {
			t.words.add(int32(id))
		}
	}
}

// symbols appends the ids of the single bytes.
func (t *byteLevel) symbols(ids []int32, piece []byte) []int32 {
	ids = slices.Grow(ids, len(piece))
	for _, b := range piece {
		ids = append(ids, t.byteID[b])
	}
	return ids
}

// Append implements Tokenizer. It can encode any text, unless some bytes have no token.
func (t *byteLevel) Append(ids []int, text []byte) ([]int, error) {
	c := t.caches.take()
	defer t.caches.give(c)
	switch {
	case t.cutting != nil:
		return t.appendParts(c, ids, text)
	case t.gaps:
		return t.appendKnown(c, ids, text, false)
	}
	return t.appendPieces(c, ids, text), nil
}

// appendPieces encodes the pieces of a text whose bytes all have tokens.
func (t *byteLevel) appendPieces(c *cache, ids []int, text []byte) []int {
	for len(text) > 0 {
		n := t.pattern.next(text)
		piece := text[:n]
		text = text[n:]
		if n == 1 {
			ids = append(ids, int(t.byteID[piece[0]]))
			continue
		}
		ids = t.appendPiece(c, ids, piece)
	}
	return ids
}

// appendPiece encodes a piece.
func (t *byteLevel) appendPiece(c *cache, ids []int, piece []byte) []int {
	h := hash(piece)
	if id := t.words.find(h, piece); id >= 0 {
		return append(ids, int(id))
	}
	parts, entry := c.get(h, piece)
	if parts == nil {
		parts = t.merges.apply(t.symbols(c.scratch[:0], piece))
		c.scratch = parts
		entry.put(piece, parts)
	}
	for _, id := range parts {
		ids = append(ids, int(id))
	}
	return ids
}

// AppendText implements Tokenizer.
func (t *byteLevel) AppendText(text []byte, ids []int) ([]byte, error) {
	n := len(text)
	for i, id := range ids {
		if id < 0 || id >= len(t.tokens) {
			return text[:n], badID(i, id, len(t.tokens))
		}
		text = append(text, t.tokens[id]...)
	}
	return text, nil
}

// Size implements Tokenizer.
func (t *byteLevel) Size() int { return len(t.tokens) }

// EndOfText implements Tokenizer.
func (t *byteLevel) EndOfText() (int, bool) { return max(t.end, 0), t.end >= 0 }

// Name implements Tokenizer.
func (t *byteLevel) Name() string { return t.name }

// String returns the kind and the size.
func (t *byteLevel) String() string { return fmt.Sprintf("%s of %d tokens", t.name, len(t.tokens)) }
