package datasets

import (
	"slices"
	"strings"
	"testing"
)

// TestPacked: a document that fits into a window is never cut, every token but the first is a target once an epoch, and
// the rest of a window is padding.
func TestPacked(t *testing.T) {
	for _, buffer := range []int{0, packedContext, 2 * packedContext, 5*packedContext + 3} { // an epoch of one block, and of many
		testPacked(t, buffer)
	}
}

const packedContext = 16

func testPacked(t *testing.T, buffer int) {
	t.Helper()
	const T = packedContext
	end, _ := bytesTokenizer.EndOfText()
	var docs []string
	for i := range 60 {
		docs = append(docs, strings.Repeat(string(rune('a'+i%26)), 1+i*5%20))
	}
	src := Text("docs", docs...)
	s := mustStream(t, validation, src, bytesTokenizer, Config{Batch: 1, Context: T, Packed: true, Buffer: buffer})
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
		t.Errorf("buffer %d: %d targets, want %d: each token but the first", buffer, counted, want)
	}
	missing := 0
	for _, d := range docs {
		if len(d) < T && seen[d] == 0 {
			missing++
		}
	}
	if missing > 1 { // the very first token is not a target
		t.Errorf("buffer %d: %d documents that fit are not whole in any window", buffer, missing)
	}
	if _, err := NewTraining(src, charsOf(t, src), Config{Batch: 1, Context: T, Packed: true}); err == nil ||
		err.Error() != "windows cannot be packed: the tokenizer (chars) has no end-of-text token, which separates documents" {
		t.Errorf("without an end of text: %v", err)
	}
}

// TestPackedGoesOn: a stream of packed windows continues from any state with the same batches, within blocks and across
// epochs.
func TestPackedGoesOn(t *testing.T) {
	var docs []string
	for i := range 60 {
		docs = append(docs, strings.Repeat(string(rune('a'+i%26)), 1+i*7%40)) // some longer than a block
	}
	c := Config{Batch: 2, Context: packedContext, Packed: true, Buffer: 2 * packedContext, Seed: 3}
	next := func(s Stream) []int {
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return append(slices.Clone(b.Tokens), b.Targets...)
	}
	const batches = 90
	whole := mustStream(t, training, Text("docs", docs...), bytesTokenizer, c)
	var want [][]int
	var states [][]byte
	for range batches {
		state, err := whole.State()
		if err != nil {
			t.Fatal(err)
		}
		states, want = append(states, state), append(want, next(whole))
	}
	for from := 0; from < batches; from += 7 {
		s := mustStream(t, training, Text("docs", docs...), bytesTokenizer, c)
		for range from % 5 { // so that it is restored from another position
			next(s)
		}
		if err := s.Restore(states[from]); err != nil {
			t.Fatal(err)
		}
		for i := from; i < min(batches, from+12); i++ {
			if got := next(s); !slices.Equal(got, want[i]) {
				t.Fatalf("from batch %d on, batch %d is another", from, i)
			}
		}
	}
}
