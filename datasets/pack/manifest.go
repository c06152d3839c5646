package pack

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Manifest lists the parts made from a slice of the items: items Slice, Slice+Of, Slice+2·Of and so on.
type Manifest struct {
	Identity
	Slice    int    `json:"slice"`
	Of       int    `json:"of"`
	Parts    []Part `json:"parts"`
	Complete bool   `json:"complete"`
}

// mostSlices is the largest number of slices that fits into file names.
const mostSlices = 99_999

// file returns the name of the manifest's file.
func (m *Manifest) file(dir string) string {
	return store.Join(dir, partsFolder, fmt.Sprintf("%05d-of-%05d.json", m.Slice, m.Of))
}

var manifestName = regexp.MustCompile(`^\d{5}-of-\d{5}\.json$`)

// CheckSlice returns an error unless slice is the number, from 0, of one of that many slices.
func CheckSlice(slice, of int) error {
	if of < 1 || of > mostSlices || slice < 0 || slice >= of {
		return fmt.Errorf("slice %d of %d: want a slice from 0 to one less than the number of slices, which may be at most %d", slice, of, mostSlices)
	}
	return nil
}

// PackShard encodes a slice of the items of a corpus, as one job of an array; [Join] joins their results. If the
// same slice was begun in the folder, parts whose text has not changed are kept. The first slice saves the tokenizer.
func PackShard(ctx context.Context, dir string, train, val *datasets.Source, tok tokenizer.Tokenizer, slice, of int, o Options) (*Manifest, error) {
	if err := CheckSlice(slice, of); err != nil {
		return nil, err
	}
	w, err := New(dir, train, val, tok, o)
	if err != nil {
		return nil, err
	}
	begin := w.begin
	if slice == 0 {
		begin = w.Begin
	}
	if err := begin(); err != nil {
		return nil, err
	}
	var items []int
	for i := slice; i < len(w.items); i += of {
		items = append(items, i)
	}
	return w.slice(ctx, items, slice, of)
}

// begin creates a folder for parts. A folder with anything else in it is an error.
func (w *Work) begin() error {
	for name, err := range store.Files(w.dir) {
		if err != nil {
			return err
		}
		switch top, _, _ := strings.Cut(name, "/"); top {
		case partsFolder, TokenizerFolder:
		case IndexFile:
			return fmt.Errorf("%s already holds shards that were packed or joined; choose another folder", w.dir)
		default:
			return fmt.Errorf("%s has %s in it, which is not part of a packed corpus; choose another folder", w.dir, name)
		}
	}
	return store.MakeDir(store.Join(w.dir, partsFolder))
}

// slice encodes items and writes their manifest, from time to time also while it is incomplete.
func (w *Work) slice(ctx context.Context, items []int, slice, of int) (*Manifest, error) {
	m := &Manifest{Identity: w.id, Slice: slice, Of: of}
	before := w.before(m.file(w.dir))
	written := time.Now()
	put := func() error { return writeJSON(m.file(w.dir), m) }
	err := w.each(ctx, items, func(ctx context.Context, item int) error {
		p, ok := before[item]
		if ok {
			text, err := w.text(ctx, item)
			if ok = err == nil && text == p.Text && w.present(p); ok {
				w.report(p.Bytes, p.Tokens)
			}
		}
		if !ok {
			var err error
			if p, err = w.Encode(ctx, item); err != nil {
				return err
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if m.Parts = append(m.Parts, p); time.Since(written) < 2*time.Second {
			return nil
		}
		written = time.Now()
		return put()
	})
	slices.SortFunc(m.Parts, func(a, b Part) int { return a.Item - b.Item })
	m.Complete = err == nil && m.check() == nil
	if e := put(); err == nil {
		err = e
	}
	return m, err
}

// before returns the parts of an existing manifest, if it belongs to the same work.
func (w *Work) before(name string) map[int]Part {
	m, err := readManifest(name)
	if err != nil || m.Work != w.id.Work {
		return nil // it will be overwritten
	}
	parts := make(map[int]Part)
	for _, p := range m.Parts {
		parts[p.Item] = p
	}
	return parts
}

// present reports whether the file of a part exists and has the right size.
func (w *Work) present(p Part) bool {
	info, err := store.Stat(partName(w.dir, p.Item))
	return err == nil && info.Size() == p.Tokens*int64(w.id.format().TokenBytes)
}

// Identity returns the identity of the work.
func (w *Work) Identity() Identity { return w.id }

// Begin creates the folder, with the tokenizer in it, before items are encoded elsewhere. A
// folder with anything else in it is an error.
func (w *Work) Begin() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.saveTokenizer()
}

// Finish writes the manifest of all items of a work whose parts were made elsewhere, for [Join].
func Finish(dir string, id Identity, parts []Part) error {
	m := &Manifest{Identity: id, Of: 1, Parts: slices.SortedFunc(slices.Values(parts), func(a, b Part) int { return a.Item - b.Item }), Complete: true}
	if err := m.check(); err != nil {
		return err
	}
	return writeJSON(m.file(dir), m)
}

// readManifest reads a manifest.
func readManifest(name string) (*Manifest, error) {
	b, err := store.ReadFile(name, 256<<20)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// parseManifest parses a manifest.
func parseManifest(b []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := unmarshal(b, m, "a manifest of parts"); err != nil {
		return nil, err
	}
	if m.Version != version {
		return nil, fmt.Errorf("version is %d, want %d", m.Version, version)
	}
	if err := CheckSlice(m.Slice, m.Of); err != nil {
		return nil, err
	}
	if m.Vocabulary < 1 || m.ShardTokens < 1 || m.ValItems < 0 || m.TrainItems < 0 || m.ValItems+m.TrainItems < 0 {
		return nil, fmt.Errorf("a number is out of range")
	}
	if m.Complete {
		return m, m.check()
	}
	return m, nil
}

// check returns an error unless the parts are those of the slice.
func (m *Manifest) check() error {
	want := m.Slice
	for _, p := range m.Parts {
		if p.Item != want || p.Tokens < 0 || p.Bytes < 0 || p.Texts < 0 {
			return fmt.Errorf("found the part of item %d with %s, want that of item %d", p.Item, plural.Counted(p.Tokens, "token"), want)
		}
		want += m.Of
	}
	if want < m.ValItems+m.TrainItems {
		return fmt.Errorf("the part of item %d is missing", want)
	}
	return nil
}

// manifests returns the names of the manifests in a folder.
func manifests(dir string) ([]string, error) {
	var names []string
	parts := store.Join(dir, partsFolder)
	for name, err := range store.Files(parts) {
		if err != nil {
			return nil, err
		}
		if manifestName.MatchString(name) {
			names = append(names, store.Join(parts, name))
		}
	}
	return names, nil
}
