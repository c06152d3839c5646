package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/datasets/shard"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// batchBytes is about how much text is encoded at a time.
const batchBytes = 1 << 20

// Options are the settings of Pack.
type Options struct {
	ShardTokens int // tokens of a shard; 0: 100,000,000, as llm.c has them

	// Progress, if there is one, is called after each batch with what has been
	// packed of both splits.
	Progress func(Progress)
}

// Progress is how far the work is.
type Progress struct {
	Bytes  int64 // of text
	Tokens int64
}

// Pack encodes the texts of two splits, val may be nil, with all processors, into the
// folder dir. Where the same work was begun there, it goes on after the last shard
// that is whole by its checksum and whose text is what it was, so that a text which could
// not be read may be mended; where it was finished, it checks that. Another corpus,
// tokenizer or shard size than the folder was begun with is an error, and so are a text
// that has changed since all was packed, and one without a token for training. Tokens
// have 32 bits where the vocabulary has more than 65,536.
//
// When ctx ends, Pack returns its error, and the shards that are complete stay.
func Pack(ctx context.Context, dir string, train, val *datasets.Source, tok tokenizer.Tokenizer, o Options) (*Index, error) {
	if o.ShardTokens == 0 {
		o.ShardTokens = 100_000_000
	}
	if o.ShardTokens < 1 || o.ShardTokens > shard.MaxTokens {
		return nil, fmt.Errorf("shards of %d tokens: want 1 to %d", o.ShardTokens, shard.MaxTokens)
	}
	work, err := work(train, val, tok, o)
	if err != nil {
		return nil, err
	}
	x, err := openIndex(dir, work)
	if err != nil {
		return nil, err
	}
	x.Tokenizer, x.Vocabulary, x.ShardTokens = tok.Name(), tok.Size(), o.ShardTokens
	if id, ok := tok.EndOfText(); ok {
		x.EndOfText = &id
	}
	if err := x.write(dir); err != nil { // first, for it tells whose the folder is
		return nil, err
	}
	if err := tok.Save(filepath.Join(dir, TokenizerFolder)); err != nil {
		return nil, err
	}
	p := &packer{dir: dir, tok: tok, index: x, options: o, finished: x.Train.Complete && x.Val.Complete}
	if err := p.split(ctx, "val", val, &x.Val); err != nil {
		return nil, err
	}
	if err := p.split(ctx, "train", train, &x.Train); err != nil {
		return nil, err
	}
	if x.Train.Tokens == 0 {
		return nil, fmt.Errorf("%s: there is nothing to pack: no text, and so no tokens", train.Name())
	}
	return x, nil
}

type packer struct {
	dir      string
	tok      tokenizer.Tokenizer
	index    *Index
	options  Options
	progress Progress
	finished bool // by an earlier call
}

// format is that of the shards.
func (p *packer) format() shard.Format { return shard.For(p.tok.Size()) }

// split packs one split.
func (p *packer) split(ctx context.Context, name string, src *datasets.Source, s *Split) error {
	current, all, err := s.current(ctx, src, p.tok)
	if err != nil {
		return err
	}
	if p.finished && !all {
		return changed(p.dir, name)
	}
	whole := 0
	for whole < current && s.Shards[whole].verify(p.dir, p.format()) == nil {
		whole++
	}
	if all && whole == len(s.Shards) {
		p.report(s.Bytes, s.Tokens)
		return nil
	}
	*s = Split{Shards: s.Shards[:whole]}
	var from Place
	for _, one := range s.Shards {
		s.Tokens += int64(one.Tokens)
		from = one.Next
	}
	s.Bytes, s.Texts = from.Bytes, from.Texts
	p.report(s.Bytes, s.Tokens)
	w := &splitWriter{packer: p, name: name, split: s, place: from, all: newTextHash().String()}
	if src != nil {
		if err := w.run(ctx, src); err != nil {
			return err
		}
	}
	s.Complete, s.Text = true, w.all
	return p.index.write(p.dir)
}

// report tells of further work.
func (p *packer) report(bytes, tokens int64) {
	p.progress.Bytes += bytes
	p.progress.Tokens += tokens
	if p.options.Progress != nil {
		p.options.Progress(p.progress)
	}
}

// encoded is what becomes of a batch.
type encoded struct {
	ids   []int
	bytes int64
	texts int64
	text  string // digest of the text up to its end
	err   error
}

// job is a batch to encode.
type job struct {
	batch []tokenizer.Segment
	text  string // digest of the text up to its end
	done  chan encoded
}

