package eval

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// piece is the size of the parts that a text is read in.
const piece = 1 << 20

// textFile is a text that is read again each time it is needed, so that neither the text nor its tokens
// need be kept.
type textFile struct {
	path string
	kept []byte // the text, if it cannot be read twice, as from a pipe; nil for a regular file
}

// openText returns a text and the settings that identify it.
func openText(path string) (textFile, Settings, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		data, settings, err := file(path)
		return textFile{path, data}, settings, err
	}
	settings, err := folder(path)
	return textFile{path: path}, settings, err
}

// open returns a reader of the whole text.
func (t textFile) open() (io.ReadCloser, error) {
	if t.kept != nil {
		return io.NopCloser(bytes.NewReader(t.kept)), nil
	}
	return plaintext.Open(t.path)
}

// tokens yields the tokens of the detokenized text in parts, which are valid until the next. The
// original text is written to seen.
func (t textFile) tokens(tok tokenizer.Tokenizer, d detokenizer, seen io.Writer) iter.Seq2[[]int, error] {
	return func(yield func([]int, error) bool) {
		f, err := t.open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		plain := &detokenized{lines: bufio.NewReaderSize(io.TeeReader(f, seen), piece), detokenizer: d}
		var ids []int
		for segments, err := range tokenizer.Batches(tok, func(yield func(string, io.Reader) bool) { yield("", plain) }, piece) {
			for _, part := range segments {
				if ids, err = tok.Append(ids[:0], part.Text); err != nil {
					break
				}
				if !yield(ids, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, t.failed(err, segments))
				return
			}
		}
	}
}

// failed adds the path to an error, and makes its offset one from the start of the text.
func (t textFile) failed(err error, segments []tokenizer.Segment) error {
	var bad *tokenizer.TextError
	if errors.As(err, &bad) && len(segments) > 0 {
		bad.Offset += segments[0].Offset
	}
	return fmt.Errorf("%s: %w", t.path, err)
}

// detokenized is a reader of a detokenized text. The detokenizer is applied line by line or to the whole text.
type detokenized struct {
	detokenizer
	lines *bufio.Reader
	rest  []byte // detokenized but not read yet
	err   error
}

// Read implements io.Reader.
func (d *detokenized) Read(p []byte) (int, error) {
	if d.name == "none" {
		return d.lines.Read(p)
	}
	for len(d.rest) == 0 && d.err == nil {
		var text []byte
		if d.byLine {
			text, d.err = d.lines.ReadBytes('\n')
		} else if text, d.err = io.ReadAll(d.lines); d.err == nil {
			d.err = io.EOF
		}
		d.rest = []byte(d.apply(string(text)))
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}
