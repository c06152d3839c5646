package datasets

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// Records are the texts of one file in a format registered with [RegisterFormat]. They are
// numbered from 0 and read in order, except that reading may start at any record: when a run
// resumes, or when a new epoch begins.
type Records interface {
	// Text returns record n, valid until the next call, or io.EOF after the last. An empty record
	// is skipped. Records after one with an error may still be readable.
	Text(n int64) ([]byte, error)
	Close() error
}

// formats holds the registered formats by file extension.
var formats = struct {
	sync.Mutex
	open map[string]func(path string) (Records, error)
	err  error
}{open: make(map[string]func(path string) (Records, error))}

// builtin lists the extensions that this package handles itself.
var builtin = []string{".jsonl", ".ndjson", ".json", ".parquet", ".bin", ".csv", ".tsv", ".gz", ".zst"}

// RegisterFormat registers a format for files with an extension such as ".fasta": wherever data
// is named, open opens them. Call it in an init function. It does not panic: if the extension is
// not valid or has a format already, or open is nil, opening files fails with that error from then on.
func RegisterFormat(ending string, open func(path string) (Records, error)) {
	ending = strings.ToLower(ending)
	formats.Lock()
	defer formats.Unlock()
	switch {
	case open == nil:
		formats.err = fmt.Errorf("datasets: the registered format %q has no function that opens a file", ending)
	case ending != filepath.Ext(ending) || len(ending) < 2:
		formats.err = fmt.Errorf("datasets: a format is registered for %q, which is not a file name extension; want one such as \".fasta\"", ending)
	case slices.Contains(builtin, ending), formats.open[ending] != nil:
		formats.err = fmt.Errorf("datasets: a second format is registered for files that end in %s", ending)
	default:
		formats.open[ending] = open
	}
}

// registered returns the function that opens files with an extension, or nil.
func registered(ending string) (open func(path string) (Records, error), err error) {
	formats.Lock()
	defer formats.Unlock()
	return formats.open[ending], formats.err
}

// records reads a file of a registered format. Offsets count records.
type records struct {
	doc *Document
	Records
}

// records makes d a document of a registered format.
func (o opening) records(d *Document, ending string, open func(path string) (Records, error)) error {
	if ending != "" {
		return fmt.Errorf("%s: only plain text and JSON lines are read compressed; decompress it", d.path)
	}
	d.format = &recordFormat{text: true, open: func(d *Document) (pieces, error) {
		from, err := open(d.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.path, err)
		}
		return &records{d, from}, nil
	}}
	p, err := d.read() // a file of another format fails now, not at the first batch
	if err != nil {
		return err
	}
	return p.Close()
}

// piece implements pieces.
func (r *records) piece(offset int64) (piece, error) {
	for n := offset; ; n++ {
		text, err := r.text(n)
		if err == io.EOF {
			return piece{}, io.EOF
		}
		if err != nil {
			if n-offset > r.doc.Size {
				err = fmt.Errorf("%w, and so are more records before it than the file has bytes", err)
				return piece{}, fmt.Errorf("%s: %w", r.where(n), err)
			}
			if err := r.doc.faults.found(r.doc.path, n, fmt.Errorf("%s: %w", r.where(n), err)); err != nil {
				return piece{}, err
			}
			continue
		}
		if len(text) > 0 && r.doc.share.has(text) {
			return piece{text: text, at: n, next: n + 1, end: true}, nil
		}
	}
}

// text returns record n if it can be trained on. A panic in the format is an error of the record.
func (r *records) text(n int64) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			text, err = nil, fmt.Errorf("its format panicked: %v", p)
		}
	}()
	if text, err = r.Text(n); err != nil {
		return nil, err
	}
	if len(text) > longestText {
		return nil, fmt.Errorf("the text is longer than %s", byteSize(int64(longestText)))
	}
	return text, plaintext.Check(text)
}

// where implements pieces.
func (r *records) where(offset int64) string {
	return fmt.Sprintf("%s: record %d", r.doc.path, offset)
}
