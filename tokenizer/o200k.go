package tokenizer

import (
	_ "embed"
	"fmt"
	"slices"
	"sync"
)

// The sizes of o200k_harmony's vocabulary.
const (
	o200kMerges  = 199742
	o200kSize    = byteTokens + o200kMerges // of o200k_base, without special tokens
	o200kIDBytes = 3
	harmonySize  = 201088
)

// O200kHarmony returns the tokenizer of OpenAI's gpt-oss, o200k_harmony of tiktoken, with the
// same 201,088 ids: the vocabulary o200k_base, and the special tokens of the harmony format. The
// vocabulary is part of the program. It encodes any text, valid UTF-8 or not, and is lossless. The
// first call takes some 150 ms; later calls return the same tokenizer.
func O200kHarmony() (Tokenizer, error) {
	t, err := o200kHarmony()
	if err != nil {
		return nil, fmt.Errorf("o200k_harmony's vocabulary: %w", err)
	}
	return t, nil
}

// o200kFile holds, for each token from the 257th on, the ids of two tokens that it consists of, 24
// bits each, little-endian. It is made from OpenAI's vocabulary, which is under the license next to
// it.
//
//go:generate go test . -run TestO200kFile -update
//go:embed o200k.merges
var o200kFile []byte

var o200kHarmony = sync.OnceValues(func() (*added, error) {
	base, err := newO200k(o200kFile)
	if err != nil {
		return nil, err
	}
	return newAdded(base, harmonyTokens(), nil), nil
})

// newO200k makes the tokenizer of a file of merges. tiktoken merges any two neighbors that together
// make a token, lowest id first, so all pairs that make a token have its rank.
func newO200k(file []byte) (*byteLevel, error) {
	if len(file) != 2*o200kIDBytes*o200kMerges {
		return nil, fmt.Errorf("%d bytes of merges, want %d", len(file), 2*o200kIDBytes*o200kMerges)
	}
	t := &byteLevel{name: "o200k_harmony", pattern: &o200k, tokens: make([]string, 0, o200kSize), end: -1, unknown: -1, whole: true}
	for id, b := range byteOrder() {
		t.byteID[b] = int32(id)
		t.tokens = append(t.tokens, string([]byte{b}))
	}
	for ; len(file) > 0; file = file[2*o200kIDBytes:] {
		left := int(file[0]) | int(file[1])<<8 | int(file[2])<<16
		right := int(file[3]) | int(file[4])<<8 | int(file[5])<<16
		if last := len(t.tokens); left >= last || right >= last {
			return nil, fmt.Errorf("token %d is made of %d and %d, want ids below it", last, left, right)
		}
		t.tokens = append(t.tokens, t.tokens[left]+t.tokens[right])
	}
	t.findWords()
	t.merges = newMerges(o200kPairs)
	for id := byteTokens; id < len(t.tokens); id++ {
		rank := int32(len(t.merges.pairs))
		for _, p := range t.words.splits(t.tokens[id]) {
			t.merges.addAs(p, int32(id), rank)
		}
	}
	return t, nil
}

// o200kPairs is the number of pairs that make a token of o200k_base.
const o200kPairs = 446189

// splits returns the pairs of words that a token can consist of, by the id of the left one, as
// Hugging Face's file of the vocabulary lists them.
func (w *words) splits(token string) []pair {
	var all []pair
	for i := 1; i < len(token); i++ {
		left, right := []byte(token[:i]), []byte(token[i:])
		l := w.find(hash(left), left)
		if l < 0 {
			continue
		}
		if r := w.find(hash(right), right); r >= 0 {
			all = append(all, pair{l, r})
		}
	}
	slices.SortFunc(all, func(a, b pair) int { return int(a.left) - int(b.left) })
	return all
}

// harmonyTokens returns the special tokens. Ids without a name are reserved.
func harmonyTokens() []addedToken {
	named := map[int]string{
		199998: "startoftext", 199999: "endoftext", 200002: "return", 200003: "constrain", 200005: "channel",
		200006: "start", 200007: "end", 200008: "message", 200012: "call", 200018: "endofprompt",
	}
	var all []addedToken
	for id := o200kSize; id < harmonySize; id++ {
		name, ok := named[id]
		if !ok {
			name = fmt.Sprintf("reserved_%d", id)
		}
		all = append(all, addedToken{ID: id, Content: "<|" + name + "|>", Special: true})
	}
	return all
}
