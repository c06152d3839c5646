package datasets

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPacked: a document that fits into a window is never cut, every transition is a
// target once an epoch, and what is left over is padding.
func TestPacked(t *testing.T) {
	const T = 16
	end, _ := bytesTokenizer.EndOfText()
	var docs []string
	for i := range 60 {
		docs = append(docs, strings.Repeat(string(rune('a'+i%26)), 1+i*5%20))
	}
	src := Text("docs", docs...)
	s := mustStream(t, validation, src, bytesTokenizer, Config{Batch: 1, Context: T, Packed: true})
	counted := 0
	seen := map[string]int{}
	for {
		b, err := s.Next(t.Context())
		if err != nil {
			break
		}
		n := len(b.Targets)
		for n > 0 && b.Targets[n-1] == Ignore {
			n--
		}
		if slices.Contains(b.Targets[:n], Ignore) {
			t.Fatalf("targets %v have a hole", b.Targets)
		}
		counted += n
		for i := range n - 1 {
			if b.Targets[i] != b.Tokens[i+1] {
				t.Fatalf("tokens %v have targets %v", b.Tokens, b.Targets)
			}
		}
		text := ""
		for _, id := range b.Targets[:n] {
			if id == end {
				seen[text]++
				text = ""
			} else {
				text += string(rune(id))
			}
		}
	}
	if want := int(src.Size()) + len(docs) - 1; counted != want {
		t.Errorf("%d targets, want %d: each token but the first", counted, want)
	}
	missing := 0
	for _, d := range docs {
		if len(d) < T && seen[d] == 0 {
			missing++
		}
	}
	if missing > 1 { // the first of all starts without an end of text before it
		t.Errorf("%d documents that fit are not whole in any window", missing)
	}
	if _, err := NewTraining(src, charsOf(t, src), Config{Batch: 1, Context: T, Packed: true}); err == nil ||
		err.Error() != "windows cannot be packed: the tokenizer (chars) has no end of text, by which documents are told apart" {
		t.Errorf("without an end of text: %v", err)
	}
}

// TestRanks: the windows of all ranks are those of one process, in the same order.
func TestRanks(t *testing.T) {
	src := counting(700, 30, 200)
	tok := charsOf(t, src)
	for _, ranks := range []int{1, 2, 3} {
		whole := mustStream(t, training, src, tok, Config{Batch: 2 * ranks, Context: 8, Seed: 5, Buffer: 100})
		var want, got []string
		var each []Stream
		for rank := range ranks {
			each = append(each, mustStream(t, training, src, tok, Config{Batch: 2, Context: 8, Seed: 5, Buffer: 100, Rank: rank, Ranks: ranks}))
		}
		for range 200 {
			for _, w := range windows(t, whole, 1) {
				want = append(want, fmt.Sprint(w))
			}
			var parts [][][]int
			for _, s := range each {
				parts = append(parts, windows(t, s, 1))
			}
			for row := range 2 {
				for _, p := range parts {
					got = append(got, fmt.Sprint(p[row]))
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d ranks have other windows than one", ranks)
		}
	}
	if err := (&Config{Batch: 1, Context: 1, Rank: 2, Ranks: 2}).check(); err == nil || err.Error() != "rank 2 of 2, want 0 to 1" {
		t.Errorf("rank 2 of 2: %v", err)
	}
}
