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

// maxState is the size in bytes of the largest state that Restore accepts.
const maxState = 4096

// state is the stored form of a position: what the batches depend on, then the
// place in them. Check is a digest of all the other fields.
type state struct {
	Format    string `json:"format"`
	Kind      kind   `json:"kind"`
	Corpus    string `json:"corpus"`
	Size      int64  `json:"size,omitempty"` // of the source, in bytes
	Text      string `json:"text,omitempty"` // as in prints; older states have none
	Tokenizer string `json:"tokenizer"`
	Batch     int    `json:"batch"`
	Context   int    `json:"context"`
	Seed      uint64 `json:"seed"`
	Buffer    int    `json:"buffer"`
	Anywhere  bool   `json:"anywhere"`
	Packed    bool   `json:"packed_whole,omitempty"`
	Cutting   bool   `json:"packed,omitempty"` // of earlier versions: packed, but with documents cut where blocks end
	Epoch     int    `json:"epoch"`
	Document  int    `json:"document"`
	Offset    int64  `json:"offset"`
	Skip      int    `json:"skip"`
	Taken     int    `json:"taken"`
	Before    sum    `json:"before,omitempty"` // sum of the text before Offset
	Read      sum    `json:"read,omitempty"`   // sum up to the end of the block, if some of it has been taken
	Halted    bool   `json:"halted,omitempty"` // see Halted
	Check     string `json:"check"`
}

// at returns the state of the stream with the cursor c.
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

// check returns the value that Check must have.
func (s state) check() (string, error) {
	s.Check = ""
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return short(b), nil
}

// short returns a short digest of b.
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

// Halted marks the state of a stream as that of a run that stopped because its text could
// not be read any further. Restore then accepts text that was repaired: the text may have
// changed, even in length, after the position of the state, but what was read before it in
// the epoch must be the same. Plain text that [Split] has cut or assigned to a part must
// have the same total length: otherwise some of it could have moved to the other part. The
// state of a stream from outside this package is returned unchanged.
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

// marshalled returns a state as JSON, or otherwise if that fails.
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

// goOn reads the block at a cursor and checks that it is the one that the state belongs to.
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

// readAgain reads the text of the epoch up to a cursor, which must not have changed.
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

// changed is the error for text that has changed since the stream read it.
func (l *loader) changed(c cursor) error {
	d := &l.src.docs[l.documents(c.Epoch)[c.Start.Doc]]
	return fmt.Errorf("state of batches: text that was already read has changed, in or before %s", d.where())
}

// parse reads a state and checks that it belongs to this stream.
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
		return s, c, errors.New("begun with packed windows that cut documents at block ends, which are no longer supported: start a new run, from this run's checkpoint if you like")
	}
	check, err := s.check()
	if err != nil {
		return s, c, err
	}
	if s.Check != check {
		return s, c, errors.New("damaged: the checksum does not match")
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
		mended    bool // may differ after Halted
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

// prints are fingerprints that tell corpora and tokenizers apart.
type prints struct{ corpus, text, tokenizer string }

// The fingerprint of a corpus covers the size of each document and evenly spaced samples
// of the text. That of the text covers every byte, if the text is at most wholeText bytes,
// which take a fraction of a second to read.
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

// printText returns a digest of the CRC-32C of each document, which is certain to detect any
// change of up to four bytes in a row. It is empty if the source is too large.
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
	ends := make([]int64, len(src.docs)) // offsets in the whole text
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

// sampler reads samples of documents in order, so that a compressed document is read once.
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

// printTokenizer returns the tokenizer's name and a digest of the text of every token.
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
