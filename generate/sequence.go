package generate

import (
	"context"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// Sequence is a request that an [Engine] has taken on.
type Sequence struct {
	*job
	request Request
	random  *rand.Rand

	// Guarded by the job's lock.
	tokens  []Token // that nobody has fetched
	fetched []Token // by the last call, to be used again
	usage   Usage
	more    chan struct{} // has an element if there are tokens
}

// Usage is what a sequence took.
type Usage struct {
	Prompt, Tokens int           // tokens of the prompt, and of what was generated
	Cached         int           // tokens of the prompt that had been run for another
	Waited         time.Duration // for a slot
	First          time.Duration // for the first token, in the queue too
}

// sequence returns the job for a request.
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
	q.request.Prompt, q.request.Stop = q.slots[0].ids, slices.Clone(r.Stop) // the caller may go on with its own
	q.request.Bias = maps.Clone(r.Bias)
	return q, nil
}

// choose takes the next token.
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

// echo hands out a token of the prompt, with the logits after those before it.
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

// hand adds a token to those to be fetched.
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

// fetch returns the tokens that have come since the last time, valid until the next.
func (q *Sequence) fetch() []Token {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tokens, q.fetched = q.fetched[:0], q.tokens
	return q.fetched
}

// Tokens yields the tokens as they are chosen, and the error that ends them early. Leaving the
// loop ends the sequence. The engine does not wait for who reads: tokens are kept until then.
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

// Cancel ends the sequence, whose slot is free before the next token.
func (q *Sequence) Cancel() { q.end(errStopped) }

// Usage is what the sequence has taken so far.
func (q *Sequence) Usage() Usage {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.usage
}
