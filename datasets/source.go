package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// A Source is a list of documents, each of which is opened when it is read.
type Source struct {
	name string
	unit string // what String calls a document
	docs []Document
	size int64

	faults *faults        // nil if there can be none
	left   map[string]int // number of files left out, by kind
}

// A Document is one text of a Source.
type Document struct {
	// Name identifies the document within its source: for a file, it is the
	// path in the folder. Split decides by it.
	Name string

	// Size is the length in bytes.
	Size int64

	// Open opens the text, Size bytes from offset 0. It may be called any
	// number of times; each Content is closed after use.
	Open func() (Content, error)

	path  string // for errors; Name is used if empty
	split bool   // assigned by Split, which may depend on the sizes of all documents
	start int64  // offset in Open's Content of the document's first byte

	cutting     *cutting // in a Section: a part of this document, whose bounds are found when it is read
	from, until int64    // byte range of the lines of a part; to the end if until is 0

	format *recordFormat // of a file that is not plain text; Open's Content is then raw
	share  *share        // which of its texts to read; all if nil
	faults *faults
}

// Content is the text of a Document, read at any offset; an *os.File is one.
type Content interface {
	io.ReaderAt
	io.Closer
}

// NewSource returns a source of these documents, without those of size 0.
// The name is used in messages only.
func NewSource(name string, docs ...Document) *Source {
	return newSource(name, "document", docs)
}

func newSource(name, unit string, docs []Document) *Source {
	s := &Source{name: name, unit: unit}
	for _, d := range docs {
		if d.Size > 0 {
			s.docs = append(s.docs, d)
			s.size += d.Size
		}
	}
	return s
}

// Text returns a source of texts in memory, each a document.
func Text(name string, texts ...string) *Source {
	docs := make([]Document, len(texts))
	for i, text := range texts {
		docs[i] = Document{
			Name: fmt.Sprintf("%s[%d]", name, i),
			Size: int64(len(text)),
			Open: func() (Content, error) { return memory{strings.NewReader(text)}, nil },
		}
	}
	return NewSource(name, docs...)
}

// memory is Content that need not be closed.
type memory struct{ io.ReaderAt }

func (memory) Close() error { return nil }

// Name returns the name of the source: its path, or "Go 1.26.8 standard library".
func (s *Source) Name() string { return s.name }

// Documents returns the documents in order. The caller must not modify the
// slice.
func (s *Source) Documents() []Document { return s.docs }

// Size returns the length of all documents in bytes.
func (s *Source) Size() int64 { return s.size }

// About returns the size of the source as String formats it. Where Split has divided the
// texts of a file, the size is known only once they are read, and About returns an
// estimate: "about 1.2 kB".
func (s *Source) About() string {
	size, about := 0.0, ""
	for _, d := range s.docs {
		switch {
		case d.share == nil:
			size += float64(d.Size)
			continue
		case d.share.validation:
			size += d.share.fraction * float64(d.Size)
		default:
			size += (1 - d.share.fraction) * float64(d.Size)
		}
		about = "about "
	}
	return about + byteSize(int64(size))
}

// LeftOut says how many files of a folder or glob are not part of the source, by kind, as in
// "2 binary, 1 tabular"; it is empty if there are none. Hidden and empty files are not counted.
func (s *Source) LeftOut() string {
	told := maps.Clone(s.left)
	delete(told, "hidden")
	delete(told, "empty")
	return listed(told)
}

// String returns the name, the number of documents, the size and what was left out, as in
// "Go 1.26.8 standard library: 3,214 files, 47.1 MB" and "texts: 3 files, 1.2 kB (left out: 2 binary)".
func (s *Source) String() string {
	unit := s.unit
	if len(s.docs) != 1 {
		unit += "s"
	}
	text := fmt.Sprintf("%s: %s %s, %s", s.name, plural.Thousands(len(s.docs)), unit, byteSize(s.size))
	if left := s.LeftOut(); left != "" {
		text += " (left out: " + left + ")"
	}
	return text
}

// records reports whether the source has files that are not plain text.
func (s *Source) records() bool {
	return slices.ContainsFunc(s.docs, func(d Document) bool { return d.format != nil })
}

