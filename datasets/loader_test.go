package datasets

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// counting returns a source whose characters all differ, cut into documents of these lengths, so that an id shows its
// place in the text.
func counting(lengths ...int) *Source {
	next := rune(0x4e00)
	docs := make([]string, len(lengths))
	for i, n := range lengths {
		var b strings.Builder
		for range n {
			b.WriteRune(next)
			next++
		}
		docs[i] = b.String()
	}
	return Text("counting", docs...)
}

func mustStream(t testing.TB, k kind, s *Source, tok tokenizer.Tokenizer, c Config) Stream {
	t.Helper()
	l, err := newLoader(s, tok, c, k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// next returns a copy of the next batch.
func next(t testing.TB, s Stream) Batch {
	t.Helper()
	b, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Tokens, b.Targets = slices.Clone(b.Tokens), slices.Clone(b.Targets)
	return b
}

// windows returns the windows of n batches, T+1 tokens each.
func windows(t testing.TB, s Stream, n int) [][]int {
	t.Helper()
	var all [][]int
	for range n {
		b := next(t, s)
		if len(b.Tokens) != b.Size*b.Context || len(b.Targets) != b.Size*b.Context {
			t.Fatalf("%d tokens, %d targets; want %d × %d", len(b.Tokens), len(b.Targets), b.Size, b.Context)
		}
		for i := range b.Size {
			tokens, targets := b.Tokens[i*b.Context:][:b.Context], b.Targets[i*b.Context:][:b.Context]
			if !slices.Equal(tokens[1:], targets[:b.Context-1]) {
				t.Fatalf("tokens %v have targets %v", tokens, targets)
			}
			all = append(all, append(slices.Clone(tokens), targets[b.Context-1]))
		}
	}
	return all
}

// TestTrainingOne cuts one document of 1,000 tokens: in every epoch, each window occurs once, windows start T tokens
// apart, and the first starts anywhere before T.
func TestTrainingOne(t *testing.T) {
	const n, T = 1000, 7
	src := counting(n)
	tok := charsOf(t, src)
	for _, buffer := range []int{0, 1, 100, 993, 994, 1_000_000} {
		s := mustStream(t, training, src, tok, Config{Batch: 1, Context: T, Seed: 3, Buffer: buffer})
		phases := make(map[int]bool)
		var orders []string
		for range 60 {
			var starts []int
			first := windows(t, s, 1)[0][0]
			starts = append(starts, first)
			phase := first % T
			for len(starts) < (n-1-phase)/T {
				w := windows(t, s, 1)[0]
				for i, id := range w {
					if id != w[0]+i {
						t.Fatalf("buffer %d: window %v is not in the text", buffer, w)
					}
				}
				starts = append(starts, w[0])
			}
			phases[phase] = true
			orders = append(orders, fmt.Sprint(starts))
			slices.Sort(starts)
			for i, start := range starts {
				if start != phase+i*T {
					t.Fatalf("buffer %d: window %d starts at %d, want %d + %d·%d", buffer, i, start, phase, i, T)
				}
			}
		}
		if len(phases) != T {
			t.Errorf("buffer %d: epochs start at %v, want all of 0 to %d in 60", buffer, slices.Collect(maps.Keys(phases)), T-1)
		}
		slices.Sort(orders)
		if len(slices.Compact(orders)) != 60 && buffer != 1 {
			t.Errorf("buffer %d: epochs have the same order", buffer)
		}
	}
}

// TestTrainingMixes: within a block the order is random, so windows that follow one another in the text rarely do so in
// the stream, and their mean distance is a third of the block.
func TestTrainingMixes(t *testing.T) {
	const n, T = 16_000, 8
	src := counting(n)
	s := mustStream(t, training, src, charsOf(t, src), Config{Batch: 10, Context: T})
	ws := windows(t, s, n/T/10)
	follow, distance := 0, 0.0
	for i := range ws[1:] {
		d := (ws[i+1][0] - ws[i][0]) / T
		if d == 1 {
			follow++
		}
		distance += math.Abs(float64(d)) / float64(len(ws)-1)
	}
	// The expected number of windows that follow their neighbor is one; more than 10 has a probability of 1e-8. The
	// mean of |i-j| for 2,000 windows is 667, with a standard deviation below 12.
	if follow > 10 || math.Abs(distance-667) > 60 {
		t.Errorf("%d windows follow their neighbour, mean distance %.0f; want about 1 and 667", follow, distance)
	}
}

// TestTrainingDocuments: in each epoch, documents come in a different order, uncut, each followed by the end-of-text
// token.
func TestTrainingDocuments(t *testing.T) {
	docs := []string{"aaaa", "bbbbbbbb", "cc", "ddddddddddddd", "e"}
	total := 0
	for _, d := range docs {
		total += len(d) + 1
	}
	// A buffer of one window keeps the order of the text.
	s := mustStream(t, training, Text("letters", docs...), bytesTokenizer, Config{Batch: 1, Context: 1, Buffer: 1, Seed: 1})
	orders := make(map[string]bool)
	for range 40 {
		var ids []int
		for range total - 1 { // T = 1: each token except the last starts a window
			w := windows(t, s, 1)[0]
			if len(ids) > 0 && ids[len(ids)-1] != w[0] {
				t.Fatalf("window %v after %v", w, ids)
			}
			if len(ids) == 0 {
				ids = append(ids, w[0])
			}
			ids = append(ids, w[1])
		}
		text, err := bytesTokenizer.AppendText(nil, ids)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), tokenizer.EndOfText)
		orders[strings.Join(parts, " ")] = true
		if parts[len(parts)-1] != "" {
			t.Fatalf("no end of text after the last document: %q", text)
		}
		parts = parts[:len(parts)-1]
		slices.Sort(parts)
		if !slices.Equal(parts, docs) {
			t.Fatalf("documents %q", parts)
		}
	}
	if len(orders) < 20 { // of 120 orders; 34 are expected
		t.Errorf("%d orders in 40 epochs", len(orders))
	}
}

