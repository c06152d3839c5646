package datasets

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/gorgpt/gorgpt/internal/parquetfile"
	"github.com/gorgpt/gorgpt/internal/plaintext"
	"github.com/gorgpt/gorgpt/store"
)

// rows reads the texts in a column of a Parquet file. Offsets count rows. Rows
// without a text are skipped.
type rows struct {
	doc    *Document
	file   store.File
	groups []parquet.RowGroup
	column int

	at     int64 // row of the next value
	group  int   // index in groups of the group of pages
	pages  parquet.Pages
	page   parquet.Page
	reader parquet.ValueReader
	values []parquet.Value // read from page and not yet returned
	buf    [64]parquet.Value
}

// openRows opens a Parquet file. The library panics on some damaged files.
func openRows(d *Document) (r pieces, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			r, err = nil, fmt.Errorf("%s: %w", d.path, recovered(panicked, nil))
		}
	}()
	f, err := store.Open(d.path)
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

func openParquet(f store.File, field string) (*parquet.File, int, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	p, err := parquetfile.Open(f, info.Size())
	if err != nil {
		return nil, 0, err
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

// column finds a column by its path joined by dots. A name may itself have dots, so the
// joined paths are compared.
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
	return parquet.LeafColumn{}, fmt.Errorf("no column %q; the file has %s", name, strings.Join(names[:min(len(names), 10)], ", "))
}

// recovered returns an error if the library panicked, otherwise err.
func recovered(panicked any, err error) error {
	if panicked != nil {
		return fmt.Errorf("damaged: %v", panicked)
	}
	return err
}

// piece implements pieces.
func (r *rows) piece(offset int64) (piece, error) {
	if r.pages == nil || r.at != offset {
		if err := r.seek(offset); err != nil {
			return piece{}, fmt.Errorf("%s: %w", r.where(offset), err)
		}
	}
	for {
		at := r.at
		text, err := r.next()
		_, one := errors.AsType[*badRecord](err)
		switch {
		case err == io.EOF:
			return piece{}, io.EOF
		case one:
			err = r.doc.faults.found(r.doc.path, at, fmt.Errorf("%s: %w", r.where(at), err))
		case err != nil:
			err = r.broken(err)
		}
		if err != nil {
			return piece{}, err
		}
		if len(text) > 0 && r.doc.share.has(text) {
			return piece{text: text, at: at, next: r.at, end: true}, nil
		}
	}
}

// broken handles an error after which the position in the row group cannot be trusted. If bad
// data is skipped, it moves to the first row of the next group; otherwise it returns the error.
func (r *rows) broken(err error) error {
	from, to := r.at, int64(0)
	for i, g := range r.groups {
		if to += g.NumRows(); i == r.group {
			break
		}
	}
	if to > from+1 {
		err = fmt.Errorf("%w; rows %d to %d cannot be read", err, from, to-1)
	}
	if err := r.doc.faults.found(r.doc.path, from, fmt.Errorf("%s: %w", r.where(from), err)); err != nil {
		return err
	}
	return r.seek(max(to, from+1))
}

// seek makes row the next one to read. Past the last row, pages is nil.
func (r *rows) seek(row int64) (err error) {
	defer func() { err = recovered(recover(), err) }()
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

// next returns the text of the next row, valid until the next call.
func (r *rows) next() (text []byte, err error) {
	defer func() { err = recovered(recover(), err) }()
	for len(r.values) == 0 {
		if r.reader == nil {
			if err := r.nextPage(); err != nil {
				return nil, err
			}
		}
		n, err := r.reader.ReadValues(r.buf[:])
		r.values = r.buf[:n]
		switch {
		case n == 0 && (err == nil || err == io.EOF):
			r.endPage()
		case n == 0:
			return nil, err
		}
	}
	text = r.values[0].ByteArray() // nil for a null
	r.values = r.values[1:]
	r.at++
	if len(text) > longestText {
		return nil, &badRecord{fmt.Errorf("the text is longer than %s", byteSize(int64(longestText)))}
	}
	if err := plaintext.Check(text); err != nil {
		return nil, &badRecord{err}
	}
	return text, nil
}

// nextPage advances to the next page, in the next group if the current one has no more.
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