// run encodes batches in parallel and writes them in their order.
func (w *splitWriter) run(ctx context.Context, src *datasets.Source) (err error) {
	ctx, stop := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	jobs := make(chan job)
	order := make(chan chan encoded, 2*workers)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for j := range jobs {
				e := w.encode(j.batch)
				e.text = j.text
				j.done <- e
			}
		})
	}
	begun := w.place.Batch
	running.Go(func() {
		defer close(order)
		defer close(jobs)
		w.deal(ctx, src, begun, jobs, order)
	})
	defer func() {
		stop()
		running.Wait()
		err = errors.Join(err, w.end(err != nil))
	}()
	for {
		done, err := receive(ctx, order)
		if done == nil {
			return err
		}
		e, err := receive(ctx, done)
		if err := cmp.Or(err, e.err); err != nil {
			return err
		}
		if err := w.write(e); err != nil {
			return err
		}
	}
}

// receive takes what comes next, which is zero where nothing more does, or the end of the context.
func receive[T any](ctx context.Context, from <-chan T) (next T, err error) {
	select {
	case <-ctx.Done():
	case next = <-from:
	}
	return next, ctx.Err()
}

// deal hands out the batches of a text after the first begun, which are packed already, and in order
// the places where they come out.
func (w *splitWriter) deal(ctx context.Context, src *datasets.Source, begun int, jobs chan<- job, order chan<- chan encoded) {
	k, h := 0, newTextHash()
	for batch, err := range tokenizer.Batches(w.tok, src.Texts(), batchBytes) {
		h.add(batch)
		if k++; err == nil && k <= begun {
			if ctx.Err() != nil {
				return
			}
			w.all = h.String()
			continue
		}
		done := make(chan encoded, 1)
		select {
		case order <- done:
		case <-ctx.Done():
			return
		}
		if err != nil {
			done <- encoded{err: err}
			return
		}
		w.all = h.String() // is read after order is closed
		select {
		case jobs <- job{batch, h.String(), done}:
		case <-ctx.Done():
			return
		}
	}
}

// encode encodes a batch: the end of text follows each document.
func (w *splitWriter) encode(batch []tokenizer.Segment) encoded {
	var e encoded
	end, ends := w.tok.EndOfText()
	for _, s := range batch {
		e.bytes += int64(len(s.Text))
		if e.ids, e.err = w.tok.Append(e.ids, s.Text); e.err != nil {
			if t, ok := errors.AsType[*tokenizer.TextError](e.err); ok {
				e.err = &tokenizer.TextError{Text: s.Name, Offset: t.Offset + s.Offset, Problem: t.Problem}
			}
			return e
		}
		if !s.End {
			continue
		}
		e.texts++
		if ends {
			e.ids = append(e.ids, end)
		}
	}
	return e
}

// splitWriter writes the shards of a split.
type splitWriter struct {
	*packer
	name  string
	split *Split
	place Place  // before the next token
	text  string // digest of the text up to the end of the batch at hand
	all   string // and of all that was read
	out   *shard.Writer
}

// write writes the tokens of the batch at place.
func (w *splitWriter) write(e encoded) error {
	w.text = e.text
	ids := e.ids[min(w.place.Skip, len(e.ids)):]
	for len(ids) > 0 {
		if w.out == nil {
			var err error
			if w.out, err = shard.Create(filepath.Join(w.dir, shardName(w.name, len(w.split.Shards))), w.format()); err != nil {
				return err
			}
		}
		n := min(len(ids), w.options.ShardTokens-w.out.Tokens())
		if err := w.out.Write(ids[:n]); err != nil {
			return err
		}
		ids = ids[n:]
		w.place.Skip += n
		w.split.Tokens += int64(n)
		w.report(0, int64(n))
		if w.out.Tokens() == w.options.ShardTokens {
			if err := w.close(); err != nil {
				return err
			}
		}
	}
	w.place = Place{Batch: w.place.Batch + 1, Bytes: w.place.Bytes + e.bytes, Texts: w.place.Texts + e.texts}
	w.split.Bytes, w.split.Texts = w.place.Bytes, w.place.Texts
	w.report(e.bytes, 0)
	return nil
}

// close completes a shard and lists it.
func (w *splitWriter) close() error {
	one := Shard{File: shardName(w.name, len(w.split.Shards)), Tokens: w.out.Tokens(), Text: w.text, Next: w.place}
	err := w.out.Close()
	w.out = nil
	if err != nil {
		return err
	}
	if one.SHA256, err = digest(filepath.Join(w.dir, one.File)); err != nil {
		return err
	}
	w.split.Shards = append(w.split.Shards, one)
	return w.index.write(w.dir)
}

// end completes the last shard, or drops it after an error: it would be too short.
func (w *splitWriter) end(failed bool) error {
	if w.out == nil {
		return nil
	}
	if failed {
		w.out.Abort()
		w.out = nil
		return nil
	}
	return w.close()
}
