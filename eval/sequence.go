package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// ids are a sequence of tokens, of which a part is looked at at a time: from and to never go
// back. The part is valid until the next.
type ids interface {
	at(from, to int) ([]int, error)
}

// list is a sequence that is there.
type list []int

func (l list) at(from, to int) ([]int, error) { return l[from:to], nil }

// stream is a sequence of which only what is looked at is kept.
type stream struct {
	next  func() ([]int, error, bool) // of iter.Pull2
	ids   []int
	first int // the place of ids[0]
}

func (s *stream) at(from, to int) ([]int, error) {
	for s.first+len(s.ids) < to {
		if n := min(from-s.first, len(s.ids)); n > 0 { // is not needed any more
			s.ids, s.first = append(s.ids[:0], s.ids[n:]...), s.first+n
		}
		more, err, ok := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errors.New("eval: the text has become shorter while it was read")
		}
		s.ids = append(s.ids, more...)
	}
	return s.ids[from-s.first : to-s.first], nil
}

// sum is a negative log-likelihood and the number of tokens that it is of.
type sum struct {
	NLL    float64
	Tokens int
}

// check checks the options before anything is read.
func (p Perplexity) check(s *Subject) error {
	if stride := p.stride(s); stride < 1 || stride > s.Window {
		return fmt.Errorf("eval: a stride of %d is not between 1 and the window of %d", stride, s.Window)
	}
	if p.Words != "" && !slices.Contains(WordCounts(), p.Words) {
		return nearest.Unknown("word count", p.Words, WordCounts())
	}
	if !p.BOS {
		return nil
	}
	if _, ok := tokenizer.Beginning(s.Tokenizer); !ok {
		return noEnd(s.Tokenizer)
	}
	return nil
}

// begin is what stands in front of each sequence.
func (p Perplexity) begin(s *Subject) []int {
	if !p.BOS {
		return nil
	}
	id, _ := tokenizer.Beginning(s.Tokenizer) // see check
	return []int{id}
}

// sequence measures one of so many tokens, whose runs ranks may share out.
func (p Perplexity) sequence(ctx context.Context, s *Subject, all ids, length int, shared bool, progress func(done, total int)) (sum, error) {
	t, stride := s.Window, p.stride(s)
	n := length - 1 // to predict
	if n < 1 {
		return sum{}, errors.New("eval: fewer than two tokens: without a beginning of text, the first is not predicted")
	}
	// A short text needs no whole window. Short windows are too little work for a run, so
	// several go into one.
	t = min(t, n)
	width := fit(t, s.Window)
	batch := fit(min(max(1, 1024/width), 1+(n-t+stride-1)/stride), max(1, 1024/width))
	windows := 1 + (n-t+stride-1)/stride
	parts := make([]sum, (windows+batch-1)/batch)
	w := &walk{all: all, t: t, stride: stride, n: n, full: p.FullLast, tokens: make([]int, batch*width), targets: make([]int, batch*width)}
	for i := range parts {
		own := !shared || s.own(i, len(parts))
		if err := w.fill(width, own); err != nil {
			return sum{}, err
		}
		if own {
			var err error
			if parts[i].NLL, parts[i].Tokens, err = s.windows(batch, w.tokens, w.targets); err != nil {
				return sum{}, err
			}
		}
		if progress != nil {
			progress(w.done, n)
		}
		if err := ctx.Err(); err != nil {
			return sum{}, err
		}
	}
	if shared {
		if err := join(s, parts); err != nil {
			return sum{}, err
		}
	}
	var total sum
	for _, part := range parts {
		total.NLL, total.Tokens = total.NLL+part.NLL, total.Tokens+part.Tokens
	}
	return total, nil
}

// walk is a window that goes over a sequence of n tokens to predict.
type walk struct {
	all        ids
	t, stride  int
	n          int
	full       bool // the last window reaches back
	next, done int  // where the window begins, and up to where tokens are predicted

	tokens, targets []int
}

// fill goes on by as many windows as there is room for, and puts them there, unless they are not wanted.
func (w *walk) fill(width int, wanted bool) error {
	for b := range len(w.tokens) / width {
		in, out := w.tokens[b*width:(b+1)*width], w.targets[b*width:(b+1)*width]
		clear(in)
		for i := range out {
			out[i] = -1
		}
		if w.done == w.n {
			continue
		}
		// The window reads the tokens from next to end and predicts those from next+1 to
		// end+1, of which those up to done were predicted before.
		end := min(w.next+w.t, w.n)
		if w.full {
			w.next = end - w.t
		}
		if wanted {
			part, err := w.all.at(w.next, end+1)
			if err != nil {
				return err
			}
			copy(in, part[:end-w.next])
			copy(out[w.done-w.next:], part[w.done-w.next+1:])
		}
		w.done = end
		w.next += w.stride
	}
	return nil
}