// Fields reports whether a document has its texts in a field or a column, which [Field] names.
func (s *Source) Fields() bool {
	return slices.ContainsFunc(s.docs, func(d Document) bool { return d.format != nil && d.format.field != "" })
}

// Texts yields the name of each document, as used in errors, and its text. For a
// file that holds many texts, it yields each of them. It is the input of
// tokenizer.LearnChars. Token shards have no text: their reader fails.
func (s *Source) Texts() iter.Seq2[string, io.Reader] {
	return func(yield func(string, io.Reader) bool) {
		for _, d := range s.docs {
			goesOn := false
			if d.cutting != nil {
				var err error
				if d, goesOn, err = d.cutting.exact(); err != nil {
					yield("", failing{err})
					return
				}
				if d.Size == 0 {
					continue
				}
			}
			if d.format != nil {
				if !d.records(yield) {
					return
				}
				continue
			}
			r := &textReader{doc: d}
			name := d.where()
			if d.start > 0 {
				name = fmt.Sprintf("%s from byte %d", name, d.start)
			}
			text := io.Reader(r)
			if goesOn {
				text = unfinished{r}
			}
			more := yield(name, text)
			r.close()
			if !more {
				return
			}
		}
	}
}

// records yields the texts of a file that holds many, and reports whether to continue.
func (d *Document) records(yield func(string, io.Reader) bool) bool {
	if !d.format.text {
		return yield(d.where(), failing{errors.New("the file holds tokens, not text")})
	}
	p, err := d.read()
	if err != nil {
		return yield("", failing{err}) // the error names the file
	}
	defer p.Close()
	for offset := d.from; ; {
		next, err := p.piece(offset)
		if err == io.EOF {
			return true
		}
		if err != nil {
			return yield("", failing{err})
		}
		if !yield(d.where(), bytes.NewReader(next.text)) {
			return false
		}
		offset = next.next
	}
}

// failing is a reader that always fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// textReader reads a document from its start. The first Read opens it.
type textReader struct {
	doc     Document
	content Content
	offset  int64
}

// Read implements io.Reader.
func (r *textReader) Read(p []byte) (int, error) {
	if r.offset == r.doc.Size {
		return 0, io.EOF
	}
	if r.content == nil {
		c, err := r.doc.open()
		if err != nil {
			return 0, err
		}
		r.content = c
	}
	p = p[:min(int64(len(p)), r.doc.Size-r.offset)]
	err := r.doc.readAt(r.content, p, r.offset)
	if err != nil {
		return 0, err
	}
	r.offset += int64(len(p))
	return len(p), nil
}

func (r *textReader) close() {
	if r.content != nil {
		r.content.Close()
	}
}

// open calls Open, if there is one.
func (d *Document) open() (Content, error) {
	if d.Open == nil {
		return nil, errors.New("the document has no Open")
	}
	return d.Open()
}

// readAt fills p with the document's bytes from offset on.
func (d *Document) readAt(c Content, p []byte, offset int64) error {
	n, err := c.ReadAt(p, d.start+offset)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return fmt.Errorf("shorter than %d bytes: it was changed after it was opened", d.start+d.Size)
	}
	return err
}

// where names the document in an error.
func (d *Document) where() string {
	if d.path != "" {
		return d.path
	}
	return d.Name
}

// within reports whether there may be a piece at an offset. The length of the texts in a
// file that holds many is not known before they are read.
func (d *Document) within(offset int64) bool {
	return offset < d.Size || d.format != nil && d.format.text
}

// section returns the part of the document from byte from up to, not including, byte to.
func (d *Document) section(from, to int64) Document {
	part := *d
	part.start += from
	part.Size = to - from
	return part
}

// byteSize writes n bytes with a decimal unit.
func byteSize(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	x, unit := float64(n)/1e3, "kB"
	for _, next := range []string{"MB", "GB", "TB"} {
		if x < 999.95 { // prints as 1000.0 from there
			break
		}
		x, unit = x/1e3, next
	}
	return fmt.Sprintf("%.1f %s", x, unit)
}
