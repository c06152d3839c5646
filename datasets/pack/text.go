package pack

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// digest computes a SHA-256: of the text of an item, or of the digests of successive items.
type digest struct{ h hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

// add adds a batch, including where its texts end.
func (d digest) add(batch []tokenizer.Segment) {
	for _, s := range batch {
		head := binary.LittleEndian.AppendUint64(nil, uint64(len(s.Text))<<1)
		if s.End {
			head[0]++
		}
		d.h.Write(head)
		d.h.Write(s.Text)
	}
}

// item adds the digest of an item.
func (d digest) item(text string) { fmt.Fprintln(d.h, text) }

func (d digest) String() string { return hex.EncodeToString(d.h.Sum(nil)) }

// text returns the digest of an item's text.
func (w *Work) text(ctx context.Context, item int) (string, error) {
	d := newDigest()
	for batch, err := range tokenizer.Batches(w.tok, w.items[item].Texts(), batchBytes) {
		if err != nil {
			return "", err
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		d.add(batch)
	}
	return d.String(), nil
}

// current returns how many shards of a split, from the first on, match the text as it is now,
// and whether the split is complete and all of it does. Text that cannot be read does not match.
// The digests of the items that it read are added to parts.
func (w *Work) current(ctx context.Context, s *Split, items []int, parts map[int]Part) (shards int, all bool, err error) {
	n := len(items)
	if !s.Complete {
		n = 0
		for _, one := range s.Shards {
			n = max(n, one.Next.items())
		}
	}
	if n > len(items) {
		n = len(items)
	}
	texts := make([]string, n)
	err = w.each(ctx, items[:n], func(ctx context.Context, item int) error {
		text, err := w.text(ctx, item)
		texts[item-items[0]] = text // "" if it cannot be read
		if err != nil && ctx.Err() == nil {
			return nil
		}
		return err
	})
	if err != nil {
		return 0, false, err
	}
	d := newDigest()
	for i := 0; ; i++ {
		for shards < len(s.Shards) && s.Shards[shards].Next.items() == i && s.Shards[shards].Text == d.String() {
			shards++
		}
		if i == n || texts[i] == "" {
			return shards, s.Complete && i == n && shards == len(s.Shards) && s.Text == d.String(), nil
		}
		d.item(texts[i])
		parts[items[i]] = Part{Item: items[i], Text: texts[i]}
	}
}

// changed is the error for a complete folder whose text has changed.
func changed(dir, split string) error {
	return fmt.Errorf("%s: the text has changed since %s was packed; choose another folder, or remove this one", dir, split)
}
