package generate

import (
	"context"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Sequence is a request that an [Engine] has accepted.
type Sequence struct {
	*job
	request Request
	random  *rand.Rand

	// Guarded by the job's lock.
	tokens  []Token // not fetched yet
	fetched []Token // by the last call, to be reused
	usage   Usage
	more    chan struct{} // has an element if there are tokens
}

// Usage says what a sequence took.
type Usage struct {
	Prompt, Tokens int           // number of tokens of the prompt, and of generated ones
	Cached         int           // prompt tokens found in the cache of prefixes
	Waited         time.Duration // for a slot
	First          time.Duration // until the first token, including the wait
}

// sequence returns the sequence for a request.
func (e *Engine) sequence(ctx context.Context, r Request) (*Sequence, error) {
	if err := r.validate(e.config.Context); err != nil {
		return nil, err
	}
	q := &Sequence{
		request: r, random: rand.New(rand.NewPCG(r.Seed, uint64(r.Sample))),
		usage: Usage{Prompt: len(r.Prompt)}, more: make(chan struct{}, 1),
	}
	q.job = newJob(ctx, 1, r.Prompt, func(s *slot, row []float32) { q.choose(e, s, row) })
	q.slots[0].echo, q.read = r.Echo, q.echo
	q.request.Prompt, q.request.Stop = q.slots[0].ids, slices.Clone(r.Stop) // the caller may reuse its slices
	q.request.Bias = maps.Clone(r.Bias)
	return q, nil
}

// choose chooses the next token and hands it out.
func (q *Sequence) choose(e *Engine, s *slot, row []float32) {
	r := &q.request
	e.sampler.Options, e.sampler.prompt = r.Options, len(r.Prompt)
	t := Token{Sequence: r.Sample, ID: e.sampler.choose(e.tokens(row), s.ids, q.random)}
	switch {
	case t.ID < 0:
		t.Finish = NoCandidates
	case slices.Contains(r.Stop, t.ID):
		t.Finish = StopToken
	case q.usage.Tokens == r.Tokens-1:
		t.Finish = Length
	}
	t.Last = t.Finish != ""
	if t.ID >= 0 {
		t.score(row, r.LogProbs)
		s.push(t.ID)
	}
	q.hand(t)
	if t.Last {
		q.end(nil)
	}
}

// echo hands out a token of the prompt, scored by the logits after the tokens before it, if any.
func (q *Sequence) echo(at int, row []float32) {
	r := &q.request
	t := Token{Sequence: r.Sample, ID: r.Prompt[at], Prompt: true}
	if row != nil {
		if err := checkNumbers(row); err != nil {
			q.end(err)
			return
		}
		t.score(row, r.LogProbs)
	}
	if t.Last = r.Tokens == 0 && at == len(r.Prompt)-1; t.Last {
		t.Finish = Length
	}
	q.hand(t)
	if t.Last {
		q.end(nil)
	}
}

// hand adds a token to those that can be fetched.
func (q *Sequence) hand(t Token) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tokens = append(q.tokens, t)
	if t.ID >= 0 && !t.Prompt {
		q.usage.Tokens++
	}
	if q.usage.First == 0 {
		q.usage.Cached = q.slots[0].found
		q.usage.Waited, q.usage.First = q.began.Sub(q.came), time.Since(q.came)
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// fetch returns the tokens added since the last call. They are valid until the next.
func (q *Sequence) fetch() []Token {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tokens, q.fetched = q.fetched[:0], q.tokens
	return q.fetched
}

// Tokens yields the tokens as they are chosen, and the error if one ends the sequence early. Leaving
// the loop cancels the sequence. The engine does not wait for the reader: it keeps tokens until they
// are read.
func (q *Sequence) Tokens() iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		defer q.Cancel()
		for over := false; ; {
			for _, t := range q.fetch() {
				if !yield(t, nil) {
					return
				}
			}
			if over {
				if q.err != nil {
					yield(Token{}, q.err)
				}
				return
			}
			select {
			case <-q.more:
			case <-q.done:
				over = true
			case <-q.ctx.Done():
				over = q.left()
			}
		}
	}
}

// Cancel ends the sequence. Its slot is freed before the engine runs the next token.
func (q *Sequence) Cancel() { q.end(errStopped) }

// Usage returns what the sequence has taken so far.
func (q *Sequence) Usage() Usage {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.usage
}
