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
	"os"
	"path/filepath"
	"strconv"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// IndexFile and TokenizerFolder are the names of the parts of a folder that are no
// shards.
const (
	IndexFile       = shard.IndexFile
	TokenizerFolder = shard.TokenizerFolder
)

// version is that of the format of Index and of how batches are cut.
const version = 1

// Index tells what a folder of shards holds.
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
	Text     string  `json:"text,omitempty"` // digest of all text, where complete
}

// Shard is one file.
type Shard struct {
	File   string `json:"file"`
	Tokens int    `json:"tokens"`
	SHA256 string `json:"sha256"`
	Text   string `json:"text,omitempty"` // digest of the text up to the end of its last batch
	Next   Place  `json:"next"`           // where the next one begins
}

// Place is a place in the tokens of a split: after Skip of those of a batch. Bytes and
// Texts are what lies before that batch.
type Place struct {
	Batch int   `json:"batch"`
	Skip  int   `json:"skip"`
	Bytes int64 `json:"bytes"`
	Texts int64 `json:"texts"`
}

// Read reads the index of a folder.
func Read(dir string) (*Index, error) {
	name := filepath.Join(dir, IndexFile)
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const limit = 64 << 20 // a million shards have half of that
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes, too large for an index", name, limit)
	}
	x, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return x, nil
}

// parse reads the bytes of an index.
func parse(b []byte) (*Index, error) {
	x := new(Index)
	if err := json.Unmarshal(b, x); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			err = fmt.Errorf("line %d: %w", 1+bytes.Count(b[:min(e.Offset, int64(len(b)))], []byte("\n")), err)
		}
		return nil, fmt.Errorf("not an index of shards: %w", err)
	}
	if x.Version != version {
		return nil, fmt.Errorf("version is %d, want %d", x.Version, version)
	}
	for _, s := range []struct {
		name  string
		split *Split
	}{{"train", &x.Train}, {"val", &x.Val}} {
		for i, one := range s.split.Shards {
			if want := shardName(s.name, i); one.File != want {
				return nil, fmt.Errorf("%s.shards[%d].file is %q, want %q", s.name, i, one.File, want)
			}
			if one.Tokens < 0 || one.Next.Batch < 0 || one.Next.Skip < 0 {
				return nil, fmt.Errorf("%s.shards[%d]: a number is negative", s.name, i)
			}
		}
	}
	return x, nil
}

// write replaces the index of a folder.
func (x *Index) write(dir string) error {
	b, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, IndexFile)
	return wholefile.Write(name, append(b, '\n'))
}

func shardName(split string, i int) string { return fmt.Sprintf("%s_%06d.bin", split, i) }

// Verify checks every shard of a folder against its index: presence, size, SHA-256.
func Verify(dir string) error {
	x, err := Read(dir)
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
	name := filepath.Join(dir, s.File)
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if want := int64(shard.HeaderBytes) + int64(s.Tokens)*int64(f.TokenBytes); info.Size() != want {
		return fmt.Errorf("%s: %d bytes, want %d for %d tokens", name, info.Size(), want, s.Tokens)
	}
	sum, err := digest(name)
	if err == nil && sum != s.SHA256 {
		err = fmt.Errorf("%s: SHA-256 %s, want %s: the file was changed", name, sum, s.SHA256)
	}
	return err
}

// digest is the SHA-256 of a file.
func digest(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// work is the digest of what one who goes on must ask for: texts of the same names, the
// tokens, the options. What the texts hold is in the digests of shards and splits.
func work(train, val *datasets.Source, tok tokenizer.Tokenizer, o Options) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, version, batchBytes, o.ShardTokens, tok.Name(), tok.Size())
	var text []byte
	for id := range tok.Size() {
		var err error
		if text, err = tok.AppendText(text[:0], []int{id}); err != nil {
			return "", err
		}
		fmt.Fprintln(h, strconv.Quote(string(text)))
	}
	if manner := tokenizer.Manner(tok); manner != "" {
		fmt.Fprintln(h, "manner", manner)
	}
	for _, src := range []*datasets.Source{train, val} {
		name := "none"
		if src != nil {
			name = strconv.Quote(src.Name())
		}
		fmt.Fprintln(h, name)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// openIndex reads the index of a folder where the same work was begun, or begins one.
func openIndex(dir, work string) (*Index, error) {
	x, err := Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if len(entries) > 0 {
			return nil, fmt.Errorf("%s is not empty and has no %s; choose another folder", dir, IndexFile)
		}
		return &Index{Version: version, Work: work}, os.MkdirAll(dir, 0o777)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case x.Work == work:
		return x, nil
	case len(x.Train.Shards)+len(x.Val.Shards) == 0: // nothing is lost
		return &Index{Version: version, Work: work}, nil
	}
	return nil, fmt.Errorf("%s was begun with another corpus, tokenizer or size of shards; choose another folder", dir)
}
