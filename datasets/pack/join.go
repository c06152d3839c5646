package pack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/store"
)

// Join makes shards from the parts in a folder, which were encoded by [PackShard] or [Work.Encode], and removes the
// parts. A part that is missing, incomplete, damaged or made with other settings is an error, and nothing is lost.
// After an interruption, the same call continues after the last complete shard.
func Join(ctx context.Context, dir string) (*Index, error) {
	id, parts, err := gather(dir)
	if err != nil {
		return nil, err
	}
	x, err := Read(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x = id.newIndex()
	case err != nil:
		return nil, err
	case x.Work != id.Work || x.Version != version:
		return nil, fmt.Errorf("%s has shards whose corpus, tokenizer or size differs from that of its parts; remove one or the other", dir)
	}
	if err := x.write(dir); err != nil { // first, as it marks what the folder belongs to
		return nil, err
	}
	j := &joining{dir: dir, id: id, index: x, parts: parts}
	val, train := id.splits()
	if err := j.split(ctx, "val", &x.Val, val, j.whole(&x.Val, j.same(&x.Val, val))); err != nil {
		return nil, err
	}
	if err := j.split(ctx, "train", &x.Train, train, j.whole(&x.Train, j.same(&x.Train, train))); err != nil {
		return nil, err
	}
	return x, j.end()
}

// gather reads the manifests of a folder and checks that they belong to one work and that none is missing.
func gather(dir string) (Identity, map[int]Part, error) {
	var first *Manifest
	names, err := manifests(dir)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s: no parts to join; gorgpt pack --shard 0/1 makes them, or 0/16 to 15/16", dir)
	}
	if err != nil {
		return Identity{}, nil, err
	}
	slices := make(map[int]bool)
	parts := make(map[int]Part)
	for _, name := range names {
		m, err := readManifest(name)
		if err != nil {
			return Identity{}, nil, err
		}
		if first == nil {
			first = m
		}
		if err := first.differs(m); err != nil {
			return Identity{}, nil, fmt.Errorf("%s: %w in %s: parts with different settings cannot be joined", name, err, store.Base(names[0]))
		}
		if !m.Complete {
			return Identity{}, nil, fmt.Errorf("%s: shard %d/%d is not complete; run it again", dir, m.Slice, m.Of)
		}
		slices[m.Slice] = true
		for _, p := range m.Parts {
			parts[p.Item] = p
		}
	}
	var missing []string
	for i := range first.Of {
		if !slices[i] {
			missing = append(missing, fmt.Sprintf("%d/%d", i, first.Of))
		}
	}
	if n := len(missing); n > 0 {
		if n > 8 {
			missing = append(missing[:8], fmt.Sprintf("and %d more", n-8))
		}
		return Identity{}, nil, fmt.Errorf("%s: shard %s missing; run gorgpt pack --shard for each", dir, strings.Join(missing, ", "))
	}
	return first.Identity, parts, nil
}

// differs returns an error that names the first setting in which another manifest differs.
func (m *Manifest) differs(other *Manifest) error {
	for _, s := range []struct {
		what      string
		want, got any
	}{
		{"number of shards", m.Of, other.Of},
		{"tokenizer", m.Tokenizer, other.Tokenizer},
		{"vocabulary", m.Vocabulary, other.Vocabulary},
		{"shard tokens", m.ShardTokens, other.ShardTokens},
		{"training text", m.Train, other.Train},
		{"validation text", m.Val, other.Val},
		{"names and sizes of the documents", m.Documents, other.Documents},
		{"settings", m.Work, other.Work},
	} {
		if s.want != s.got {
			return fmt.Errorf("%s: %v, not %v as", s.what, s.got, s.want)
		}
	}
	return nil
}

