package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// itemBytes is the approximate size of an item, as stored on disk.
const itemBytes = 32 << 20

// Options are the settings of the work.
type Options struct {
	ShardTokens int   // tokens in a shard; 0 means 100,000,000, as in llm.c
	ItemBytes   int64 // approximate size of an item; 0 means 32 MiB. The shards do not depend on it.

	// Progress, if not nil, is called after each batch with what has been
	// packed so far of both splits.
	Progress func(Progress)
}

// Progress is how much of the work has been done.
type Progress struct {
	Bytes  int64 // of text
	Tokens int64
}

// Work is the packing of a corpus into a folder, item by item.
type Work struct {
	dir     string
	tok     tokenizer.Tokenizer
	options Options
	id      Identity
	items   []datasets.Section // of validation, and then of training
	slots   chan struct{}      // held by batches between reading and writing

	mu       sync.Mutex
	progress Progress
}

// Identity is what parts must have in common to be joined.
type Identity struct {
	Version     int    `json:"version"`
	Tokenizer   string `json:"tokenizer"`
	Vocabulary  int    `json:"vocabulary"`
	EndOfText   *int   `json:"end_of_text"`
	ShardTokens int    `json:"shard_tokens"`
	Train       string `json:"train"` // names of the texts
	Val         string `json:"val"`
	Work        string `json:"work"`      // as in Index
	Documents   string `json:"documents"` // digest of the names and sizes of the documents
	ValItems    int    `json:"val_items"`
	TrainItems  int    `json:"train_items"`
}

// New returns the work of packing the texts of two splits into a folder; val may be nil.
func New(dir string, train, val *datasets.Source, tok tokenizer.Tokenizer, o Options) (*Work, error) {
	if o.ShardTokens == 0 {
		o.ShardTokens = 100_000_000
	}
	if o.ItemBytes == 0 {
		o.ItemBytes = itemBytes
	}
	if o.ShardTokens < 1 || o.ShardTokens > shard.MaxTokens {
		return nil, fmt.Errorf("shards of %d tokens: want 1 to %d", o.ShardTokens, shard.MaxTokens)
	}
	if o.ItemBytes < 1 {
		return nil, fmt.Errorf("items of %d bytes: want 1 or more", o.ItemBytes)
	}
	w := &Work{dir: dir, tok: tok, options: o, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
	w.id = Identity{Version: version, Tokenizer: tok.Name(), Vocabulary: tok.Size(), ShardTokens: o.ShardTokens, Train: train.Name()}
	if id, ok := tok.EndOfText(); ok {
		w.id.EndOfText = &id
	}
	h := sha256.New()
	for _, src := range []*datasets.Source{val, train} {
		if src == nil {
			continue
		}
		for _, d := range src.Documents() {
			fmt.Fprintln(h, strconv.Quote(d.Name), d.Size)
		}
		w.items = append(w.items, datasets.Sections(src, tok, o.ItemBytes)...)
		if src == val {
			fmt.Fprintln(h, "for validation")
			w.id.Val, w.id.ValItems = val.Name(), len(w.items)
		}
	}
	w.id.TrainItems = len(w.items) - w.id.ValItems
	w.id.Documents = hex.EncodeToString(h.Sum(nil))
	var err error
	w.id.Work, err = workOf(train, val, tok, o)
	return w, err
}

// workOf returns a digest of what must be the same for work to be resumed: the names of the
// texts, the tokens, the options. The contents of the texts are in the digests of shards and
// splits.
func workOf(train, val *datasets.Source, tok tokenizer.Tokenizer, o Options) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, version, batchBytes, o.ItemBytes, o.ShardTokens, tok.Name(), tok.Size())
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

// Items returns the number of items. Those of validation come first.
func (w *Work) Items() int { return len(w.items) }

// splits returns the items of validation and those of training.
func (id Identity) splits() (val, train []int) {
	all := make([]int, id.ValItems+id.TrainItems)
	for i := range all {
		all[i] = i
	}
	return all[:id.ValItems], all[id.ValItems:]
}

// format returns the format of the shards.
func (id Identity) format() shard.Format { return shard.For(id.Vocabulary) }

// saveTokenizer saves the tokenizer in the folder.
func (w *Work) saveTokenizer() error {
	to := store.Join(w.dir, TokenizerFolder)
	if !store.IsURL(to) {
		dir, err := store.Local(to)
		if err != nil {
			return err
		}
		return w.tok.Save(dir)
	}
	temp, err := os.MkdirTemp("", "gorgpt-tokenizer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := w.tok.Save(temp); err != nil {
		return err
	}
	for name, err := range store.Files(temp) {
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(temp, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := store.Write(store.Join(to, name), b); err != nil {
			return err
		}
	}
	return nil
}

// report adds to the progress and reports it.
func (w *Work) report(bytes, tokens int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress.Bytes += bytes
	w.progress.Tokens += tokens
	if w.options.Progress != nil {
		w.options.Progress(w.progress)
	}
}

// each calls do for items on all processors, starting them in order. After an error it starts no further item. It
// returns the error of the first item that has one, whichever fails first.
func (w *Work) each(ctx context.Context, items []int, do func(ctx context.Context, item int) error) error {
	var running sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next, at := 0, 0
	take := func() (item int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(items) || failed != nil || ctx.Err() != nil {
			return 0, false
		}
		next++
		return items[next-1], true
	}
	for range min(len(items), runtime.GOMAXPROCS(0)) {
		running.Go(func() {
			for item, ok := take(); ok; item, ok = take() {
				if err := do(ctx, item); err != nil {
					mu.Lock()
					if failed == nil || item < at {
						failed, at = err, item
					}
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return failed
}