// TestTrainingBlocks: whatever the size of the buffer, each block of an epoch has the same windows as without shuffling,
// across pieces and documents.
func TestTrainingBlocks(t *testing.T) {
	src := Text("text", longText(7, 30_000), "a", longText(8, 3000), strings.Repeat("bc", 40_000))
	const T = 13
	for _, buffer := range []int{T, 40, 5000, 1 << 20} {
		for _, k := range []kind{training, validation} {
			c := Config{Batch: 1, Context: T, Seed: 5, Buffer: 1}
			plain := mustStream(t, k, src, bytesTokenizer, c).(*loader)
			c.Buffer = buffer
			mixed := mustStream(t, k, src, bytesTokenizer, c).(*loader)
			windowOf := func(l *loader) string {
				w, err := l.window(t.Context())
				if err != nil && err != io.EOF {
					t.Fatal(err)
				}
				return fmt.Sprint(w)
			}
			epochs, blocks := 3, 0
			if k == validation {
				epochs = 1
			}
			want, got := windowOf(plain), windowOf(mixed)
			for e := range epochs {
				for plain.Epoch == e {
					var a, b []string
					for i := 0; i < buffer/T && plain.Epoch == e; i++ {
						if mixed.Epoch != e {
							t.Fatalf("buffer %d: epoch %d ends early", buffer, e)
						}
						a, b = append(a, want), append(b, got)
						want, got = windowOf(plain), windowOf(mixed)
					}
					slices.Sort(a)
					slices.Sort(b)
					if !slices.Equal(a, b) {
						t.Fatalf("%s, buffer %d: block %d of epoch %d has other windows", k, buffer, blocks, e)
					}
					blocks++
				}
				if mixed.Epoch != e+1 {
					t.Fatalf("buffer %d: epoch %d ends late", buffer, e)
				}
			}
		}
	}
}

