package datasets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Open returns the text that spec names:
//
//   - "go": the Go standard library's source, from the toolchain of this
//     machine (./go for a file or folder of that name)
//   - a file, as one document
//   - a folder: all files in it and below, each a document, but no hidden ones
//     (".git"), no empty and no binary ones (a NUL in the first 8 KiB)
//   - a glob as in path/filepath.Match ("texts/*.txt"): the files and folders
//     that match it, taken as above
//
// What a file holds, its name tells. Of files of many texts, each text is a document,
// in the order of the file:
//
//   - .jsonl, .ndjson: a JSON object a line, with the text in the field "text"
//     (see [Field])
//   - .parquet: a row each, with the text in the column of that name
//   - .bin: tokens of llm.c or nanoGPT, mapped into memory; the tokenizer must be
//     the one they were made with
//   - .gz, .zst after any other ending: the same, compressed
//
// Where there is no text, the error says what was found instead.
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

// SkipBad leaves out what cannot be read, a bad line or what comes after the place
// where a compressed file is cut short, and counts it; see [Source.Skipped]. Without
// it, it is an error that names the file and the line.
func SkipBad() Option { return func(o *opening) { o.faults.skip = true } }

// opening is what the options of Open set.
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
		return nil, fmt.Errorf("%s: neither a file nor a folder: text is read more than once", name)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	f, err := os.Open(name) // now, not at the first batch, if it cannot be read
	if err != nil {
		return nil, err
	}
	f.Close()
	d, err := o.document(filepath.Base(name), name, info.Size(), true)
	if err != nil {
		return nil, err
	}
	if d.Size == 0 {
		return nil, fmt.Errorf("%s: there is nothing in the file", name)
	}
	return newSource(name, "file", []Document{d}), nil
}

// document is the document of a file, as its name tells; asked for by that name, or
// found in a folder.
func (o opening) document(name, path string, size int64, asked bool) (Document, error) {
	ending, rest := compression(path)
	d := fileDocument(name, path, size)
	d.faults = o.faults
	switch strings.ToLower(filepath.Ext(rest)) {
	case ".jsonl", ".ndjson":
		d.format = &recordFormat{open: openLines, field: o.field, text: true}
		return d, nil
	case ".parquet":
		if ending != "" {
			return d, fmt.Errorf("%s: Parquet is compressed inside; decompress the file around it", path)
		}
		d.format = &recordFormat{open: openRows, field: o.field, text: true}
		p, err := d.read() // now, not at the first batch, if there is no such column
		if err != nil {
			return d, err
		}
		return d, p.Close()
	}
	if ending != "" {
		return compressedText(name, path, o.faults)
	}
	tokens, err := isShard(path, size, asked)
	if err != nil || !tokens {
		return d, err
	}
	return shardDocument(name, path, size)
}

func fileDocument(name, path string, size int64) Document {
	return Document{
		Name: name,
		Size: size,
		Open: func() (Content, error) { return os.Open(path) },
		path: path,
	}
}

func (o opening) openFolder(root string) (*Source, error) {
	c := collection{opening: o}
	if err := c.addFolder(root, "", everything); err != nil {
		return nil, err
	}
	if len(c.docs) == 0 {
		return nil, fmt.Errorf("%s: no text in this folder%s", root, c.skipped())
	}
	return newSource(root, "file", c.docs), nil
}

func (o opening) openGlob(pattern string) (*Source, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: not a valid glob", pattern)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("%s: no file matches", pattern)
	}
	root := filepath.Dir(pattern[:strings.IndexAny(pattern, "*?[")] + "x")
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	c := collection{opening: o}
	for _, path := range matches {
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(filepath.Base(path), ".") && !hidden {
			c.hidden++
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case info.IsDir():
			err = c.addFolder(path, filepath.ToSlash(name)+"/", everything)
		default:
			c.asked = filepath.Ext(pattern) == ".bin"
			err = c.addFile(path, filepath.ToSlash(name), info)
			c.asked = false
		}
		if err != nil {
			return nil, err
		}
	}
	if len(c.docs) == 0 {
		return nil, fmt.Errorf("%s: no text in what it matches%s", pattern, c.skipped())
	}
	return newSource(pattern, "file", c.docs), nil
}

// collection gathers the text files of folders, in lexical order.
type collection struct {
	opening                      opening
	asked                        bool // for files of that ending
	docs                         []Document
	hidden, binary, empty, other int // left out
}

// everything is the filter of addFolder that leaves nothing out.
func everything(string, fs.DirEntry) bool { return true }

// addFolder adds the text files in and below root that keep lets pass. Their
// names are their paths from there, after prefix. Links to folders are not
// followed, but root may be one.
func (c *collection) addFolder(root, prefix string, keep func(name string, d fs.DirEntry) bool) error {
	top := root + string(filepath.Separator) // Lstat of this follows a link
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case strings.HasPrefix(d.Name(), "."):
			c.hidden++
		case !keep(name, d):
			c.other++
		case d.IsDir():
			return nil
		default:
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				c.other++ // a link to nowhere, or just deleted
				return nil
			}
			if err != nil {
				return err
			}
			return c.addFile(path, prefix+name, info)
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// addFile adds a file if it is text.
func (c *collection) addFile(path, name string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		c.other++
		return nil
	case info.Size() == 0:
		c.empty++
		return nil
	}
	d, err := c.opening.document(name, path, info.Size(), c.asked)
	if err != nil {
		return err
	}
	if d.format == nil {
		if ending, _ := compression(path); ending == "" {
			binary, err := isBinary(path)
			if err != nil {
				return err
			}
			if binary {
				c.binary++
				return nil
			}
		}
	}
	c.docs = append(c.docs, d)
	return nil
}

// isBinary reports whether the first 8 KiB of a file have a NUL, as Git does.
func isBinary(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [8 << 10]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return bytes.IndexByte(head[:n], 0) >= 0, nil
}

// skipped lists what was left out, for an error.
func (c *collection) skipped() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.hidden, "hidden"}, {c.empty, "empty"}, {c.binary, "binary"}, {c.other, "other"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if parts == nil {
		return ": it is empty"
	}
	return ", only " + strings.Join(parts, ", ") + " entries"
}
