package generate_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
)

// letters decodes each token as the byte of its id.
type letters struct{}

func (letters) AppendText(text []byte, ids []int) ([]byte, error) {
	for _, id := range ids {
		if id > 255 {
			return text, fmt.Errorf("no token %d", id)
		}
		text = append(text, byte(id))
	}
	return text, nil
}

// TestStopStrings: which of several stop strings ends a text depends neither on their order nor on the tokens: it is
// the one that is complete first, or the longest of those that end together. transformers' StopStringCriteria and vLLM
// stop there too, but vLLM cuts the text at the first one in its list.
func TestStopStrings(t *testing.T) {
	for _, c := range []struct {
		in    string
		stops []string
		want  string
	}{
		{"xabcy", []string{"bc", "ab", "abc"}, "x"},
		{"xabcd", []string{"bc", "abcd", "zz"}, "xa"}, // bc is complete before abcd
		{"xabcd", []string{"bcd", "abcd", "cd"}, "x"}, // all end together
		{"aaab", []string{"ab", "aab", "b"}, "a"},
		{"one\n\ntwo", []string{"\n", "\n\n", "two"}, "one"},
		{"one two", []string{"two", "o t", "e"}, "on"},
	} {
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			var stops []string
			for _, i := range order {
				stops = append(stops, c.stops[i])
			}
			for length := 1; length <= len(c.in); length++ {
				text := generate.NewText(parts{c.in, length}, stops...)
				given := ""
				for id := 0; id*length < len(c.in); id++ {
					piece, err := text.Add(id)
					if err != nil {
						t.Fatal(err)
					}
					given += piece
				}
				if given += text.Rest(); given != c.want || text.String() != c.want || !text.Stopped() {
					t.Errorf("%q in tokens of %d until %q: %q, want %q", c.in, length, stops, given, c.want)
				}
			}
		}
	}
}

// parts decodes token i as part i of a text.
type parts struct {
	text   string
	length int
}

func (p parts) AppendText(text []byte, ids []int) ([]byte, error) {
	for _, id := range ids {
		text = append(text, p.text[id*p.length:min(len(p.text), (id+1)*p.length)]...)
	}
	return text, nil
}

// sized is letters with a vocabulary size.
type sized struct{ letters }

func (sized) Size() int { return 128 }

// TestPaddingIsNoText: ids beyond the tokenizer's vocabulary have no text.
func TestPaddingIsNoText(t *testing.T) {
	text := generate.NewText(sized{})
	for _, id := range []int{'a', 128, 'b', 50303} {
		if _, err := text.Add(id); err != nil {
			t.Error(err)
		}
	}
	if text.String() != "ab" {
		t.Errorf("%q", text)
	}
}

// TestText: only text that can no longer change is returned, and a stop string ends the text.
func TestText(t *testing.T) {
	for _, c := range []struct {
		in    string
		stops []string
		want  []string // the text returned after each byte, and the rest at the end
	}{
		{"aé€😀\xffb", nil, []string{"a", "", "é", "", "", "€", "", "", "", "😀", "\xff", "b", ""}},
		{"ab\xe2\x82", nil, []string{"a", "b", "", "", "\xe2\x82"}},
		{"one two", []string{"tw"}, []string{"o", "n", "e", " ", "", "", "", ""}},
		{"aab", []string{"ab"}, []string{"", "a", "", ""}},
		{"xaay", []string{"aab"}, []string{"x", "", "", "aay", ""}},
		{"xaa", []string{"aab"}, []string{"x", "", "", "aa"}},
		{"a.b", []string{"", ".", "b"}, []string{"a", "", "", ""}},
		{"stop", []string{"never"}, []string{"s", "t", "o", "p", ""}},
		{"€x", []string{"€x"}, []string{"", "", "", "", ""}},
	} {
		text := generate.NewText(letters{}, c.stops...)
		var got []string
		whole := ""
		for _, b := range []byte(c.in) {
			piece, err := text.Add(int(b))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, piece)
			whole += piece
		}
		rest := text.Rest()
		got = append(got, rest)
		if !slices.Equal(got, c.want) || text.String() != whole+rest {
			t.Errorf("%q until %q: %q and %q as a whole, want %q", c.in, c.stops, got, text, c.want)
		}
	}
	if _, err := generate.NewText(letters{}).Add(256); err == nil {
		t.Error("a token that is none has a text")
	}
}
