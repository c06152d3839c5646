package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// ids is a sequence of tokens that is read in parts. From call to call, from and to never decrease.
// A part is valid until the next call.
type ids interface {
	at(from, to int) ([]int, error)
}

// list is a sequence in memory.
type list []int

func (l list) at(from, to int) ([]int, error) { return l[from:to], nil }

// stream is a sequence of which only the part being read is kept.
type stream struct {
	next  func() ([]int, error, bool) // of iter.Pull2
	ids   []int
	first int // the index of ids[0] in the sequence
}

func (s *stream) at(from, to int) ([]int, error) {
	for s.first+len(s.ids) < to {
		if n := min(from-s.first, len(s.ids)); n > 0 { // the first n tokens are no longer needed
			s.ids, s.first = append(s.ids[:0], s.ids[n:]...), s.first+n
		}
		more, err, ok := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errors.New("eval: the text became shorter while it was being read")
		}
		s.ids = append(s.ids, more...)
	}
	return s.ids[from-s.first : to-s.first], nil
}

// sum is a negative log-likelihood and the number of its tokens.
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

// begin returns the tokens that each sequence begins with.
func (p Perplexity) begin(s *Subject) []int {
	if !p.BOS {
		return nil
	}
	id, _ := tokenizer.Beginning(s.Tokenizer) // see check
	return []int{id}
}

// sequence measures a sequence of length tokens. If shared is set, the ranks share its runs.
func (p Perplexity) sequence(ctx context.Context, s *Subject, all ids, length int, shared bool, progress func(done, total int)) (sum, error) {
	t, stride := s.Window, p.stride(s)
	n := length - 1 // to predict
	if n < 1 {
		return sum{}, errors.New("eval: fewer than two tokens: without a beginning of text, the first is not predicted")
	}
	// A short text does not need a whole window. Short windows are too little work for a run, so
	// several are batched in one.
	t = min(t, n)
	width := s.padded(t)
	batch := fit(min(max(1, 1024/width), 1+(n-t+stride-1)/stride), max(1, 1024/width))
	if *s.exact {
		batch = 1
	}
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
			tokens, targets := w.tokens, w.targets
			if *s.exact {
				tokens, targets = tokens[:w.length], targets[:w.length]
			}
			if parts[i].NLL, parts[i].Tokens, err = s.windows(batch, tokens, targets); err != nil {
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

// walk moves a window over a sequence with n tokens to predict.
type walk struct {
	all        ids
	t, stride  int
	n          int
	full       bool // the last window reaches back until it is full
	next, done int  // where the next window begins, and up to where tokens have been predicted
	length     int  // of the last window

	tokens, targets []int
}

// fill advances by as many windows as a run has room for. If they are wanted, it writes them to tokens and targets.
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
		w.done, w.length = end, end-w.next
		w.next += w.stride
	}
	return nil
}
