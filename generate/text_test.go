package generate_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/generate"
)

// letters decodes a token as the byte it is.
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

// TestText: nothing comes out that may change, and a stop string ends the text.
func TestText(t *testing.T) {
	for _, c := range []struct {
		in    string
		stops []string
		want  []string // what each byte brings, and the rest
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
