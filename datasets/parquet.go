package datasets

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// rows reads the texts in a column of a Parquet file. Offsets count rows. Rows
// without a text are left out.
type rows struct {
	doc    *Document
	file   *os.File
	groups []parquet.RowGroup
	column int

	at     int64 // row of the next value
	group  int   // of pages, in groups
	pages  parquet.Pages
	page   parquet.Page
	reader parquet.ValueReader
	values []parquet.Value // read of the page
	buf    [64]parquet.Value
}

// openRows opens a Parquet file. The library panics on some damaged files.
func openRows(d *Document) (r pieces, err error) {
	defer func() { err = recovered(recover(), d.path, err) }()
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	p, column, err := openParquet(f, d.format.field)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", d.path, err)
	}
	return &rows{doc: d, file: f, groups: p.RowGroups(), column: column}, nil
}

func openParquet(f *os.File, field string) (*parquet.File, int, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	p, err := parquet.OpenFile(f, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, 0, fmt.Errorf("not a Parquet file: %w", err)
	}
	leaf, err := column(p.Schema(), field)
	if err != nil {
		return nil, 0, err
	}
	if kind := leaf.Node.Type().Kind(); kind != parquet.ByteArray || leaf.MaxRepetitionLevel > 0 {
		return nil, 0, fmt.Errorf("column %q holds %v, want one string a row", field, leaf.Node.Type())
	}
	return p, leaf.ColumnIndex, nil
}

// column finds a column by its path joined by dots. A name may have dots itself, so the
// paths are compared as they are written.
func column(schema *parquet.Schema, name string) (parquet.LeafColumn, error) {
	var names []string
	for _, path := range schema.Columns() {
		if joined := strings.Join(path, "."); joined != name {
			names = append(names, joined)
			continue
		}
		if leaf, ok := schema.Lookup(path...); ok {
			return leaf, nil
		}
	}
	return parquet.LeafColumn{}, fmt.Errorf("no column %q; there are: %s", name, strings.Join(names[:min(len(names), 10)], ", "))
}

// recovered is the error of a library that panicked, or err.
func recovered(panicked any, path string, err error) error {
	if panicked != nil {
		return fmt.Errorf("%s: damaged: %v", path, panicked)
	}
	return err
}

// piece implements pieces.
func (r *rows) piece(offset int64) (p piece, err error) {
	defer func() { err = recovered(recover(), r.where(r.at), err) }()
	if r.pages == nil || r.at != offset {
		if err := r.seek(offset); err != nil {
			return piece{}, err
		}
	}
	for {
		at := r.at
		v, err := r.next()
		if err == io.EOF {
			return piece{}, io.EOF
		}
		if err != nil {
			// What follows in the file cannot be trusted to be where it seems.
			if err := r.doc.faults.found(r.doc.path, at, fmt.Errorf("%s: %w", r.where(at), err)); err != nil {
				return piece{}, err
			}
			return piece{}, io.EOF
		}
		r.at++
		if v.IsNull() || len(v.ByteArray()) == 0 {
			continue
		}
		if text := v.ByteArray(); r.doc.share.has(text) {
			return piece{text: text, at: at, next: r.at, end: true}, nil
		}
	}
}

// seek makes row the next.
func (r *rows) seek(row int64) error {
	if err := r.release(); err != nil {
		return err
	}
	r.at = row
	for r.group = 0; r.group < len(r.groups); r.group++ {
		if n := r.groups[r.group].NumRows(); row >= n {
			row -= n
			continue
		}
		r.pages = r.groups[r.group].ColumnChunks()[r.column].Pages()
		return r.pages.SeekToRow(row)
	}
	return nil
}

// next returns the value of the next row, valid until the one after it.
func (r *rows) next() (parquet.Value, error) {
	for len(r.values) == 0 {
		if r.reader == nil {
			if err := r.nextPage(); err != nil {
				return parquet.Value{}, err
			}
		}
		n, err := r.reader.ReadValues(r.buf[:])
		r.values = r.buf[:n]
		switch {
		case n == 0 && (err == nil || err == io.EOF):
			r.endPage()
		case n == 0:
			return parquet.Value{}, err
		}
	}
	v := r.values[0]
	if len(v.ByteArray()) > longestText {
		return v, fmt.Errorf("the text is longer than %s", byteSize(longestText))
	}
	r.values = r.values[1:]
	return v, nil
}

// nextPage goes to the next page, of the next group after the last.
func (r *rows) nextPage() error {
	for r.group < len(r.groups) {
		if r.pages == nil {
			r.pages = r.groups[r.group].ColumnChunks()[r.column].Pages()
		}
		page, err := r.pages.ReadPage()
		if err == nil {
			r.page, r.reader = page, page.Values()
			return nil
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		if err := r.pages.Close(); err != nil {
			return err
		}
		r.pages = nil
		r.group++
	}
	return io.EOF
}

func (r *rows) endPage() {
	if r.page != nil {
		parquet.Release(r.page)
	}
	r.page, r.reader, r.values = nil, nil, nil
}

func (r *rows) release() error {
	r.endPage()
	if r.pages == nil {
		return nil
	}
	err := r.pages.Close()
	r.pages = nil
	return err
}

// where implements pieces.
func (r *rows) where(offset int64) string { return fmt.Sprintf("%s: row %d", r.doc.path, offset) }

// Close implements pieces.
func (r *rows) Close() error { return errors.Join(r.release(), r.file.Close()) }
