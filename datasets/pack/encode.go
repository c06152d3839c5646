package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/gorgpt/gorgpt/store"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// batchBytes is about how much text is encoded at a time.
const batchBytes = 1 << 20

// Part is an encoded item: a file of its tokens, without a header.
type Part struct {
	Item   int    `json:"item"`
	Tokens int64  `json:"tokens"`
	Bytes  int64  `json:"bytes"` // of text
	Texts  int64  `json:"texts"` // that end in the item
	SHA256 string `json:"sha256"`
	Text   string `json:"text"` // digest of the text
}

// partName returns the name of a part's file.
func partName(dir string, item int) string {
	return store.Join(dir, partsFolder, fmt.Sprintf("%06d.tokens", item))
}

// encoded is the result of encoding a batch.
type encoded struct {
	ids   []int
	bytes int64
	texts int64
	err   error
}

// Encode encodes an item and writes its part to a file. The result depends only on the item, not on what other
// processes do or did before.
func (w *Work) Encode(ctx context.Context, item int) (Part, error) {
	p := Part{Item: item}
	if item < 0 || item >= len(w.items) {
		return p, fmt.Errorf("item %d: there are %d", item, len(w.items))
	}
	out, err := store.Create(partName(w.dir, item))
	if err != nil {
		return p, err
	}
	defer out.Discard()
	reading, stop := context.WithCancel(ctx)
	order := make(chan chan encoded, cap(w.slots))
	text := newDigest()
	go w.deal(reading, item, text, order)
	defer func() { // batches still in flight release their slots
		stop()
		for done := range order {
			<-done
			<-w.slots
		}
	}()
	sum := sha256.New()
	var buf []byte
	for done := range order {
		e := <-done
		<-w.slots
		if e.err != nil {
			return p, e.err
		}
		if buf, err = w.id.format().Append(buf[:0], e.ids); err != nil {
			return p, fmt.Errorf("%s: %w", partName(w.dir, item), err)
		}
		sum.Write(buf)
		if _, err := out.Write(buf); err != nil {
			return p, err
		}
		p.Tokens, p.Bytes, p.Texts = p.Tokens+int64(len(e.ids)), p.Bytes+e.bytes, p.Texts+e.texts
		w.report(e.bytes, int64(len(e.ids)))
	}
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	p.SHA256, p.Text = hex.EncodeToString(sum.Sum(nil)), text.String()
	return p, out.Commit()
}

// deal encodes the batches of an item concurrently. For each, in order, it sends the channel on which its result arrives.
func (w *Work) deal(ctx context.Context, item int, text digest, order chan<- chan encoded) {
	defer close(order)
	for batch, err := range tokenizer.Batches(w.tok, w.items[item].Texts(), batchBytes) {
		select {
		case w.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		done := make(chan encoded, 1)
		order <- done // has room for as many as there are slots
		if err != nil {
			done <- encoded{err: err}
			return
		}
		go func() { done <- w.encode(batch) }()
		text.add(batch) // text is read only after order is closed
	}
}

// encode encodes a batch, with the end-of-text token after each document.
func (w *Work) encode(batch []tokenizer.Segment) encoded {
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
