package datasets

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/tokenizer"
)

var bytesTokenizer = tokenizer.Bytes()

func charsOf(t testing.TB, s *Source) tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.LearnChars(s.Texts())
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestCut(t *testing.T) {
	for text, want := range map[string]string{
		"one two":           "one",
		"one two ":          "one two",
		"one two \n\n ":     "one two",
		"one  two":          "one",
		" one":              " one", // nothing before the space
		"\n\n":              "\n\n",
		"one":               "one",
		"a\u00a0b":          "a",
		"a\u3000\u3000bcde": "a",
		"漢漢":                "漢漢",
		"漢\xe6\xbc":         "漢",
		"漢\xe6":             "漢",
		"é\xf0\x9f\x98":     "é",
		"a b\xe6\xbc":       "a",
		"\xe6\xbc":          "\xe6\xbc", // a piece is never empty
		"\x80\x80\x80\x80":  "\x80\x80\x80\x80",
		"x":                 "x",
	} {
		if got := text[:cut(nil, []byte(text))]; got != want {
			t.Errorf("%q is cut after %q, want %q", text, got, want)
		}
	}
}

// longText returns a text of words, long runs with and without white space, and characters of every width. It fills
// several pieces if size is large.
func longText(seed uint64, size int) string {
	rng := rand.New(rand.NewPCG(seed, 0))
	var b strings.Builder
	for b.Len() < size {
		switch rng.IntN(1000) {
		case 0:
			b.WriteString(strings.Repeat("漢é", 20_000)) // no white space for more than a piece
		case 1:
			b.WriteString(strings.Repeat(" \n\u3000", 1000))
		default:
			b.WriteString([]string{"word", "é", "\U0001f600", " ", "\n\n", "\t", "don't"}[rng.IntN(7)])
		}
	}
	return b.String()
}

// TestPieces reads documents of many sizes in pieces: the ids must be those of the whole text, and pieces must end where
// they should.
func TestPieces(t *testing.T) {
	text := longText(1, 600_000)
	docs := []string{text, "x", text[:pieceSize], text[:2*pieceSize+1], strings.Repeat("é", pieceSize), "yz"}
	for i, d := range docs {
		docs[i] = strings.ToValidUTF8(d, "")
	}
	s := Text("long", docs...)
	for _, tok := range []tokenizer.Tokenizer{bytesTokenizer, charsOf(t, s)} {
		var want []int
		for _, d := range docs {
			var err error
			if want, err = tok.Append(want, []byte(d)); err != nil {
				t.Fatal(err)
			}
			if end, ok := tok.EndOfText(); ok {
				want = append(want, end)
			}
		}
		for _, n := range []int{1 << 30, 777} {
			r := reader{docs: s.docs, tok: tok}
			var got []int
			for {
				ids, err := r.take(t.Context(), n)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(ids) > n {
					t.Fatalf("%d ids, want at most %d", len(ids), n)
				}
				got = append(got, ids...)
				if p := r.next; p.Offset > 0 && n == 1<<30 {
					before, after := docs[p.Doc][:p.Offset], docs[p.Doc][p.Offset:]
					a, _ := utf8.DecodeLastRuneInString(before)
					b, _ := utf8.DecodeRuneInString(after)
					if a == utf8.RuneError || b == utf8.RuneError {
						t.Errorf("cut inside a character at %v", p)
					}
					piece := before[r.current.Offset:]
					if spaced := strings.ContainsFunc(strings.TrimLeftFunc(piece, unicode.IsSpace), unicode.IsSpace); spaced && (unicode.IsSpace(a) || !unicode.IsSpace(b)) {
						t.Errorf("cut between %q and %q at %v, though there is white space", a, b, p)
					}
				}
			}
			if err := r.close(); err != nil {
				t.Error(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: %d ids differ from the %d of the whole text", tok.Name(), n, len(got), len(want))
			}
		}
	}
}

// TestReaderSeek seeks the positions of many tokens and reads on from there.
func TestReaderSeek(t *testing.T) {
	s := Text("long", longText(2, 200_000), "x", "yz", longText(3, 70_000))
	order := []int{1, 3, 0, 2}
	r := reader{docs: s.docs, tok: bytesTokenizer}
	defer r.close()
	type place struct {
		at int
		p  position
	}
	var all []int
	var places []place
	r.seek(position{}, order)
	rng := rand.New(rand.NewPCG(1, 2))
	for {
		ids, err := r.take(t.Context(), 1+rng.IntN(3000))
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
		places = append(places, place{len(all) - 1, r.before(1)})
	}
	if want := s.Size() + 4; int64(len(all)) != want {
		t.Fatalf("%d ids, want %d", len(all), want)
	}
	for _, pl := range places {
		// Also skip to a token that is further on, in another piece.
		for _, further := range []int{0, 5, 100_000} {
			p := pl.p
			p.Skip += further
			r.seek(p, order)
			ids, err := r.take(t.Context(), 100)
			if pl.at+further >= len(all) {
				if err != io.EOF {
					t.Fatalf("%+v: %v, want EOF", p, err)
				}
				continue
			}
			if err != nil || !slices.Equal(ids, all[pl.at+further:][:len(ids)]) {
				t.Fatalf("%+v: other ids, %v", p, err)
			}
		}
	}
}

func TestReaderCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := reader{docs: Text("x", "text").docs, tok: bytesTokenizer}
	if _, err := r.take(ctx, 1); err != context.Canceled {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
