package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// mostLine bounds a line of standard input: no context holds its tokens, and a text that is all
// one line, as of 300 MB, would take 5 GB.
const mostLine = 16 << 20

// lines reads the lines of standard input, without their ends.
type lines struct {
	r *bufio.Reader
	n int // of the last line, from 1
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

// next returns the next line, or io.EOF after the last.
func (l *lines) next() (string, error) {
	var line []byte
	if l.n == 0 {
		plaintext.Skip(l.r)
	}
	for {
		part, err := l.r.ReadSlice('\n')
		if line = append(line, part...); len(line) > mostLine {
			return "", fmt.Errorf("standard input, line %d: a line of more than %d MB", l.n+1, mostLine>>20)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0:
			return "", io.EOF
		case err != nil && err != io.EOF:
			return "", fmt.Errorf("standard input: %w", err)
		}
		l.n++
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}
