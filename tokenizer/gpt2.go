package tokenizer

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"sync"
)

// The sizes of GPT-2's vocabulary.
const (
	gpt2Merges = 50000
	gpt2Size   = byteTokens + gpt2Merges + 1
)

// GPT2 returns the tokenizer of OpenAI's GPT-2, with the same 50,257 ids: byte-pair
// encoding over bytes (Radford et al. 2019, section 2.2). The vocabulary is part of
// the program. It encodes any text, valid UTF-8 or not, and is lossless. The first
// call takes some 50 ms; later calls return the same tokenizer.
func GPT2() (Tokenizer, error) {
	t, err := gpt2()
	if err != nil {
		return nil, fmt.Errorf("GPT-2's vocabulary: %w", err)
	}
	return t, nil
}

// gpt2File holds GPT-2's merges in order: the ids of both sides, 16 bits each, little-endian.
// It is made from OpenAI's vocabulary, which is under the license next to it.
//
//go:generate go test . -run TestGPT2File -update
//go:embed gpt2.merges
var gpt2File []byte

var gpt2 = sync.OnceValues(func() (*byteLevel, error) {
	if len(gpt2File) != 4*gpt2Merges {
		return nil, fmt.Errorf("%d bytes of merges, want %d", len(gpt2File), 4*gpt2Merges)
	}
	learned := make([]pair, gpt2Merges)
	for i := range learned {
		left, right := binary.LittleEndian.Uint16(gpt2File[4*i:]), binary.LittleEndian.Uint16(gpt2File[4*i+2:])
		learned[i] = pair{int32(left), int32(right)}
	}
	return newByteLevel("gpt2", learned), nil
})
