package pack

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// textHash makes the digest of the batches of a split so far.
type textHash struct{ h hash.Hash }

func newTextHash() textHash { return textHash{sha256.New()} }

// add takes a batch, and where its texts end.
func (t textHash) add(batch []tokenizer.Segment) {
	for _, s := range batch {
		head := binary.LittleEndian.AppendUint64(nil, uint64(len(s.Text))<<1)
		if s.End {
			head[0]++
		}
		t.h.Write(head)
		t.h.Write(s.Text)
	}
}

func (t textHash) String() string { return hex.EncodeToString(t.h.Sum(nil)) }

// batches is the number of batches that a place is after, or within.
func (p Place) batches() int {
	if p.Skip > 0 {
		return p.Batch + 1
	}
	return p.Batch
}

// current returns how many shards of a split, from the first on, are of the text as it is
// now, and whether that is the text of all of the split. Text that cannot be read is not.
func (s *Split) current(ctx context.Context, src *datasets.Source, tok tokenizer.Tokenizer) (shards int, all bool, err error) {
	h, n := newTextHash(), 0
	check := func() {
		for shards < len(s.Shards) && s.Shards[shards].Next.batches() == n && s.Shards[shards].Text == h.String() {
			shards++
		}
	}
	check()
	if src == nil {
		return shards, s.Complete && s.Text == h.String(), nil
	}
	for batch, err := range tokenizer.Batches(tok, src.Texts(), batchBytes) {
		if ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
		if err != nil || shards < len(s.Shards) && n >= s.Shards[shards].Next.batches() {
			return shards, false, nil
		}
		if !s.Complete && shards == len(s.Shards) {
			break
		}
		h.add(batch)
		n++
		check()
	}
	return shards, s.Complete && shards == len(s.Shards) && s.Text == h.String(), nil
}

// changed is the error of a folder that is complete, and of another text.
func changed(dir, split string) error {
	return fmt.Errorf("%s: the text has changed since %s was packed; choose another folder, or remove this one", dir, split)
}
