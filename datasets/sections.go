package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// A Section is a part of a source: some of its documents, of which the first and the last may be partial.
type Section struct{ source *Source }

// Size returns the approximate length of a section in bytes, as stored on disk.
func (s Section) Size() int64 { return s.source.size }

// Texts yields the texts of a section as [Source.Texts] does. The reader of a text that continues in the next section
// is a [tokenizer.Unfinished].
func (s Section) Texts() iter.Seq2[string, io.Reader] { return s.source.Texts() }

// Sections divides a source into parts of about size bytes each, whose texts, one after another, encode as those
// of the source do. Many machines can share the work, since each of them finds the same sections. Plain texts and
// JSON lines are cut where tok allows it; a file of another format, or a compressed one, is in one section as
// a whole. The exact place of a cut is found when the text is read.
func Sections(src *Source, tok tokenizer.Tokenizer, size int64) []Section {
	var all []Section
	var docs []Document
	total := int64(0)
	end := func() {
		if len(docs) > 0 {
			s := newSource(src.name, src.unit, docs)
			s.faults = src.faults
			all = append(all, Section{s})
		}
		docs, total = nil, 0
	}
	for _, d := range src.docs {
		if total > 0 && total+d.Size > size {
			end()
		}
		if d.Size <= size || !d.divisible() {
			docs, total = append(docs, d), total+d.Size
			continue
		}
		for from := int64(0); from < d.Size; from += size {
			part := d
			part.Size = min(size, d.Size-from)
			part.cutting = &cutting{whole: d, tok: tok, size: size, from: from}
			docs = append(docs, part)
			if from+size < d.Size {
				end()
			}
		}
		total = docs[0].Size
	}
	end()
	return all
}

// divisible reports whether a part of the document can be read without the bytes before it.
func (d *Document) divisible() bool {
	if ending, _ := compression(d.path); ending != "" {
		return false
	}
	return d.format == nil || d.format.lines
}

// cutting is a part of a document: about size bytes from an offset that is a multiple of size.
type cutting struct {
	whole Document
	tok   tokenizer.Tokenizer
	size  int64
	from  int64
}

// exact returns the part of the document that the cutting stands for, which may be empty, and whether its last text
// continues after it.
func (c *cutting) exact() (part Document, goesOn bool, err error) {
	d := c.whole
	content, err := d.open()
	if err != nil {
		return d, false, err
	}
	defer content.Close()
	from, err := c.place(content, c.from)
	if err != nil {
		return d, false, fmt.Errorf("%s: %w", d.where(), err)
	}
	to := d.Size
	if c.from+c.size < d.Size {
		if to, err = c.place(content, c.from+c.size); err != nil {
			return d, false, fmt.Errorf("%s: %w", d.where(), err)
		}
	}
	if to < from {
		return d, false, fmt.Errorf("%s: %w", d.where(), errors.New("the tokenizer splits it inconsistently"))
	}
	if d.format != nil {
		d.from, d.until = from, to
		d.Size = to - from
		return d, false, nil
	}
	return d.section(from, to), to < d.Size, nil
}

// marginBytes is how far a cut must be from the start of the text examined, since an added token may be that long.
const marginBytes = 4 << 10

// place returns the last place at or before offset, a multiple of the size, where the document may be cut. If there
// is none nearby, it is the place of an earlier section.
func (c *cutting) place(content Content, offset int64) (int64, error) {
	d := &c.whole
	for ; offset > 0; offset -= c.size {
		for look := int64(pieceSize); ; look *= 2 {
			begin := max(0, offset-look)
			text := make([]byte, offset-begin)
			if err := d.readAt(content, text, begin); err != nil {
				return 0, err
			}
			if n := c.last(text, begin); n > 0 {
				return begin + n, nil
			}
			if begin == 0 || look >= min(longestPiece, c.size/2) {
				break
			}
		}
	}
	return 0, nil
}

// last returns the last place to cut in a text that begins at an offset of the document, 0 if there is none.
func (c *cutting) last(text []byte, begin int64) int64 {
	if c.whole.format != nil {
		return int64(bytes.LastIndexByte(text, '\n') + 1)
	}
	first := 0
	for begin > 0 && first < min(utf8.UTFMax, len(text)) && !utf8.RuneStart(text[first]) {
		first++
	}
	n := tokenizer.CutFor(c.tok, text[first:])
	if n == 0 || begin > 0 && n < min(marginBytes, len(text)/2) {
		return 0
	}
	return int64(first + n)
}

// unfinished is a text that continues in another section.
type unfinished struct{ *textReader }

// GoesOn implements tokenizer.Unfinished.
func (unfinished) GoesOn() bool { return true }

var _ tokenizer.Unfinished = unfinished{}