func TestTrainingSeed(t *testing.T) {
	src := counting(500, 500)
	tok := charsOf(t, src)
	get := func(seed uint64) [][]int {
		return windows(t, mustStream(t, training, src, tok, Config{Batch: 4, Context: 9, Seed: seed}), 60)
	}
	one := get(1)
	if !slices.EqualFunc(one, get(1), slices.Equal) {
		t.Error("the same seed gives other batches")
	}
	if slices.EqualFunc(one, get(2), slices.Equal) {
		t.Error("another seed gives the same batches")
	}
}

// TestTrainingShort: in texts barely longer than a window, windows start at every place that the text allows.
func TestTrainingShort(t *testing.T) {
	const T = 10
	for n := T + 1; n < 3*T; n++ {
		src := counting(n)
		s := mustStream(t, training, src, charsOf(t, src), Config{Batch: 3, Context: T})
		starts := make(map[int]bool)
		for _, w := range windows(t, s, 200) {
			starts[w[0]%T] = true
			if w[0] < 0 || w[T] >= n {
				t.Fatalf("%d tokens: window %v", n, w)
			}
		}
		if want := min(T, n-T); len(starts) != want {
			t.Errorf("%d tokens: %d starts of windows, want %d", n, len(starts), want)
		}
	}
}

// TestValidation: every token except the first is a target once, whatever the batch size, and the order does not depend
// on the seed.
func TestValidation(t *testing.T) {
	const T, n = 5, 183 // 36 windows, and one of 2 tokens
	src := counting(60, 50, 70, 3)
	tok := charsOf(t, src)
	for _, c := range []Config{
		{Batch: 1}, {Batch: 4}, {Batch: 12}, {Batch: 36}, {Batch: 37}, {Batch: 100}, {Batch: 4, Buffer: 20},
	} {
		c.Context = T
		var first []int
		for seed := range uint64(2) {
			var all []int
			c.Seed = seed
			s := mustStream(t, validation, src, tok, c)
			for _, b := range rest(t, s, 1000) {
				for i, id := range b.Targets {
					if id != Ignore && i%T > 0 && b.Tokens[i] != b.Targets[i-1] {
						t.Fatalf("%+v: targets %v of %v", c, b.Targets, b.Tokens)
					}
					all = append(all, id)
				}
			}
			if _, err := s.Next(t.Context()); err != io.EOF {
				t.Fatalf("%+v: %v after the end, want EOF", c, err)
			}
			if first == nil {
				first = all
			}
			if !slices.Equal(first, all) {
				t.Errorf("%+v: the order depends on the training seed", c)
			}
		}
		slices.Sort(first)
		first = slices.DeleteFunc(first, func(id int) bool { return id == Ignore })
		if distinct := len(slices.Compact(slices.Clone(first))); len(first) != n-1 || distinct != n-1 {
			t.Errorf("%+v: %d targets, %d of them distinct, want %d", c, len(first), distinct, n-1)
		}
	}
}

// TestValidationRepresents: the windows of the first tenth of the batches come from all parts of a document.
func TestValidationRepresents(t *testing.T) {
	src := counting(10_000)
	s := mustStream(t, validation, src, charsOf(t, src), Config{Batch: 10, Context: 10})
	tenths := make(map[int]int)
	for _, w := range windows(t, s, 10) {
		tenths[w[0]/1000]++
	}
	if len(tenths) != 10 {
		t.Errorf("100 windows by tenth of the text: %v, want some of each", tenths)
	}
}

