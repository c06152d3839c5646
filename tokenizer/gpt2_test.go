package tokenizer

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the files that are made of others")

// TestGPT2File: the merges embedded in the program are those of r50k_base, the vocabulary that tiktoken uses. The program
// needs neither its tokens nor tiktoken's three other vocabularies.
func TestGPT2File(t *testing.T) {
	learned, err := parseTiktoken(string(tiktokenFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, p := range learned {
		want = binary.LittleEndian.AppendUint16(want, uint16(p.left))
		want = binary.LittleEndian.AppendUint16(want, uint16(p.right))
	}
	if *update {
		if err := os.WriteFile("gpt2.merges", want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(gpt2File, want) {
		t.Error("gpt2.merges is not made of r50k_base.tiktoken: go generate ./tokenizer")
	}
}

// parseTiktoken finds the merges of a vocabulary in tiktoken's format, which has lines of a token in base64 and its id.
// The earlier merges reduce the bytes of a token to two ids, which are the merge that made it.
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
