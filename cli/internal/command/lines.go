package command

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// mostLine is the maximum length of a line of standard input in bytes. No context holds the tokens of a
// longer one, and a text of 300 MB in one line would take 5 GB.
const mostLine = 16 << 20

// Lines reads the lines of standard input, without their ends.
type Lines struct {
	r *bufio.Reader
	N int // number of the last line, from 1
}

// NewLines returns a reader of lines.
func NewLines(r io.Reader) *Lines { return &Lines{r: bufio.NewReader(r)} }

// Next returns the next line, or io.EOF after the last.
func (l *Lines) Next() (string, error) {
	var line []byte
	if l.N == 0 {
		plaintext.Skip(l.r)
	}
	for {
		part, err := l.r.ReadSlice('\n')
		if line = append(line, part...); len(line) > mostLine {
			return "", fmt.Errorf("standard input, line %d: a line of more than %d MB", l.N+1, mostLine>>20)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0:
			return "", io.EOF
		case err != nil && err != io.EOF:
			return "", fmt.Errorf("standard input: %w", err)
		}
		l.N++
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}
