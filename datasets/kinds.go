package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/internal/filekind"
	"github.com/gorgpt/gorgpt/internal/plaintext"
)

// notText is the error for a file that holds no text in a supported format. If the file is
// left out of a folder, it is counted by its class.
type notText struct {
	class string // as in "2 tabular"
	err   error
}

func (n *notText) Error() string { return n.err.Error() }
func (n *notText) Unwrap() error { return n.err }

// binary reports whether nothing more is known of the file. If it is named, it is read as it is.
func (n *notText) binary() bool { return n.class == "binary" }

// document returns the document of a file, judged by its name and its first bytes. asked says that
// the file was asked for by that name, not found in a folder. If it has no text that can be read, the
// error is a *notText.
func (o opening) document(name, path string, size int64, asked bool) (Document, error) {
	ending, rest := compression(path)
	d := fileDocument(name, path, size)
	d.faults = o.faults
	var err error
	switch strings.ToLower(filepath.Ext(rest)) {
	case ".csv", ".tsv":
		return d, &notText{"tabular", fmt.Errorf("%s: a table, not text: convert it to JSON lines, with the text in the field %q (pandas: to_json(…, orient=\"records\", lines=True)); gorgpt finetune reads tables as they are", path, o.field)}
	case ".jsonl", ".ndjson":
		err = o.lines(&d)
	case ".json":
		err = o.json(&d, asked)
	case ".parquet":
		err = o.parquet(&d, ending)
	case ".bin":
		return o.shard(d, ending, asked)
	default:
		var open func(string) (Records, error)
		if open, err = registered(strings.ToLower(filepath.Ext(rest))); err != nil {
			return d, err
		}
		if open == nil {
			return o.plain(d, ending, asked)
		}
		err = o.records(&d, ending, open)
	}
	return d, err
}

// lines makes d a document of JSON lines.
func (o opening) lines(d *Document) error {
	d.format = &recordFormat{open: openLines, field: o.field, text: true, lines: true}
	in, err := decompress(d.path, nil)
	if kind, ok := errors.AsType[filekind.Kind](err); ok {
		return &notText{kind.Class, fmt.Errorf("%s: %w", d.path, kind)}
	}
	if _, named := errors.AsType[*fs.PathError](err); named {
		return err
	}
	if err != nil { // recurs when the file is read, and is skipped there if SkipBad is set
		return d.faults.found(d.path, 0, fmt.Errorf("%s:1: %w", d.path, err))
	}
	defer in.Close()
	head, _ := headOf(in) // an error recurs when the file is read
	if kind, ok := filekind.Of(head); ok {
		return &notText{kind.Class, fmt.Errorf("%s: %w", d.path, kind)}
	}
	return nil
}

// json makes d a document of JSON lines if its first line is a record. Other .json files
// hold one value each, such as a configuration.
func (o opening) json(d *Document, asked bool) error {
	if err := o.lines(d); err != nil {
		return err
	}
	first := *d
	first.faults = nil
	p, err := first.read()
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = p.piece(0)
	_, syntax := errors.AsType[*notRecord](err)
	if err == nil || err == io.EOF || asked && !syntax {
		return nil // a bad record, if any, is reported when it is read
	}
	return &notText{"other JSON", fmt.Errorf("%w; a JSON file must have one object per line, with the text in the field %q; jq -c '.[]' converts a list", err, o.field)}
}

// parquet makes d a document of the rows of a Parquet file.
func (o opening) parquet(d *Document, ending string) error {
	if ending != "" {
		return fmt.Errorf("%s: Parquet is compressed inside; decompress the file itself", d.path)
	}
	d.format = &recordFormat{open: openRows, field: o.field, text: true}
	p, err := d.read() // a missing column is reported now, not at the first batch
	if kind, ok := errors.AsType[filekind.Kind](err); ok {
		return &notText{kind.Class, err}
	}
	if err != nil {
		return err
	}
	return p.Close()
}

// plain returns the document of a plain text, without its byte-order mark. A file whose first
// bytes show it to be something else is not read as text.
func (o opening) plain(d Document, ending string, asked bool) (Document, error) {
	in, err := decompress(d.path, nil)
	if kind, ok := errors.AsType[filekind.Kind](err); ok {
		return d, &notText{kind.Class, fmt.Errorf("%s: %w", d.path, kind)}
	}
	if _, named := errors.AsType[*fs.PathError](err); named {
		return d, err
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", d.path, err)
	}
	defer in.Close()
	head, err := headOf(in)
	if err != nil && ending == "" {
		return d, fmt.Errorf("%s: %w", d.path, err)
	}
	if kind, ok := filekind.Of(head); ok {
		return d, &notText{kind.Class, fmt.Errorf("%s: %w", d.path, kind)}
	}
	binary := bytes.IndexByte(head, 0) >= 0 // as in Git
	if binary && !asked {
		return d, &notText{"binary", fmt.Errorf("%s: binary", d.path)}
	}
	if ending != "" {
		if d, err = compressedText(d.Name, d.path, o.faults); err != nil {
			return d, err
		}
	}
	if mark := int64(len(plaintext.Mark)); bytes.HasPrefix(head, []byte(plaintext.Mark)) {
		d.start, d.Size = mark, d.Size-mark
	}
	if binary {
		err = &notText{"binary", fmt.Errorf("%s: binary", d.path)}
	}
	return d, err
}

// headBytes is how many bytes of a file are examined to determine its kind.
const headBytes = 8 << 10

// headOf reads the first headBytes bytes of r, or all of them if there are fewer.
func headOf(r io.Reader) ([]byte, error) {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}
