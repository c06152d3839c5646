package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/store"
)

// IndexFile, TokenizerFolder and partsFolder are the names of what a folder contains besides
// shards.
const (
	IndexFile       = shard.IndexFile
	TokenizerFolder = shard.TokenizerFolder
	partsFolder     = "parts"
)

// version is the version of the format of Index and Manifest, and of how text is cut. Folders of
// version 1, whose text was cut differently, can still be read and verified.
const version = 2

// Index describes the contents of a folder of shards.
type Index struct {
	Version     int    `json:"version"`
	Tokenizer   string `json:"tokenizer"`   // name
	Vocabulary  int    `json:"vocabulary"`  // size
	EndOfText   *int   `json:"end_of_text"` // id after each document, nil if there is none
	ShardTokens int    `json:"shard_tokens"`
	Work        string `json:"work"` // digest of the names of the texts, the tokenizer and the options
	Train       Split  `json:"train"`
	Val         Split  `json:"val"`
}

// Split is the training or the validation part.
type Split struct {
	Tokens   int64   `json:"tokens"`
	Bytes    int64   `json:"bytes"` // of text
	Texts    int64   `json:"texts"`
	Shards   []Shard `json:"shards"`
	Complete bool    `json:"complete"`
	Text     string  `json:"text,omitempty"` // digest of all text, if complete
}

// Shard is one file.
type Shard struct {
	File   string `json:"file"`
	Tokens int    `json:"tokens"`
	SHA256 string `json:"sha256"`
	Text   string `json:"text,omitempty"` // digest of the text up to the end of its last item
	Next   Place  `json:"next"`           // where the next shard begins
}

// Place is a position in the tokens of a split: after Skip tokens of an item. Bytes and
// Texts count what precedes that item.
type Place struct {
	Item  int   `json:"item"`
	Skip  int64 `json:"skip"`
	Bytes int64 `json:"bytes"`
	Texts int64 `json:"texts"`
}

// items returns the number of items before a place, including one that the place is within.
func (p Place) items() int {
	if p.Skip > 0 {
		return p.Item + 1
	}
	return p.Item
}

// Read reads the index of a folder.
func Read(dir string) (*Index, error) {
	const limit = 64 << 20 // a million shards take half of that
	name := store.Join(dir, IndexFile)
	b, err := store.ReadFile(name, limit)
	if err != nil {
		return nil, err
	}
	x, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

// parse parses an index.
func parse(b []byte) (*Index, error) {
	x := new(Index)
	if err := unmarshal(b, x, "an index of shards"); err != nil {
		return nil, err
	}
	if x.Version < 1 || x.Version > version {
		return nil, fmt.Errorf("version is %d, want 1 to %d", x.Version, version)
	}
	for _, s := range []struct {
		name  string
		split *Split
	}{{"train", &x.Train}, {"val", &x.Val}} {
		for i, one := range s.split.Shards {
			if want := shardName(s.name, i); one.File != want {
				return nil, fmt.Errorf("%s.shards[%d].file is %q, want %q", s.name, i, one.File, want)
			}
			if one.Tokens < 0 || one.Next.Item < 0 || one.Next.Skip < 0 {
				return nil, fmt.Errorf("%s.shards[%d]: a number is negative", s.name, i)
			}
		}
	}
	return x, nil
}

// unmarshal parses JSON; its errors name the line.
func unmarshal(b []byte, v any, what string) error {
	err := json.Unmarshal(b, v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		err = fmt.Errorf("line %d: %w", 1+bytes.Count(b[:min(e.Offset, int64(len(b)))], []byte("\n")), err)
	}
	if err != nil {
		return fmt.Errorf("not %s: %w", what, err)
	}
	return nil
}

// write replaces the index of a folder.
func (x *Index) write(dir string) error { return writeJSON(store.Join(dir, IndexFile), x) }

func writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return store.Write(name, append(b, '\n'))
}

func shardName(split string, i int) string { return fmt.Sprintf("%s_%06d.bin", split, i) }

// Verify checks that every shard of a folder is present and has the size and SHA-256 in the index. If the parts of
// the folder have not been joined yet, it checks every part against the manifests instead, and returns an error.
func Verify(dir string) error {
	x, err := Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if found, no := manifests(dir); no == nil && len(found) > 0 {
			return verifyParts(dir)
		}
	}
	if err != nil {
		return err
	}
	for _, s := range [][]Shard{x.Train.Shards, x.Val.Shards} {
		for _, one := range s {
			if err := one.verify(dir, shard.For(x.Vocabulary)); err != nil {
				return err
			}
		}
	}
	if !x.Train.Complete || !x.Val.Complete {
		return fmt.Errorf("%s: not complete yet", dir)
	}
	return nil
}

// verify checks one shard.
func (s Shard) verify(dir string, f shard.Format) error {
	want := int64(shard.HeaderBytes) + int64(s.Tokens)*int64(f.TokenBytes)
	return verifyFile(store.Join(dir, s.File), want, int64(s.Tokens), s.SHA256)
}

// verifyFile checks the size and the digest of a file of tokens.
func verifyFile(name string, size, tokens int64, sum string) error {
	info, err := store.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%s: %d bytes, want %d for %d tokens", name, info.Size(), size, tokens)
	}
	f, err := store.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	return sameSum(name, hex.EncodeToString(h.Sum(nil)), sum)
}

// sameSum returns an error if the digest of a file is not what it should be.
func sameSum(name, got, want string) error {
	if got != want {
		return fmt.Errorf("%s: SHA-256 %s, want %s: the file was changed", name, got, want)
	}
	return nil
}

// openIndex reads the index of a folder where the same work was begun, or returns a new one.
func (w *Work) openIndex() (*Index, error) {
	x, err := Read(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := w.vacant(); err != nil {
			return nil, err
		}
		return w.id.newIndex(), store.MakeDir(w.dir)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case x.Work == w.id.Work && x.Version == version:
		return x, nil
	case len(x.Train.Shards)+len(x.Val.Shards) == 0: // nothing is lost
		return w.id.newIndex(), nil
	case x.Version != version:
		return nil, fmt.Errorf("%s was packed by an earlier gorgpt, which split the text differently; choose another folder", w.dir)
	}
	return nil, fmt.Errorf("%s was begun with a different corpus, tokenizer or shard size; choose another folder", w.dir)
}

// vacant returns an error if a folder without an index is not empty.
func (w *Work) vacant() error {
	for name, err := range store.Files(w.dir) {
		if err != nil {
			return err
		}
		if top, _, _ := strings.Cut(name, "/"); top == partsFolder {
			return fmt.Errorf("%s has parts of gorgpt pack --shard: join them, or choose another folder", w.dir)
		}
		return fmt.Errorf("%s is not empty and has no %s; choose another folder", w.dir, IndexFile)
	}
	return nil
}

// newIndex returns the index of an empty folder.
func (id Identity) newIndex() *Index {
	return &Index{Version: version, Work: id.Work, Tokenizer: id.Tokenizer, Vocabulary: id.Vocabulary, EndOfText: id.EndOfText, ShardTokens: id.ShardTokens}
}