// TestValidationFew: rows of a batch for which there is no window have no targets.
func TestValidationFew(t *testing.T) {
	src := counting(34)
	s := mustStream(t, validation, src, charsOf(t, src), Config{Batch: 8, Context: 10})
	b := next(t, s)
	var starts []int
	for row := range 8 {
		n := Batch{Targets: b.Targets[row*10:][:10]}.Targeted()
		if want := []int{10, 10, 10, 3, 0, 0, 0, 0}[row]; n != want {
			t.Errorf("row %d has %d targets, want %d", row, n, want)
		}
		if n > 0 {
			starts = append(starts, b.Tokens[row*10])
		}
	}
	slices.Sort(starts)
	if !slices.Equal(starts, []int{0, 10, 20, 30}) {
		t.Errorf("windows start at %v, want 0, 10, 20 and 30", starts)
	}
	if _, err := s.Next(t.Context()); err != io.EOF {
		t.Errorf("%v after the one batch, want EOF", err)
	}
}

func TestNewErrors(t *testing.T) {
	abc := Text("abc.txt", "abcdefgh")
	bad := Text("bad.txt", "fine here", "not\xffhere")
	chars := charsOf(t, abc)
	train, val, err := Split(Text("text", strings.Repeat("a", 100)), 0.1)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		src    *Source
		tok    tokenizer.Tokenizer
		config Config
		want   string
	}{
		{abc, bytesTokenizer, Config{Batch: 0, Context: 1}, "batch is 0 windows, want at least 1"},
		{abc, bytesTokenizer, Config{Batch: -1, Context: 1}, "batch is -1 windows, want at least 1"},
		{abc, bytesTokenizer, Config{Batch: 1, Context: 0}, "context is 0 tokens, want at least 1"},
		{abc, bytesTokenizer, Config{Batch: math.MaxInt, Context: 64}, "a batch of 9223372036854775807 windows of 64 tokens has more than 1073741824 tokens"},
		{abc, bytesTokenizer, Config{Batch: 1, Context: 1, Buffer: -1}, "buffer is -1 tokens, want 0 (for 4194304) to 1073741824"},
		{abc, chars, Config{Batch: 1, Context: 8}, "abc.txt: 8 tokens (chars), want at least 9: a context of 8 and the token after it"},
		{abc, bytesTokenizer, Config{Batch: 1, Context: 9}, "abc.txt: 9 tokens (bytes), want at least 10: a context of 9 and the token after it"},
		{Text("empty.txt", ""), chars, Config{Batch: 1, Context: 8}, "empty.txt: 0 tokens (chars), want at least 9: a context of 8 and the token after it"},
		{train, bytesTokenizer, Config{Batch: 1, Context: 128}, "text (training part): 91 tokens (bytes), want at least 129: a context of 128 and the token after it"},
		{val, bytesTokenizer, Config{Batch: 1, Context: 64}, "text (validation part): 11 tokens (bytes), want at least 65: a context of 64 and the token after it"},
		{bad, chars, Config{Batch: 1, Context: 4}, "bad.txt[0]: offset 1: character 'i' (U+0069) is not in the vocabulary of 8 characters"},
		{bad, chars, Config{Batch: 1, Context: 2}, "bad.txt[0]: offset 1: character 'i' (U+0069) is not in the vocabulary of 8 characters"},
	} {
		for _, create := range []func(*Source, tokenizer.Tokenizer, Config) (Stream, error){NewTraining, NewValidation} {
			if s, err := create(test.src, test.tok, test.config); s != nil || err == nil || err.Error() != test.want {
				t.Errorf("%v, error %v\nwant  %s", s, err, test.want)
			}
		}
	}
}

// TestNextErrors: the error for invalid text deep in a file has its place in the file, even if only a part of it is
// read, and is returned again by the next call.
func TestNextErrors(t *testing.T) {
	text := strings.Repeat("some words ", 20_000)
	at := 190_000
	src := Text("deep.txt", text[:at]+"\xff"+text[at+1:])
	_, val, err := Split(src, 0.8) // from byte 44,000, three pieces before the invalid byte
	if err != nil {
		t.Fatal(err)
	}
	tok := charsOf(t, Text("words", text))
	for _, s := range []*Source{src, val} {
		stream := mustStream(t, training, s, tok, Config{Batch: 2, Context: 8})
		want := "deep.txt[0]: offset 190000: byte 0xff is not valid UTF-8"
		for range 2 {
			if _, err := stream.Next(t.Context()); err == nil || err.Error() != want {
				t.Errorf("error %v\nwant  %s", err, want)
			}
		}
	}
}

