package datasets

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// mixed returns a mixture of texts that each consist of one letter.
func mixed(t testing.TB, size int, seed uint64, weights ...float64) Stream {
	t.Helper()
	var parts []Part
	for i, w := range weights {
		src := Text("text", strings.Repeat(string(rune('a'+i)), 500*(1+i*i)))
		parts = append(parts, Part{mustStream(t, training, src, bytesTokenizer, Config{Batch: 1, Context: 8, Seed: seed}), w})
	}
	s, err := Mix(size, seed, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMix: each part contributes its share of the windows, whatever its size, in no regular order.
func TestMix(t *testing.T) {
	s := mixed(t, 10, 3, 1, 4, 5)
	var count [3]int
	for range 400 {
		b := next(t, s)
		if b.Size != 10 || b.Context != 8 || len(b.Tokens) != 80 || len(b.Targets) != 80 {
			t.Fatalf("a batch of (%d, %d) with %d tokens, want (10, 8)", b.Size, b.Context, len(b.Tokens))
		}
		for row := range b.Size {
			count[slices.Min(b.Tokens[row*8:][:8])-'a']++
		}
	}
	for i, w := range []float64{0.1, 0.4, 0.5} {
		// Four standard deviations of a binomial distribution with 4,000 draws.
		if d := math.Abs(float64(count[i]) - 4000*w); d > 4*math.Sqrt(4000*w*(1-w)) {
			t.Errorf("part %d gave %d of 4000 windows, want about %v", i, count[i], 4000*w)
		}
	}
	if first := next(t, mixed(t, 10, 4, 1, 4, 5)); slices.Equal(first.Tokens, next(t, mixed(t, 10, 3, 1, 4, 5)).Tokens) {
		t.Error("two seeds give the same draws")
	}
}

func TestMixRestore(t *testing.T) {
	s, other := mixed(t, 3, 1, 1, 2), mixed(t, 3, 1, 1, 2)
	for range 50 {
		state := mustState(t, s)
		want := rest(t, s, 3)
		if err := other.Restore(state); err != nil {
			t.Fatal(err)
		}
		if !equalBatches(rest(t, other, 3), want) {
			t.Fatal("other batches after Restore")
		}
	}
	before := mustState(t, s)
	for want, with := range map[string]Stream{
		"state of a mixture: 3 parts, this mixture has 2":                            mixed(t, 3, 1, 1, 2, 3),
		"state of a mixture: weights are [1 3], this mixture's are [1 2]":            mixed(t, 3, 1, 1, 3),
		"state of a mixture: batch is 4, this mixture's is 3":                        mixed(t, 4, 1, 1, 2),
		"state of a mixture: seed is 2, this mixture's is 1":                         mixed(t, 3, 2, 1, 2),
		"state of a mixture: not a state: unexpected EOF":                            nil,
		"state of a mixture: format \"gorgpt batches 1\", want \"gorgpt mixture 1\"": nil,
	} {
		state := []byte("{")
		if strings.Contains(want, "batches") {
			state = []byte(`{"format":"gorgpt batches 1"}`)
		}
		if with != nil {
			state = mustState(t, with)
		}
		if err := s.Restore(state); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if after := mustState(t, s); !slices.Equal(after, before) {
		t.Error("a failed Restore moved the mixture")
	}
}

// TestMixEnds: a mixture of finite parts has every target of each part once, whatever the batch size and the weights,
// and continues from any of its states.
func TestMixEnds(t *testing.T) {
	one, two, three := counting(100), Text("two", strings.Repeat("abc", 100)), Text("three", "only ten..")
	tok := charsOf(t, NewSource("all", slices.Concat(one.docs, two.docs, three.docs)...))
	open := func(size int) Stream {
		var parts []Part
		for i, src := range []*Source{one, two, three} {
			parts = append(parts, Part{mustStream(t, validation, src, tok, Config{Batch: 1, Context: 8}), float64(1 + 20*i)})
		}
		s, err := Mix(size, 1, parts...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	whole := rest(t, open(1), 1000)
	for _, size := range []int{1, 3, 7, 100} {
		s := open(size)
		batches := rest(t, s, 1000)
		counts := map[int]int{}
		for _, b := range batches {
			if b.Size != size || len(b.Tokens) != 8*size || len(b.Targets) != 8*size {
				t.Fatalf("size %d: a batch of %d, %d tokens", size, b.Size, len(b.Tokens))
			}
			for _, id := range b.Targets {
				counts[id]++
			}
		}
		delete(counts, Ignore)
		total := 0
		for _, n := range counts {
			total += n
		}
		if total != 99+299+9 {
			t.Errorf("size %d: %d targets, want %d", size, total, 99+299+9)
		}
		for i := range 100 { // each character of one, except the first, is a target once
			if n := counts[tok.Size()-100+i]; n != min(i, 1) {
				t.Errorf("size %d: character %d of the first part is a target %d times, want %d", size, i, n, min(i, 1))
			}
		}
		if n := (len(whole) + size - 1) / size; len(batches) != n {
			t.Errorf("size %d: %d batches of %d windows", size, len(batches), len(whole))
		}
	}
	s, again := open(3), open(3)
	for range len(whole) / 6 {
		next(t, s)
		if err := again.Restore(mustState(t, s)); err != nil {
			t.Fatal(err)
		}
		rest(t, again, 1000) // to the end and back
		if err := again.Restore(mustState(t, s)); err != nil {
			t.Fatal(err)
		}
		if got := next(t, again); !equalBatches([]Batch{got}, rest(t, s, 1)) {
			t.Fatal("other batches after Restore")
		}
		if err := s.Restore(mustState(t, again)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestMixErrors(t *testing.T) {
	part := Part{mixed(t, 1, 1, 1), 1}
	for _, c := range []struct {
		size  int
		parts []Part
		want  string
	}{
		{0, []Part{part}, "batch is 0 windows, want at least 1"},
		{1, nil, "a mixture needs at least one part"},
		{1, []Part{part, {part.Stream, 0}}, "weight of part 1 is 0, want a number above 0"},
	} {
		if _, err := Mix(c.size, 1, c.parts...); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}
