package pack

import (
	"context"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Pack encodes the texts of two splits into the folder dir, using all processors; val
// may be nil. If the same work was begun there, Pack resumes it: it keeps the parts and
// shards that are complete and whose text has not changed, so a text that could not be
// read may be repaired in between. If the work was finished, Pack checks it. It is an
// error if the folder was begun with another corpus, tokenizer or shard size, if a text
// has changed since everything was packed, or if there are no tokens to train on. Tokens
// have 32 bits if the vocabulary has more than 65,536.
//
// When ctx is done, Pack returns its error; what is complete is kept.
func Pack(ctx context.Context, dir string, train, val *datasets.Source, tok tokenizer.Tokenizer, o Options) (*Index, error) {
	w, err := New(dir, train, val, tok, o)
	if err != nil {
		return nil, err
	}
	x, err := w.openIndex()
	if err != nil {
		return nil, err
	}
	if err := x.write(dir); err != nil { // first, as it marks what the folder belongs to
		return nil, err
	}
	if err := w.saveTokenizer(); err != nil {
		return nil, err
	}
	j := &joining{dir: dir, id: w.id, index: x, parts: make(map[int]Part)}
	splits, err := w.goOn(ctx, j)
	if err != nil {
		return nil, err
	}
	var items []int
	for _, s := range splits {
		items = append(items, s.todo...)
	}
	if len(items) > 0 {
		if err := store.MakeDir(store.Join(dir, partsFolder)); err != nil {
			return nil, err
		}
		m, err := w.slice(ctx, items, 0, 1)
		if err != nil {
			return nil, err
		}
		for _, p := range m.Parts {
			j.parts[p.Item] = p
		}
	}
	for _, s := range splits {
		if s.done {
			continue
		}
		if err := j.split(ctx, s.name, s.split, s.items, s.current); err != nil {
			return nil, err
		}
	}
	return x, j.end()
}

// goingOn is the progress of a split.
type goingOn struct {
	name    string
	split   *Split
	items   []int
	current int   // number of shards that are up to date
	todo    []int // items to encode
	done    bool
}

// goOn finds the progress of both splits and what remains to encode. A text that has changed since everything was
// packed is an error.
func (w *Work) goOn(ctx context.Context, j *joining) ([]*goingOn, error) {
	x := j.index
	val, train := w.id.splits()
	splits := []*goingOn{{name: "val", split: &x.Val, items: val}, {name: "train", split: &x.Train, items: train}}
	finished := x.Train.Complete && x.Val.Complete
	for _, s := range splits {
		var all bool
		var err error
		if s.current, all, err = w.current(ctx, s.split, s.items, j.parts); err != nil {
			return nil, err
		}
		if finished && !all {
			return nil, changed(w.dir, s.name)
		}
		s.current = j.whole(s.split, s.current)
		if s.done = all && s.current == len(s.split.Shards); s.done {
			w.report(s.split.Bytes, s.split.Tokens)
			continue
		}
		from := 0
		if s.current > 0 {
			last := s.split.Shards[s.current-1].Next
			from = last.Item
			w.report(last.Bytes, 0)
		}
		for _, one := range s.split.Shards[:s.current] {
			w.report(0, int64(one.Tokens))
		}
		s.todo = s.items[from:]
	}
	return splits, nil
}
