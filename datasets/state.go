package datasets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"

	"github.com/gorgpt/gorgpt/tokenizer"
)

// stateFormat is the version of a state; another format gets another number.
const stateFormat = "gorgpt batches 1"

// maxState bounds the bytes that Restore looks at.
const maxState = 4096

// state is a position as it is stored: what the batches depend on, then where
// in them. Check is over all the other fields.
type state struct {
	Format    string `json:"format"`
	Kind      kind   `json:"kind"`
	Corpus    string `json:"corpus"`
	Size      int64  `json:"size,omitempty"` // of the source, in bytes
	Text      string `json:"text,omitempty"` // as in prints; states of before it have none
	Tokenizer string `json:"tokenizer"`
	Batch     int    `json:"batch"`
	Context   int    `json:"context"`
	Seed      uint64 `json:"seed"`
	Buffer    int    `json:"buffer"`
	Anywhere  bool   `json:"anywhere"`
	Packed    bool   `json:"packed_whole,omitempty"`
	Cutting   bool   `json:"packed,omitempty"` // of earlier programs: packed, but with documents cut where blocks end
	Epoch     int    `json:"epoch"`
	Document  int    `json:"document"`
	Offset    int64  `json:"offset"`
	Skip      int    `json:"skip"`
	Taken     int    `json:"taken"`
	Before    sum    `json:"before,omitempty"` // of the text before Offset
	Read      sum    `json:"read,omitempty"`   // and up to the end of the block, if some of it is taken
	Halted    bool   `json:"halted,omitempty"` // see Halted
	Check     string `json:"check"`
}

// at is the state of the stream with the cursor c.
func (l *loader) at(c cursor) (state, error) {
	s := state{
		Format:    stateFormat,
		Kind:      l.kind,
		Corpus:    l.prints.corpus,
		Size:      l.src.size,
		Text:      l.prints.text,
		Tokenizer: l.prints.tokenizer,
		Batch:     l.config.Batch,
		Context:   l.config.Context,
		Seed:      l.config.Seed,
		Buffer:    l.config.Buffer,
		Anywhere:  l.config.Anywhere,
		Packed:    l.config.Packed,
		Epoch:     c.Epoch,
		Document:  c.Start.Doc,
		Offset:    c.Start.Offset,
		Skip:      c.Start.Skip,
		Taken:     c.Taken,
		Before:    c.Start.Sum,
	}
	if c.Taken > 0 {
		s.Read = c.Read
	}
	var err error
	s.Check, err = s.check()
	return s, err
}

// check is what Check must be.
func (s state) check() (string, error) {
	s.Check = ""
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return short(b), nil
}