// TestNextCancelled: a call that is canceled, at whatever point, does not move the stream.
func TestNextCancelled(t *testing.T) {
	src := counting(slices.Repeat([]int{10}, 80)...) // the context is checked for each document
	tok := charsOf(t, src)
	c := Config{Batch: 5, Context: 8, Buffer: 16}
	want := windows(t, mustStream(t, training, src, tok, c), 100)
	s := mustStream(t, training, src, tok, c)
	rng := rand.New(rand.NewPCG(1, 1))
	var got [][]int
	cancelled := 0
	for len(got) < len(want) {
		b, err := s.Next(&shortContext{Context: t.Context(), looks: rng.IntN(20)})
		if err == context.Canceled {
			cancelled++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Size {
			got = append(got, append(slices.Clone(b.Tokens[i*8:][:8]), b.Targets[i*8+7]))
		}
	}
	if cancelled < 50 {
		t.Errorf("only %d calls were cancelled", cancelled)
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Error("batches differ where calls were cancelled")
	}
}

// shortContext is canceled after Err has been called a number of times.
type shortContext struct {
	context.Context
	looks int
}

func (c *shortContext) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

func TestClosed(t *testing.T) {
	l, err := NewTraining(Text("x", "some text"), bytesTokenizer, Config{Batch: 1, Context: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Stream{l, Prefetch(l, 2)} {
		state, err := s.State()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Next(t.Context()); err != errClosed {
			t.Errorf("Next: %v", err)
		}
		if err := s.Restore(state); err != errClosed {
			t.Errorf("Restore: %v", err)
		}
	}
}

// generated is text that is generated while it is read.
type generated struct{ pattern []byte }

func (g generated) ReadAt(p []byte, off int64) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], g.pattern[(off+int64(n))%int64(len(g.pattern)):])
	}
	return len(p), nil
}

func (generated) Close() error { return nil }

// TestMemory streams 200 MB that are never in memory as a whole: the heap must not be larger at the end than after the
// first block.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MB")
	}
	const size = 200 << 20
	g := generated{[]byte(longText(4, 1<<20))}
	src := NewSource("generated", Document{Name: "generated", Size: size, Open: func() (Content, error) { return g, nil }})
	c := Config{Batch: 64, Context: 1024, Buffer: 1 << 20}
	s := mustStream(t, training, src, bytesTokenizer, c)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var first int64
	n := size / c.Batch / c.Context
	for i := range n {
		if _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i%(n/10) == 0 {
			now := heap() - before
			if i == 0 {
				first = now
				// The block and its order take 4 MB, a batch 1 MB, and a piece 0.6 MB.
				if first > 8<<20 {
					t.Errorf("%d bytes in use after one batch, want at most 8 MB", first)
				}
			}
			if now > first+1<<20 {
				t.Errorf("%d bytes in use after batch %d, %d after the first", now, i, first)
			}
		}
	}
}

func BenchmarkNext(b *testing.B) {
	g := generated{[]byte(strings.Repeat("some plain words\nand lines, ", 40_000))}
	src := NewSource("generated", Document{Name: "generated", Size: 1 << 40, Open: func() (Content, error) { return g, nil }})
	for _, tok := range []tokenizer.Tokenizer{bytesTokenizer, charsOf(b, Text("pattern", string(g.pattern)))} {
		b.Run(tok.Name(), func(b *testing.B) {
			s := mustStream(b, training, src, tok, Config{Batch: 64, Context: 1024})
			b.SetBytes(64 * 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Next(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
