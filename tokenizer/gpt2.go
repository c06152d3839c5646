package tokenizer

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/pkoukk/tiktoken-go-loader/assets"
)

// The sizes of GPT-2's vocabulary.
const (
	gpt2Merges = 50000
	gpt2Size   = byteTokens + gpt2Merges + 1
)

// GPT2 returns the tokenizer of OpenAI's GPT-2, with the same 50,257 ids: byte-pair
// encoding over bytes (Radford et al. 2019, section 2.2). The vocabulary is part of
// the program. It encodes any text, valid UTF-8 or not, and is lossless. The first
// call takes some 50 ms, later ones return the same tokenizer.
func GPT2() (Tokenizer, error) {
	t, err := gpt2()
	if err != nil {
		return nil, fmt.Errorf("GPT-2's vocabulary: %w", err)
	}
	return t, nil
}

var gpt2 = sync.OnceValues(func() (*byteLevel, error) {
	file, err := assets.Assets.ReadFile("r50k_base.tiktoken")
	if err != nil {
		return nil, err
	}
	learned, err := parseTiktoken(string(file))
	if err != nil {
		return nil, err
	}
	if len(learned) != gpt2Merges {
		return nil, fmt.Errorf("%d merges, want %d", len(learned), gpt2Merges)
	}
	return newByteLevel("gpt2", learned), nil
})

// parseTiktoken finds the merges of a vocabulary in tiktoken's format: lines of a
// token in base64 and its id. The merge that made a token is what the earlier merges
// leave of its bytes: two ids.
func parseTiktoken(file string) ([]pair, error) {
	lines := strings.Count(file, "\n")
	m := newMerges(lines)
	var byteID [256]int32
	order := byteOrder()
	for id, b := range order {
		byteID[b] = int32(id)
	}
	var ids []int32
	next := 0
	for line := range strings.Lines(file) {
		text, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		token, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", next+1, err)
		}
		if id, err := strconv.Atoi(number); err != nil || id != next {
			return nil, fmt.Errorf("line %d: id %q, want %d", next+1, number, next)
		}
		ids = ids[:0]
		for _, b := range token {
			ids = append(ids, byteID[b])
		}
		ids = m.apply(ids)
		switch {
		case next < len(order):
			if len(token) != 1 || token[0] != order[next] {
				return nil, fmt.Errorf("line %d: token %q, want byte 0x%02x", next+1, token, order[next])
			}
		case len(ids) != 2:
			return nil, fmt.Errorf("line %d: token %q does not come of one merge", next+1, token)
		default:
			m.add(pair{ids[0], ids[1]}, int32(next))
		}
		next++
	}
	return m.pairs, nil
}
