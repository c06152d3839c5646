package generate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
)

// alike returns requests whose prompts begin with parts of one text.
func alike(n, context int) []generate.Request {
	all := requests(n, context)
	random := rand.New(rand.NewPCG(3, 4))
	text := make([]int, context)
	for i := range text {
		text[i] = random.IntN(61)
	}
	for i := range all {
		if r := &all[i]; i%4 != 0 {
			n := min(len(r.Prompt), random.IntN(context))
			copy(r.Prompt[:n], text)
			r.Tokens = min(r.Tokens, 1+random.IntN(context))
		}
	}
	return all
}

// TestPrefixes: a request's tokens and log-probabilities are the same, bit for bit, whether its prompt runs whole or in
// pieces, alone or among others, and however much is cached of sequences that begin like it: everything, or so little
// that blocks are evicted all the time.
func TestPrefixes(t *testing.T) {
	const length = 100
	count := 120
	if testing.Short() {
		count = 24
	}
	for name, m := range map[string]generate.Model{"dense": small(length), "banded": banded(length)} {
		all := alike(count, length)
		alone := newEngine(t, m, generate.EngineConfig{Context: length, Slots: 1, Seamless: true})
		want := make([][]generate.Token, len(all))
		for i, r := range all {
			var err error
			if want[i], err = gather(alone, t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []generate.EngineConfig{
			{Slots: 1, Prefixes: 1 << 24},
			{Slots: 1, Piece: 16, Prefixes: 1 << 24},
			{Slots: 3, Piece: 8, Prefixes: 1 << 24},
			{Slots: 9, Piece: 32, Prefixes: 80_000},
			{Slots: 4, Piece: 16, Prefixes: 20_000},
		} {
			c.Context, c.Seamless = length, true
			t.Run(fmt.Sprintf("%s, %d slots, pieces of %d, %d bytes", name, c.Slots, c.Piece, c.Prefixes), func(t *testing.T) {
				e := newEngine(t, m, c)
				var wait sync.WaitGroup
				for i, r := range all {
					wait.Go(func() {
						got, err := gather(e, t.Context(), r)
						if err != nil {
							t.Errorf("request %d: %v", i, err)
						} else if !slices.EqualFunc(got, want[i], sameToken) {
							t.Errorf("request %d: %d tokens, want %d; or others", i, len(got), len(want[i]))
						}
					})
					if i%4 == 0 {
						wait.Go(func() {
							if err := leave(e, t.Context(), r, i%7); err != nil {
								t.Error(err)
							}
						})
					}
				}
				wait.Wait()
				u := e.Prefixes()
				if u.Bytes > u.Most || u.Most > c.Prefixes || u.Found > u.Asked || u.Bytes == 0 {
					t.Errorf("%+v with %d bytes", u, c.Prefixes)
				}
				if c.Prefixes == 1<<24 && u.Found == 0 {
					t.Errorf("nothing was found: %+v", u)
				}
			})
		}
	}
}

// TestPrefixOnce: a prefix that several prompts share runs once, whether they come one after another or at the same
// time, as the usage shows. When a conversation is continued, only the tokens that were added are run.
func TestPrefixOnce(t *testing.T) {
	const length = 200
	e := newEngine(t, small(length), generate.EngineConfig{Context: length, Slots: 4, Piece: 32, Seamless: true, Prefixes: 1 << 24})
	prompt := make([]int, 130)
	for i := range prompt {
		prompt[i] = i % 61
	}
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			if _, err := gather(e, t.Context(), generate.Request{Prompt: append(slices.Clone(prompt), i, i, i), Tokens: 4}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if u := e.Prefixes(); u.Asked != 4*133 || u.Found != 3*128 {
		t.Errorf("four at once: %+v, want 3·128 tokens found", u)
	}
	tokens, err := gather(e, t.Context(), generate.Request{Prompt: prompt, Tokens: 40})
	if err != nil {
		t.Fatal(err)
	}
	said := slices.Clone(prompt)
	for _, token := range tokens {
		said = append(said, token.ID)
	}
	q, err := e.Submit(t.Context(), generate.Request{Prompt: append(said, 5, 6, 7), Tokens: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range q.Tokens() {
		if err != nil {
			t.Fatal(err)
		}
	}
	if u := q.Usage(); u.Cached != 160 || u.Prompt != 173 { // 169 tokens have run, all but the last, in blocks of 16
		t.Errorf("a conversation that goes on: %+v, want 160 tokens of 173 that had run", u)
	}
}

// TestPrefixesRefused: prefixes need Seamless, without which a token's bits would depend on whether its prefix was found.
func TestPrefixesRefused(t *testing.T) {
	for want, c := range map[string]generate.EngineConfig{
		"needs Seamless":      {Context: 8, Slots: 1, Prefixes: 1},
		"-1 bytes for prefix": {Context: 8, Slots: 1, Prefixes: -1, Seamless: true},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want …%s…", c, err, want)
		}
	}
}
