package train

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// Damage describes the lines of a metrics file that are not valid, as left behind by a failing disk
// or by two writers at once. [Replay] returns it as an error after reporting all the other lines.
type Damage struct {
	Lines int    // number of lines that are damaged, or out of order
	Line  int    // the first of them, counting from 1
	Why   string // what is wrong with that line
}

func (d *Damage) Error() string {
	if d.Lines == 1 {
		return fmt.Sprintf("line %d: %s", d.Line, d.Why)
	}
	return fmt.Sprintf("%s damaged, the first is line %d: %s", plural.Of(d.Lines, "line"), d.Line, d.Why)
}

// add counts a line.
func (d *Damage) add(line int, why string) {
	if d.Lines++; d.Lines == 1 || line < d.Line {
		d.Line, d.Why = line, why
	}
}

// setAside copies a damaged file to a new file beside it, and returns that file's name. Copies of
// earlier damage are not overwritten.
func setAside(f *os.File) (name string, err error) {
	var aside *os.File
	for n := 1; aside == nil; n++ {
		name = f.Name() + ".damaged"
		if n > 1 {
			name += fmt.Sprint("-", n)
		}
		aside, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	_, err = io.Copy(aside, io.NewSectionReader(f, 0, math.MaxInt64))
	return filepath.Base(name), errors.Join(err, aside.Close())
}

// span is a range of a file.
type span struct{ begin, end int64 }

// keepSpans moves the given ranges of a file, which must be in order, to its beginning, and returns
// where they end.
func keepSpans(f *os.File, spans []span) (int64, error) {
	var at int64
	for _, s := range spans {
		if s.begin > at {
			part := io.NewSectionReader(f, s.begin, s.end-s.begin)
			if _, err := io.Copy(io.NewOffsetWriter(f, at), part); err != nil {
				return at, err
			}
		}
		at += s.end - s.begin
	}
	return at, nil
}
