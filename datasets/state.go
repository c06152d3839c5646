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
	"io"
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
	Tokenizer string `json:"tokenizer"`
	Batch     int    `json:"batch"`
	Context   int    `json:"context"`
	Seed      uint64 `json:"seed"`
	Buffer    int    `json:"buffer"`
	Anywhere  bool   `json:"anywhere"`
	Packed    bool   `json:"packed,omitempty"`
	Rank      int    `json:"rank,omitempty"`
	Ranks     int    `json:"ranks,omitempty"`
	Epoch     int    `json:"epoch"`
	Document  int    `json:"document"`
	Offset    int64  `json:"offset"`
	Skip      int    `json:"skip"`
	Taken     int    `json:"taken"`
	Check     string `json:"check"`
}

// at is the state of the stream with the cursor c.
func (l *loader) at(c cursor) (state, error) {
	s := state{
		Format:    stateFormat,
		Kind:      l.kind,
		Corpus:    l.prints.corpus,
		Tokenizer: l.prints.tokenizer,
		Batch:     l.config.Batch,
		Context:   l.config.Context,
		Seed:      l.config.Seed,
		Buffer:    l.config.Buffer,
		Anywhere:  l.config.Anywhere,
		Packed:    l.config.Packed,
		Rank:      l.config.Rank,
		Ranks:     l.config.Ranks,
		Epoch:     c.Epoch,
		Document:  c.Start.Doc,
		Offset:    c.Start.Offset,
		Skip:      c.Start.Skip,
		Taken:     c.Taken,
	}
	var err error
	s.Check, err = s.sum()
	return s, err
}

// sum is what Check must be.
func (s state) sum() (string, error) {
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

// Restore implements Stream.
func (l *loader) Restore(b []byte) error {
	if l.closed {
		return errClosed
	}
	c, err := l.parse(b)
	if err != nil {
		return fmt.Errorf("state of batches: %w", err)
	}
	before := l.cursor
	l.cursor, l.block.loaded = c, false
	if l.kind == validation && c.Epoch > 0 {
		return nil // at the end
	}
	err = l.fill(context.Background())
	if err == nil && c.Taken > len(l.block.spans) {
		err = fmt.Errorf("state of batches: %d windows taken of a block of %d", c.Taken, len(l.block.spans))
	}
	if err != nil {
		l.cursor, l.block.loaded = before, false
	}
	return err
}

// parse reads a state and checks that it is one of this stream.
func (l *loader) parse(b []byte) (cursor, error) {
	var s state
	if len(b) > maxState {
		return cursor{}, fmt.Errorf("%d bytes, want at most %d", len(b), maxState)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return cursor{}, fmt.Errorf("not a state: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return cursor{}, errors.New("not a state: more bytes after it")
	}
	if s.Format != stateFormat {
		return cursor{}, fmt.Errorf("format %q, want %q", s.Format, stateFormat)
	}
	sum, err := s.sum()
	if err != nil {
		return cursor{}, err
	}
	if s.Check != sum {
		return cursor{}, errors.New("damaged: the check does not fit")
	}
	c := cursor{s.Epoch, position{s.Document, s.Offset, s.Skip}, s.Taken}
	want, err := l.at(c)
	if err != nil {
		return cursor{}, err
	}
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"kind", s.Kind, want.Kind},
		{"corpus", s.Corpus, want.Corpus},
		{"tokenizer", s.Tokenizer, want.Tokenizer},
		{"batch", s.Batch, want.Batch},
		{"context", s.Context, want.Context},
		{"seed", s.Seed, want.Seed},
		{"buffer", s.Buffer, want.Buffer},
		{"anywhere", s.Anywhere, want.Anywhere},
		{"packed", s.Packed, want.Packed},
		{"rank", s.Rank, want.Rank},
		{"ranks", s.Ranks, want.Ranks},
	} {
		if f.got != f.want {
			return cursor{}, fmt.Errorf("%s is %v, this stream's is %v", f.name, f.got, f.want)
		}
	}
	if c.Epoch < 0 || c.Start.Doc < 0 || c.Start.Doc >= len(l.src.docs) || c.Start.Skip < 0 || c.Taken < 0 ||
		c.Start.Offset < 0 || !l.src.docs[l.documents(c.Epoch)[c.Start.Doc]].within(c.Start.Offset) {
		return cursor{}, fmt.Errorf("no such place: document %d, offset %d, token %d, window %d of epoch %d", s.Document, s.Offset, s.Skip, s.Taken, s.Epoch)
	}
	return c, nil
}

// prints tell corpora and tokenizers apart.
type prints struct{ corpus, tokenizer string }

// The print of a corpus has the size of each document, and as many samples of
// the text as this, evenly spaced.
const (
	samples    = 64
	sampleSize = 1 << 10
)

func newPrints(src *Source, tok tokenizer.Tokenizer) (p prints, err error) {
	if p.corpus, err = printCorpus(src); err != nil {
		return p, err
	}
	if p.tokenizer, err = printTokenizer(tok); err != nil {
		return p, err
	}
	return p, checkMade(src, tok, p.tokenizer)
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
	return tok.Name() + " " + short(b), nil
}

// Halted marks the state of a stream as that of a run whose text could not be read on.
func Halted(b []byte) []byte { return b }
