package datasets

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/tokenizer"
)

func mustState(t testing.TB, s Stream) []byte {
	t.Helper()
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// rest returns up to n more batches of a stream.
func rest(t testing.TB, s Stream, n int) []Batch {
	t.Helper()
	var all []Batch
	for range n {
		b, err := s.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b.Tokens, b.Targets = slices.Clone(b.Tokens), slices.Clone(b.Targets)
		all = append(all, b)
	}
	return all
}

func equalBatches(a, b []Batch) bool {
	return slices.EqualFunc(a, b, func(x, y Batch) bool {
		return x.Size == y.Size && x.Context == y.Context && slices.Equal(x.Tokens, y.Tokens) && slices.Equal(x.Targets, y.Targets)
	})
}

// TestRestore stops after any number of batches, across several epochs and blocks, and continues in a new stream.
func TestRestore(t *testing.T) {
	src := Text("text", longText(1, 3000), "short", longText(2, 900), longText(3, 2000))
	for _, tok := range []tokenizer.Tokenizer{bytesTokenizer, charsOf(t, src)} {
		for _, c := range []struct {
			kind     kind
			anywhere bool
		}{{training, false}, {training, true}, {validation, false}} {
			k := c.kind
			for _, buffer := range []int{1, 200, 1 << 20} {
				for _, ahead := range []int{0, 1, 5} {
					open := func() Stream {
						s := mustStream(t, k, src, tok, Config{Batch: 7, Context: 30, Seed: 9, Buffer: buffer, Anywhere: c.anywhere})
						if ahead > 0 {
							s = Prefetch(s, ahead)
							t.Cleanup(func() { s.Close() })
						}
						return s
					}
					const n = 150
					want := rest(t, open(), n+10)
					s := open()
					other := open() // this stream is restored again and again
					for i := range n {
						state := mustState(t, s)
						if err := other.Restore(state); err != nil {
							t.Fatal(err)
						}
						if again := mustState(t, other); string(again) != string(state) {
							t.Fatalf("state %s\nrestored %s", state, again)
						}
						got := rest(t, other, 5)
						from := min(i, len(want))
						if !equalBatches(got, want[from:min(from+5, len(want))]) {
							t.Fatalf("%s %s, buffer %d, %d ahead: other batches after %d", tok.Name(), k, buffer, ahead, i)
						}
						rest(t, s, 1)
					}
					var end state
					if err := json.Unmarshal(mustState(t, s), &end); err != nil {
						t.Fatal(err)
					}
					if k == training && end.Epoch < 2 || k == validation && len(want) >= n {
						t.Fatalf("%s: %d batches end in epoch %d, want more epochs to be tested", k, len(want), end.Epoch)
					}
				}
			}
		}
	}
}

// TestRestoreLong restores a position deep in a document of many pieces and blocks.
func TestRestoreLong(t *testing.T) {
	src := Text("text", longText(5, 1_000_000))
	tok := charsOf(t, src)
	c := Config{Batch: 10, Context: 100, Seed: 2, Buffer: 20_000}
	s := mustStream(t, training, src, tok, c)
	for range 30 {
		rest(t, s, 23)
		state := mustState(t, s)
		if len(state) > 500 {
			t.Fatalf("state of %d bytes", len(state))
		}
		again := mustStream(t, training, src, tok, c)
		if err := again.Restore(state); err != nil {
			t.Fatal(err)
		}
		if !equalBatches(rest(t, again, 3), rest(t, s, 3)) {
			t.Fatalf("other batches after %s", state)
		}
	}
}

// TestRestoreReads: a restored stream must not read the epoch from its beginning.
func TestRestoreReads(t *testing.T) {
	text := longText(6, 3_000_000)
	read := 0
	src := NewSource("text", Document{Name: "text", Size: int64(len(text)), Open: func() (Content, error) {
		return memory{counter{strings.NewReader(text), &read}}, nil
	}})
	c := Config{Batch: 10, Context: 100, Buffer: 10_000}
	s := mustStream(t, training, src, bytesTokenizer, c)
	rest(t, s, 2500)
	state := mustState(t, s)
	again := mustStream(t, training, src, bytesTokenizer, c)
	read = 0
	if err := again.Restore(state); err != nil {
		t.Fatal(err)
	}
	if limit := 2*pieceSize + 10_000; read > limit {
		t.Errorf("%d bytes read to restore, want at most a block and its pieces, %d", read, limit)
	}
}

type counter struct {
	r io.ReaderAt
	n *int
}

func (c counter) ReadAt(p []byte, off int64) (int, error) {
	*c.n += len(p)
	return c.r.ReadAt(p, off)
}

// TestRestoreErrors: the state of anything else is refused, and the stream continues as if Restore had not been called.
func TestRestoreErrors(t *testing.T) {
	text, c := strings.Repeat("fifty bytes of text, with a line end at the end. \n", 100), Config{Batch: 3, Context: 16, Seed: 4}
	src := Text("text", text)
	open := func(k kind, s *Source, tok tokenizer.Tokenizer, c Config) Stream { return mustStream(t, k, s, tok, c) }
	after := func(s Stream) string { rest(t, s, 5); return string(mustState(t, s)) }
	good := after(open(training, src, bytesTokenizer, c))
	with := func(change func(*Config)) Config { d := c; change(&d); return d }
	// forge changes a good state and corrects its checksum.
	forge := func(change func(*state)) string {
		var s state
		if err := json.Unmarshal([]byte(good), &s); err != nil {
			t.Fatal(err)
		}
		change(&s)
		var err error
		if s.Check, err = s.check(); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	corpus := func(s *Source) string {
		print, err := printCorpus(s)
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	chars := charsOf(t, src)
	print := func(tok tokenizer.Tokenizer) string {
		print, err := printTokenizer(tok)
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	other := Text("text", text[:len(text)-1]+"!")
	for _, test := range []struct{ state, want string }{
		{"", "not a state: EOF"},
		{"garbage", "not a state: invalid character 'g' looking for beginning of value"},
		{"{}", `format "", want "gorgpt batches 1"`},
		{strings.Repeat(" ", 4097), "4097 bytes, want at most 4096"},
		{good + "x", "not a state: more bytes after it"},
		{good[:len(good)-1], "not a state: unexpected EOF"},
		{strings.Replace(good, `"taken":15`, `"taken":16`, 1), "damaged: the checksum does not match"},
		{strings.Replace(good, `"taken"`, `"token"`, 1), `not a state: json: unknown field "token"`},
		{after(open(validation, src, bytesTokenizer, c)), "kind is validation, this stream's is training"},
		{after(open(training, other, bytesTokenizer, c)), "corpus is " + corpus(other) + ", this stream's is " + corpus(src)},
		{after(open(training, src, chars, c)), "tokenizer is " + print(chars) + ", this stream's is " + print(bytesTokenizer)},
		{after(open(training, src, bytesTokenizer, with(func(c *Config) { c.Batch++ }))), "batch is 4, this stream's is 3"},
		{after(open(training, src, bytesTokenizer, with(func(c *Config) { c.Context++ }))), "context is 17, this stream's is 16"},
		{after(open(training, src, bytesTokenizer, with(func(c *Config) { c.Seed++ }))), "seed is 5, this stream's is 4"},
		{after(open(training, src, bytesTokenizer, with(func(c *Config) { c.Buffer = 100 }))), "buffer is 100, this stream's is 4194304"},
		{forge(func(s *state) { s.Epoch = -1 }), "no such place: document 0, offset 0, token 12, window 15 of epoch -1"},
		{forge(func(s *state) { s.Document = 1 }), "no such place: document 1, offset 0, token 12, window 15 of epoch 0"},
		{forge(func(s *state) { s.Offset = 5000 + 1<<40 }), "no such place: document 0, offset 1099511632776, token 12, window 15 of epoch 0"},
		{forge(func(s *state) { s.Skip = -1 }), "no such place: document 0, offset 0, token -1, window 15 of epoch 0"},
		{forge(func(s *state) { s.Taken = 1000 }), "1000 windows taken of a block of 311"}, // (5001-12-1)/16
		{forge(func(s *state) { s.Skip = 1 << 40 }), "15 windows taken of a block of 0"},
	} {
		plain := mustStream(t, training, src, bytesTokenizer, c)
		ahead := Prefetch(mustStream(t, training, src, bytesTokenizer, c), 3)
		for _, s := range []Stream{plain, ahead} {
			rest(t, s, 2)
			before := mustState(t, s)
			if err := s.Restore([]byte(test.state)); err == nil || err.Error() != "state of batches: "+test.want {
				t.Errorf("%.60s…\nerror %v\nwant  state of batches: %s", test.state, err, test.want)
			}
			if now := mustState(t, s); string(now) != string(before) {
				t.Errorf("%.60s…: the position changed from %s to %s", test.state, before, now)
			}
			if !equalBatches(rest(t, s, 1), rest(t, mustRestore(t, src, c, before), 1)) {
				t.Errorf("%.60s…: other batches after the error", test.state)
			}
		}
		if err := ahead.Close(); err != nil {
			t.Error(err)
		}
	}
}

func mustRestore(t testing.TB, src *Source, c Config, state []byte) Stream {
	t.Helper()
	s := mustStream(t, training, src, bytesTokenizer, c)
	if err := s.Restore(state); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPrints: a change that leads to different batches changes the fingerprint; any other change does not.
func TestPrints(t *testing.T) {
	text := longText(1, 500_000)
	of := func(s *Source) string {
		print, err := printCorpus(s)
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	one := of(Text("a", text, "some more"))
	if of(Text("b", text, "some more")) != one {
		t.Error("the print depends on names")
	}
	for what, s := range map[string]*Source{
		"order":    Text("a", "some more", text),
		"boundary": Text("a", text+"s", "ome more"),
		"length":   Text("a", text, "some more "),
		"start":    Text("a", "X"+text[1:], "some more"),
		"shift":    Text("a", text[1:]+"x", "some more"),
	} {
		if of(s) == one {
			t.Errorf("the print does not depend on the %s", what)
		}
	}
	// The fingerprint covers all of a small text.
	small := strings.Repeat("0123456789", 300)
	for i := range small {
		if of(Text("a", small)) == of(Text("a", small[:i]+"x"+small[i+1:])) {
			t.Fatalf("byte %d is not in the print", i)
		}
	}
	abc, abd := charsOf(t, Text("a", "abc")), charsOf(t, Text("a", "abd"))
	a, err1 := printTokenizer(abc)
	b, err2 := printTokenizer(abd)
	if err := errors.Join(err1, err2); err != nil || a == b {
		t.Errorf("prints %s, %s, %v: want different ones", a, b, err)
	}
}

// FuzzRestore: any bytes are either refused or restore a position from which batches can be read.
func FuzzRestore(f *testing.F) {
	src := Text("text", longText(1, 400), "more", longText(2, 300))
	c := Config{Batch: 2, Context: 8, Seed: 1, Buffer: 64}
	s, err := newLoader(src, bytesTokenizer, c, training)
	if err != nil {
		f.Fatal(err)
	}
	for range 100 {
		if _, err := s.Next(f.Context()); err != nil {
			f.Fatal(err)
		}
	}
	good := mustState(f, s)
	f.Add(good, int64(0), 0, 0)
	f.Add(good, int64(1), 3, 1)
	f.Add([]byte("{}"), int64(100), 1<<40, 2)
	f.Add([]byte(nil), int64(-1), -1, -1)
	f.Fuzz(func(t *testing.T, b []byte, offset int64, skip, taken int) {
		l, err := newLoader(src, bytesTokenizer, c, training)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		before := mustState(t, l)
		forged, err := l.at(cursor{taken & 3, position{taken & 1, offset, skip, 0}, taken, 0})
		if err != nil {
			t.Fatal(err)
		}
		withCheck, err := json.Marshal(forged)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range [][]byte{b, withCheck} {
			if err := l.Restore(state); err != nil {
				if after := mustState(t, l); string(after) != string(before) {
					t.Fatalf("%v, but the position is %s", err, after)
				}
			}
			batch, err := l.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Tokens) != 16 || len(batch.Targets) != 16 {
				t.Fatalf("batch of %d tokens", len(batch.Tokens))
			}
			before = mustState(t, l)
		}
	})
}
