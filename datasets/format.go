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

// Records are the texts of one file of a format that [RegisterFormat] has made known. They are
// numbered from 0, and read in their order but for a start somewhere else: when a run goes on, or
// an epoch begins again.
type Records interface {
	// Text returns record n, valid until the next call; io.EOF after the last. An empty one is left
	// out. Of an error, others may follow that can be read.
	Text(n int64) ([]byte, error)
	Close() error
}

// formats are those from outside, by the ending of their files.
var formats = struct {
	sync.Mutex
	open map[string]func(path string) (Records, error)
	err  error
}{open: make(map[string]func(path string) (Records, error))}

// builtin are the endings that this package reads in a way of its own.
var builtin = []string{".jsonl", ".ndjson", ".json", ".parquet", ".bin", ".csv", ".tsv", ".gz", ".zst"}

// RegisterFormat makes files known whose names have an ending, as in ".fasta": wherever data is
// named, they are opened by open. Call it in an init function. Where an ending has a meaning already,
// or is none, nothing panics: whatever opens a file from then on gives the error.
func RegisterFormat(ending string, open func(path string) (Records, error)) {
	ending = strings.ToLower(ending)
	formats.Lock()
	defer formats.Unlock()
	switch {
	case open == nil:
		formats.err = fmt.Errorf("datasets: the registered format %q has no function that opens a file", ending)
	case ending != filepath.Ext(ending) || len(ending) < 2:
		formats.err = fmt.Errorf("datasets: a format is registered for %q, which is no ending of a file name; want one such as \".fasta\"", ending)
	case slices.Contains(builtin, ending), formats.open[ending] != nil:
		formats.err = fmt.Errorf("datasets: a format is registered for files that end in %s, which have one already", ending)
	default:
		formats.open[ending] = open
	}
}

// registered is the function that opens files of an ending, or nil.
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
	p, err := d.read() // now, not at the first batch, if it is no such file
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
				err = fmt.Errorf("%w, as are more before it than the file has bytes", err)
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

// text is a record that can be trained on. A panic of the format is an error of the record.
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
