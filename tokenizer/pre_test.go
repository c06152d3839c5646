package tokenizer

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"testing"
)

// TestPres: random texts are cut as by Hugging Face's tokenizers; see testdata/pre.py.
func TestPres(t *testing.T) {
	b, err := os.ReadFile("testdata/pre.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]string
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	g := readO200k(t)
	for name, want := range all {
		cut := piecesOf(t, name)
		for i, sum := range want {
			var sizes []int
			for seed := 50 * i; seed < 50*(i+1); seed++ {
				sizes = append(sizes, cut(g.random(seed))...)
			}
			if got := fmt.Sprintf("%08x", crc32.ChecksumIEEE(idBytes(sizes))); got != sum {
				t.Errorf("%s: texts from %d on have the sum %s, want %s", name, 50*i, got, sum)
				break
			}
		}
	}
}

// piecesOf returns a function that cuts a text with the pre-tokenizer that llama.cpp calls by name, and returns the
// number of bytes of each piece.
func piecesOf(t *testing.T, name string) func(text string) []int {
	t.Helper()
	c, err := pres[name].stages().PreTokenizer.cutting()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	pattern := c.pattern
	if pattern == nil {
		pattern = &gpt2Pieces
	}
	return func(text string) (sizes []int) {
		err := c.parts([]byte(text), func(part []byte) error {
			for len(part) > 0 {
				n := len(part)
				if !c.whole {
					n = pattern.next(part)
				}
				sizes, part = append(sizes, n), part[n:]
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %q: %v", name, text, err)
		}
		return sizes
	}
}
