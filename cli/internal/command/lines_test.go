package command

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestLines: lines have no line ends, with or without one after the last; a line longer than the limit
// is an error that names it, before all of it is read.
func TestLines(t *testing.T) {
	l := NewLines(strings.NewReader("one\r\n\n" + strings.Repeat("x", 10000) + "\nlast"))
	var got []string
	for {
		line, err := l.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if want := []string{"one", "", strings.Repeat("x", 10000), "last"}; !slices.Equal(got, want) || l.N != 4 {
		t.Errorf("%d lines: %.40q", l.N, got)
	}

	text := append(append(bytes.Repeat([]byte("y"), mostLine-1), '\n'), bytes.Repeat([]byte("z"), 3*mostLine)...)
	in := bytes.NewReader(text)
	l = NewLines(in)
	if line, err := l.Next(); err != nil || len(line) != mostLine-1 {
		t.Errorf("the longest line: %d bytes, %v", len(line), err)
	}
	if _, err := l.Next(); err == nil || err.Error() != "standard input, line 2: a line of more than 16 MB" {
		t.Errorf("error %v", err)
	}
	if in.Len() < mostLine {
		t.Errorf("%d bytes are left of it", in.Len())
	}
	broken := errors.New("broken")
	if _, err := NewLines(io.MultiReader(strings.NewReader("a"), errReader{broken})).Next(); !errors.Is(err, broken) || err.Error() != "standard input: broken" {
		t.Errorf("error %v", err)
	}
}

// errReader is a reader that fails.
type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