// verifyParts checks every part of a folder whose parts have not been joined yet. If all are good, the error says so.
func verifyParts(dir string) error {
	id, parts, err := gather(dir)
	if err != nil {
		return err
	}
	for item := range id.ValItems + id.TrainItems {
		p := parts[item]
		if err := verifyFile(partName(dir, item), p.Tokens*int64(id.format().TokenBytes), p.Tokens, p.SHA256); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: all parts are complete but not joined yet; run gorgpt pack --out %s --join", dir, dir)
}

// joining makes shards from parts.
type joining struct {
	dir   string
	id    Identity
	index *Index
	parts map[int]Part
}

// same returns how many shards of a split, from the first on, match the text of the parts.
func (j *joining) same(s *Split, items []int) (shards int) {
	d := newDigest()
	for i := 0; ; i++ {
		for shards < len(s.Shards) && s.Shards[shards].Next.items() == i && s.Shards[shards].Text == d.String() {
			shards++
		}
		if i == len(items) {
			return shards
		}
		d.item(j.parts[items[i]].Text)
	}
}

// whole returns how many of the first current shards of a split are present and undamaged, up to the first that is not.
func (j *joining) whole(s *Split, current int) (n int) {
	for n < current && s.Shards[n].verify(j.dir, j.id.format()) == nil {
		n++
	}
	return n
}

// split makes the shards of a split after the first kept ones, which are undamaged and match the text.
func (j *joining) split(ctx context.Context, name string, s *Split, items []int, kept int) error {
	s.Shards, s.Tokens, s.Complete, s.Text = s.Shards[:kept], 0, false, ""
	w := &splitWriter{joining: j, name: name, split: s, texts: newDigest()}
	for _, one := range s.Shards {
		w.place = one.Next
		s.Tokens += int64(one.Tokens)
	}
	for _, item := range items[:w.place.Item] {
		w.texts.item(j.parts[item].Text)
	}
	w.left = -w.place.Skip
	for _, item := range items[w.place.Item:] {
		w.left += j.parts[item].Tokens
	}
	s.Tokens += w.left
	defer w.abort()
	for _, item := range items[w.place.Item:] {
		if err := w.part(ctx, j.parts[item]); err != nil {
			return err
		}
	}
	s.Bytes, s.Texts = w.place.Bytes, w.place.Texts
	s.Complete, s.Text = true, w.texts.String()
	return j.index.write(j.dir)
}

// end checks that there is something to train on, and removes the parts.
func (j *joining) end() error {
	if j.index.Train.Tokens == 0 {
		return fmt.Errorf("%s: there is nothing to pack: no text, and so no tokens", j.id.Train)
	}
	return store.RemoveAll(store.Join(j.dir, partsFolder))
}

// splitWriter writes the shards of a split.
type splitWriter struct {
	*joining
	name  string
	split *Split
	left  int64  // number of tokens not yet written
	place Place  // of the next token
	texts digest // of the items before place, including one that it is within
	out   *shard.Writer
	ready []Shard // written, but the last of their parts is not verified yet
}

// part writes the tokens of a part from place on.
func (w *splitWriter) part(ctx context.Context, p Part) error {
	name := partName(w.dir, p.Item)
	f, err := store.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	width := int64(w.id.format().TokenBytes)
	sum := sha256.New()
	in := io.TeeReader(f, sum)
	if _, err := io.CopyN(io.Discard, in, w.place.Skip*width); err != nil {
		return cut(name, err)
	}
	w.texts.item(p.Text)
	buf := make([]byte, 1<<20)
	for w.place.Skip < p.Tokens {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := w.open(); err != nil {
			return err
		}
		room := int64(w.id.ShardTokens - w.out.Tokens())
		n := min(p.Tokens-w.place.Skip, room, int64(len(buf))/width)
		if _, err := io.ReadFull(in, buf[:n*width]); err != nil {
			return cut(name, err)
		}
		if err := w.out.WriteBytes(buf[:n*width]); err != nil {
			return err
		}
		w.place.Skip += n
		if w.left -= n; n == room || w.left == 0 {
			if err := w.close(); err != nil {
				return err
			}
		}
	}
	if n, err := io.Copy(sum, f); err != nil || n > 0 {
		return cmp.Or(err, fmt.Errorf("%s: longer than its %d tokens: the file was changed", name, p.Tokens))
	}
	if err := sameSum(name, hex.EncodeToString(sum.Sum(nil)), p.SHA256); err != nil {
		return err
	}
	w.place = Place{Item: w.place.Item + 1, Bytes: w.place.Bytes + p.Bytes, Texts: w.place.Texts + p.Texts}
	return w.list()
}

// cut returns the error for a part that cannot be read to its end.
func cut(name string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s: the file ends too soon: it was cut short", name)
	}
	return err
}

// open begins a shard, unless one is open.
func (w *splitWriter) open() (err error) {
	if w.out == nil {
		name := shardName(w.name, len(w.split.Shards)+len(w.ready))
		w.out, err = shard.Create(store.Join(w.dir, name), w.id.format(), int(min(w.left, int64(w.id.ShardTokens))))
	}
	return err
}

// close completes a shard.
func (w *splitWriter) close() error {
	one := Shard{File: shardName(w.name, len(w.split.Shards)+len(w.ready)), Tokens: w.out.Tokens(), SHA256: w.out.SHA256(), Text: w.texts.String(), Next: w.place}
	err := w.out.Close()
	w.out = nil
	w.ready = append(w.ready, one)
	return err
}

// list adds the completed shards to the index.
func (w *splitWriter) list() error {
	if len(w.ready) == 0 {
		return nil
	}
	w.split.Shards, w.ready = append(w.split.Shards, w.ready...), nil
	return w.index.write(w.dir)
}

// abort discards a shard that was not completed.
func (w *splitWriter) abort() {
	if w.out != nil {
		w.out.Abort()
	}
}