// short is a digest to tell things apart by.
func short(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// State implements Stream.
func (l *loader) State() ([]byte, error) {
	s, err := l.at(l.cursor)
	if err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// Halted returns the state of a stream as that of a run whose text could not be read on.
// Restore then accepts text that was mended: it may have changed, in length too, after
// the place where the state is, but is read from the same document and offset on, so what
// was read before in the epoch must be the same. Plain text that [Split] has cut or shared out
// must have the same length: else some of it would have come to the other part. The state of a stream that is not of
// this package is returned as it is.
func Halted(b []byte) []byte {
	var s state
	var m mixState
	switch {
	case json.Unmarshal(b, &s) == nil && s.Format == stateFormat:
		s.Halted = true
		var err error
		if s.Check, err = s.check(); err != nil {
			return b
		}
		return marshalled(s, b)
	case json.Unmarshal(b, &m) == nil && m.Format == mixStateFormat:
		for i, part := range m.Parts {
			m.Parts[i] = Halted(part)
		}
		return marshalled(m, b)
	}
	return b
}

// marshalled is a state as JSON, or otherwise if it cannot be.
func marshalled(state any, otherwise []byte) []byte {
	if b, err := json.Marshal(state); err == nil {
		return b
	}
	return otherwise
}

// Restore implements Stream.
func (l *loader) Restore(b []byte) error {
	if l.closed {
		return errClosed
	}
	s, c, err := l.parse(b)
	if err != nil {
		return fmt.Errorf("state of batches: %w", err)
	}
	before := l.cursor
	l.cursor, l.block.loaded, l.block.rest = c, false, nil
	if l.kind == validation && c.Epoch > 0 {
		return nil // at the end
	}
	if err = l.goOn(s, c); err != nil {
		l.cursor, l.block.loaded, l.block.rest = before, false, nil
	}
	return err
}

// goOn reads the block at a cursor, and checks that it is the one that the state is of.
func (l *loader) goOn(s state, c cursor) error {
	if s.Corpus != l.prints.corpus || s.Text != "" && s.Text != l.prints.text {
		if err := l.readAgain(c); err != nil {
			return err
		}
	}
	if err := l.fill(context.Background()); err != nil {
		return err
	}
	if c.Taken > len(l.block.spans) {
		return fmt.Errorf("state of batches: %d windows taken of a block of %d", c.Taken, len(l.block.spans))
	}
	if s.Read != 0 && s.Read != l.Read {
		return l.changed(c)
	}
	return nil
}

// readAgain reads the text of the epoch up to a cursor, which must be what it was.
func (l *loader) readAgain(c cursor) error {
	order := l.documents(c.Epoch)
	var at position
	for at.Doc < c.Start.Doc || at.Doc == c.Start.Doc && at.Offset < c.Start.Offset {
		p, err := l.reader.piece(order[at.Doc], at.Offset)
		switch {
		case err == io.EOF && at.Doc == c.Start.Doc:
			return l.changed(c)
		case err == io.EOF:
			at.Doc, at.Offset = at.Doc+1, 0
			continue
		case err != nil:
			return err
		}
		at.Sum, at.Offset = at.Sum.add(order[at.Doc], p), p.next
		if p.last {
			at.Doc, at.Offset = at.Doc+1, 0
		}
	}
	if at.Doc != c.Start.Doc || at.Offset != c.Start.Offset || at.Sum != c.Start.Sum {
		return l.changed(c)
	}
	return nil
}

// changed is the error of text that is not what a stream has read already.
func (l *loader) changed(c cursor) error {
	d := &l.src.docs[l.documents(c.Epoch)[c.Start.Doc]]
	return fmt.Errorf("state of batches: the text has changed that was read already, before or in %s", d.where())
}

// parse reads a state and checks that it is one of this stream.
func (l *loader) parse(b []byte) (s state, c cursor, err error) {
	if len(b) > maxState {
		return s, c, fmt.Errorf("%d bytes, want at most %d", len(b), maxState)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, c, fmt.Errorf("not a state: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return s, c, errors.New("not a state: more bytes after it")
	}
	if s.Format != stateFormat {
		return s, c, fmt.Errorf("format %q, want %q", s.Format, stateFormat)
	}
	if s.Cutting {
		return s, c, errors.New("begun with packed windows that cut documents where blocks end, which are no more: begin it again, from its checkpoint if you like")
	}
	check, err := s.check()
	if err != nil {
		return s, c, err
	}
	if s.Check != check {
		return s, c, errors.New("damaged: the check does not fit")
	}
	c = cursor{s.Epoch, position{s.Document, s.Offset, s.Skip, s.Before}, s.Taken, s.Read}
	want, err := l.at(c)
	if err != nil {
		return s, c, err
	}
	text := want.Text
	if s.Text == "" {
		text = ""
	}
	moved := s.Size != want.Size && slices.ContainsFunc(l.src.docs, func(d Document) bool { return d.split })
	for _, f := range []struct {
		name      string
		got, want any
		mended    bool // may be another after Halted
	}{
		{"kind", s.Kind, want.Kind, false},
		{"corpus", s.Corpus, want.Corpus, true},
		{"text", s.Text, text, true},
		{"tokenizer", s.Tokenizer, want.Tokenizer, false},
		{"batch", s.Batch, want.Batch, false},
		{"context", s.Context, want.Context, false},
		{"seed", s.Seed, want.Seed, false},
		{"buffer", s.Buffer, want.Buffer, false},
		{"anywhere", s.Anywhere, want.Anywhere, false},
		{"packed", s.Packed, want.Packed, false},
	} {
		if f.got != f.want && !(f.mended && s.Halted && !moved) {
			return s, c, fmt.Errorf("%s is %v, this stream's is %v", f.name, f.got, f.want)
		}
	}
	if c.Epoch < 0 || c.Start.Doc < 0 || c.Start.Doc >= len(l.src.docs) || c.Start.Skip < 0 || c.Taken < 0 ||
		c.Start.Offset < 0 || !l.src.docs[l.documents(c.Epoch)[c.Start.Doc]].within(c.Start.Offset) {
		return s, c, fmt.Errorf("no such place: document %d, offset %d, token %d, window %d of epoch %d", s.Document, s.Offset, s.Skip, s.Taken, s.Epoch)
	}
	return s, c, nil
}

// prints tell corpora and tokenizers apart.
type prints struct{ corpus, text, tokenizer string }

// The print of a corpus has the size of each document, and as many samples of
// the text as this, evenly spaced. That of the text has every byte of it, up to a size that
// takes part of a second to read.
const (
	samples    = 64
	sampleSize = 1 << 10
	wholeText  = 512 << 20
)

func newPrints(src *Source, tok tokenizer.Tokenizer) (p prints, err error) {
	if p.corpus, err = printCorpus(src); err != nil {
		return p, err
	}
	if p.text, err = printText(src); err != nil {
		return p, err
	}
	p.tokenizer, err = printTokenizer(tok)
	return p, err
}

// printText is a digest of a CRC-32C of each document, which tells any change of up to four
// bytes in a row for sure; empty if the source is too large.
func printText(src *Source) (string, error) {
	if src.size > wholeText {
		return "", nil
	}
	var b []byte
	chunk := make([]byte, min(src.size, 256<<10))
	for i := range src.docs {
		d := &src.docs[i]
		c, err := d.open()
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.where(), err)
		}
		crc := uint32(0)
		for at := int64(0); at < d.Size && err == nil; at += int64(len(chunk)) {
			part := chunk[:min(int64(len(chunk)), d.Size-at)]
			err = d.readAt(c, part, at)
			crc = crc32.Update(crc, castagnoli, part)
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return "", fmt.Errorf("%s: %w", d.where(), err)
		}
		b = binary.LittleEndian.AppendUint32(b, crc)
	}
	return short(b), nil
}

func printCorpus(src *Source) (string, error) {
	var b []byte
	ends := make([]int64, len(src.docs)) // in the whole text
	total := int64(0)
	for i, d := range src.docs {
		b = binary.LittleEndian.AppendUint64(b, uint64(d.Size))
		total += d.Size
		ends[i] = total
	}
	r := sampler{docs: src.docs}
	defer r.close()
	for k := range int64(samples) {
		at := total/samples*k + total%samples*k/samples // total·k/samples
		i := sort.Search(len(ends), func(i int) bool { return ends[i] > at })
		d := &src.docs[i]
		sample, err := r.sample(i, at-(ends[i]-d.Size))
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.where(), err)
		}
		b = append(b, sample...)
	}
	for i, d := range src.docs {
		if d.share != nil {
			b = fmt.Appendf(b, "%d %s %v %t", i, d.format.field, d.share.fraction, d.share.validation)
		}
	}
	return short(b), nil
}

// sampler reads samples, in order, of documents: a compressed one is then read once.
type sampler struct {
	docs    []Document
	open    int
	content Content
}

func (r *sampler) sample(i int, offset int64) ([]byte, error) {
	d := &r.docs[i]
	if r.content == nil || r.open != i {
		r.close()
		c, err := d.open()
		if err != nil {
			return nil, err
		}
		r.open, r.content = i, c
	}
	sample := make([]byte, min(sampleSize, d.Size-offset))
	return sample, d.readAt(r.content, sample, offset)
}

func (r *sampler) close() {
	if r.content != nil {
		r.content.Close()
	}
}

// printTokenizer is the name and a digest of the text of every token.
func printTokenizer(tok tokenizer.Tokenizer) (string, error) {
	end, ok := tok.EndOfText()
	b := fmt.Appendf(nil, "%d %d %t", tok.Size(), end, ok)
	var text []byte
	for id := range tok.Size() {
		var err error
		if text, err = tok.AppendText(text[:0], []int{id}); err != nil {
			return "", err
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	b = append(b, tokenizer.Manner(tok)...)
	return tok.Name() + " " + short(b), nil
}
