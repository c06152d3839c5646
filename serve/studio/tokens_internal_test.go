package studio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestAlign: tokens whose text differs from the original are located in it by matching characters.
func TestAlign(t *testing.T) {
	for _, c := range []struct {
		text   string
		pieces []string
		want   []string // parts of the text
	}{
		{"Hello  World!", []string{"hel", "lo ", "world", "!"}, []string{"Hel", "lo", "  World", "!"}},
		{"A \U0001d532 B", []string{"a ", "?", "b "}, []string{"A", "", " \U0001d532 B"}}, // an unknown token
		{"a b", []string{"", "a", "b", "<end>"}, []string{"", "a", " b", ""}},
		{"", []string{"x"}, []string{""}},
	} {
		var pieces [][]byte
		for _, p := range c.pieces {
			pieces = append(pieces, []byte(p))
		}
		units := utf16.Encode([]rune(c.text))
		var got []string
		for _, r := range align(c.text, pieces) {
			got = append(got, string(utf16.Decode(units[r[0]:r[1]])))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%q in %q: %q, want %q", c.text, c.pieces, got, c.want)
		}
	}
}

// FuzzAlign: ranges are in order and within the text.
func FuzzAlign(f *testing.F) {
	f.Add("Hello  World!", "hel|lo |world|!")
	f.Add("\U0001d532\xff", "|\xff|x")
	f.Fuzz(func(t *testing.T, text, joined string) {
		var pieces [][]byte
		for _, p := range strings.Split(joined, "|") {
			pieces = append(pieces, []byte(p))
		}
		at, length := 0, len(utf16.Encode([]rune(text)))
		ranges := align(text, pieces)
		if len(ranges) != len(pieces) {
			t.Fatalf("%d ranges of %d tokens", len(ranges), len(pieces))
		}
		for i, r := range ranges {
			if r[0] != at || r[1] < r[0] || r[1] > length {
				t.Fatalf("token %d is at %v, after %d of %d", i, r, at, length)
			}
			at = r[1]
		}
	})
}

// FuzzConfusion: any file of predictions is either counted or a one-line error.
func FuzzConfusion(f *testing.F) {
	f.Add("line\ttruth\tpredicted\n1\tgood\tbad\n")
	f.Add("")
	f.Add("line\n\t\t\n\t\t\t")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "predictions.tsv")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		a, err := readConfusion(path)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatal(err)
			}
			return
		}
		sum := 0
		for _, n := range a.Counts {
			sum += n
		}
		if len(a.Labels) > 0 && sum != a.Total || a.Right+len(a.Some) > a.Total || len(a.Labels) > mostLabels {
			t.Fatalf("%+v", a)
		}
	})
}

// TestPlace: bytes of a character that is not completed are one U+FFFD, as in the text that the server streams, and belong to
// the token in which they begin.
func TestPlace(t *testing.T) {
	s := spelled{}
	s.place([][]byte{[]byte("a"), {0xf0}, {0x9f}, []byte("z"), {0xff, 0xfe}, []byte("é")[:1], []byte("é")[1:]})
	if want := "a\ufffdz\ufffd\ufffdé"; s.text != want {
		t.Errorf("text %q, want %q", s.text, want)
	}
	if got, want := fmt.Sprint(s.ranges), "[[0 1] [1 2] [2 2] [2 3] [3 5] [5 6] [6 6]]"; got != want {
		t.Errorf("ranges %s, want %s", got, want)
	}
}
