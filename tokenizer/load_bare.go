package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// bareFiles are the names of a vocabulary and of its merges.
var bareFiles = [][2]string{
	{vocabFile, mergesFile},
	{"encoder_bpe_40000.json", "vocab_40000.bpe"},
	{"encoder.json", "vocab.bpe"},
}

// loadBare reads a vocabulary and its merges.
func loadBare(vocabName, mergesName string) (Tokenizer, error) {
	vocab, err := readFile(vocabName, maxFile)
	if err != nil {
		return nil, err
	}
	merges, err := readFile(mergesName, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %s is missing beside it", vocabName, filepath.Base(mergesName))
	}
	if err != nil {
		return nil, err
	}
	t, err := parseBare(vocab, merges)
	if p, ok := errors.AsType[*placed](err); ok && len(p.part) > 0 && len(merges) > 0 && &p.part[0] == &merges[0] {
		return nil, fmt.Errorf("%s: %w", mergesName, lined(merges, err))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", vocabName, lined(vocab, err))
	}
	return t, nil
}

// parseBare makes a tokenizer of the bytes of a vocabulary and of its merges: GPT-2's
// kind if all bytes are in it, GPT-1's if it marks the ends of words.
func parseBare(vocab, merges []byte) (Tokenizer, error) {
	if !utf8.Valid(vocab) {
		return nil, errors.New("not valid UTF-8")
	}
	var v vocabulary
	if err := plainjson.Unmarshal(vocab, &v); err != nil {
		return nil, fmt.Errorf("not a vocabulary: %w", err)
	}
	l, err := parseMerges(merges)
	if err != nil {
		return nil, err
	}
	special := apart(v, l)
	if missing := missingBytes(v); missing == 0 {
		return byteLevelOf(v, l, special)
	} else if hasKey(v, unknownToken) {
		return newGPT1(v, l, special)
	} else {
		return nil, fmt.Errorf("neither GPT-2's kind of vocabulary, which has a token for each byte (%d are missing), nor GPT-1's, which has %q", missing, unknownToken)
	}
}

// missingBytes counts the bytes without a token.
func missingBytes(v vocabulary) int {
	n := 0
	for _, r := range symbols {
		if !hasKey(v, string(r)) {
			n++
		}
	}
	return n
}

// apart are the special tokens of a vocabulary that comes without a list of them: those
// that are written like <this> and that no merge makes.
func apart(v vocabulary, l mergeList) []Special {
	made := make(map[string]bool, len(l))
	for _, m := range l {
		made[m.left+m.right] = true
	}
	var all []Special
	for token, id := range v {
		if len(token) > 2 && strings.HasPrefix(token, "<") && strings.HasSuffix(token, ">") && !made[token] && !strings.HasSuffix(token, wordEnd) {
			all = append(all, Special{token, id})
		}
	}
	slices.SortFunc(all, func(a, b Special) int { return a.ID - b.ID })
	return all
}
