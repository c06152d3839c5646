package datasets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gorgpt/gorgpt/store"
)

// Open returns the text that spec names:
//
//   - "go": the Go standard library's source, from the toolchain of this
//     machine (./go for a file or folder of that name)
//   - a file, as one document
//   - a folder: all files in it and its subfolders, each a document, except files that
//     are hidden (".git"), empty or binary (a NUL in the first 8 KiB), that belong to the
//     directory of a run or a model, or that are not text by the rules below
//   - a glob as in path/filepath.Match ("texts/*.txt"), in which ** stands for any
//     number of folders: the files and folders that match it, read as above
//   - any of these in an object store, by URL (s3://bucket/texts/*.jsonl); see package store
//
// A file's extension says what it holds. In files that hold many texts, each text is a
// document, in the order of the file:
//
//   - .jsonl, .ndjson, .json: one JSON object a line, with the text in the field "text"
//     (see [Field])
//   - .parquet: one text a row, in the column of that name
//   - .bin: tokens of llm.c or nanoGPT, mapped into memory; the tokenizer must be
//     the one they were made with
//   - .gz, .zst after .jsonl, .ndjson, .json or the extension of a plain text: the same, compressed
//   - an extension registered with [RegisterFormat]: the format's records
//
// All other files are plain text, without a byte-order mark if there is one. Tables (.csv,
// .tsv), UTF-16 text, archives, files compressed in other ways and Git LFS pointers are an
// error with advice if they are named, and are left out of folders. If a folder has token
// shards, everything else in it is left out. [Source.LeftOut] counts the files left out.
//
// If there is no text, the error says what was found instead.
func Open(spec string, options ...Option) (*Source, error) {
	o := opening{field: "text", faults: new(faults)}
	for _, option := range options {
		option(&o)
	}
	s, err := o.open(spec)
	if err != nil {
		return nil, err
	}
	s.faults = o.faults
	return s, nil
}

// An Option says how Open reads files.
type Option func(*opening)

// Field names the field of JSON lines, or the column of Parquet files, that holds the
// text; parts of a nested column's name are joined by dots.
func Field(name string) Option { return func(o *opening) { o.field = name } }

// SkipBad skips what cannot be read, such as a bad line or the missing end of a
// truncated compressed file, and counts it; see [Source.Skipped]. Without SkipBad,
// bad data is an error that names the file and the line.
func SkipBad() Option { return func(o *opening) { o.faults.skip = true } }

// opening holds the options of Open.
type opening struct {
	field  string
	faults *faults
}

func (o opening) open(spec string) (*Source, error) {
	switch spec {
	case "":
		return nil, errors.New(`no data: want a file, a folder, a glob or "go"`)
	case "go":
		return goSource()
	}
	spec, err := store.Local(spec)
	if err != nil {
		return nil, err
	}
	if store.IsURL(spec) {
		return o.openURL(spec)
	}
	info, err := os.Stat(spec)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if strings.ContainsAny(spec, "*?[") {
			return o.openGlob(spec)
		}
		return nil, fmt.Errorf("%s: no such file or folder", spec)
	case err != nil:
		return nil, err
	case info.IsDir():
		return o.openFolder(spec)
	}
	return o.openFile(spec, info)
}

func (o opening) openFile(name string, info fs.FileInfo) (*Source, error) {
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file or a folder: text must be readable more than once", name)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	d, err := o.document(store.Base(name), name, info.Size(), true)
	if no, ok := errors.AsType[*notText](err); ok && no.binary() {
		err = nil // named explicitly, so it is wanted
	}
	if err != nil {
		return nil, err
	}
	if d.Size == 0 {
		return nil, fmt.Errorf("%s: the file has no content", name)
	}
	return newSource(name, "file", []Document{d}), nil
}

func fileDocument(name, path string, size int64) Document {
	return Document{
		Name: name,
		Size: size,
		Open: func() (Content, error) { return store.Open(path) },
		path: path,
	}
}

func (o opening) openFolder(root string) (*Source, error) {
	if what := notData(root); what != "" {
		return nil, noTextIn(root, what)
	}
	c := collection{opening: o}
	if err := c.addFolder(root, "", everything); err != nil {
		return nil, err
	}
	return c.source(root, "this folder")
}

// noTextIn is the error for a folder that is known to hold no text; see notData.
func noTextIn(root, what string) error {
	whole := map[string]string{"run": "the directory of a run", "model": "a model"}
	return fmt.Errorf("%s: this is %s, which has no text to read; to read a file in it, name the file", root, whole[what])
}

func (o opening) openGlob(pattern string) (*Source, error) {
	matches, err := glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("%s: no file matches", pattern)
	}
	root := filepath.Dir(pattern[:strings.IndexAny(pattern, "*?[")] + "x")
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	ending := filepath.Ext(pattern)
	c := collection{opening: o}
	runs := map[string]bool{}
	for _, path := range matches {
		if dir, what := within(root, path); what != "" {
			if !runs[dir] {
				c.leave(what)
			}
			runs[dir] = true
			continue
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(filepath.Base(path), ".") && !hidden {
			c.leave("hidden")
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			err = c.addFolder(path, filepath.ToSlash(name)+"/", everything)
		default:
			c.asked = ending != "" && ending == filepath.Ext(path) // the extension was named, not matched by a wildcard
			err = c.addFile(path, filepath.ToSlash(name), info)
			c.asked = false
		}
		if err != nil {
			return nil, err
		}
	}
	return c.source(pattern, "what it matches")
}
