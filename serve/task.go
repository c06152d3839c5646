package serve

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorgpt/gorgpt/generate"
)

// prompt is the beginning that a choice continues.
type prompt struct {
	ids    []int
	hidden int // how many of the first tokens are not part of the text that was sent
}

// task is what a request asks for: a number of choices for each prompt, ordered by prompt.
type task struct {
	model   *Model
	request generate.Request // of each choice, without its prompt and number
	stops   []string         // texts before which a choice ends
	best    int              // how many log-probabilities for each position; −1 for none, not even the token's
	tokens  bool             // ids are wanted
	samples int              // choices for each prompt
	seeded  bool             // the client gave the seed
	prompts []prompt

	prepare func(ctx context.Context) *Error // makes the prompts
	spell   func(p prompt) spell
	form    form

	stream, streamUsage bool
}

// form is the form of the answers to a kind of task.
type form interface {
	// whole returns the answer with all parts.
	whole(parts []part, u usage) any
	// first returns the event before the parts of a choice in a stream; nil for none.
	first(choice int) any
	// chunk returns the event of a part in a stream, with a null usage if the stream is to end with the usage.
	chunk(p part) any
	// last returns the event with the usage at the end of a stream.
	last(u usage) any
}

// usage says how many tokens a task took.
type usage struct {
	Prompt     int         `json:"prompt_tokens"`
	Completion int         `json:"completion_tokens"`
	Total      int         `json:"total_tokens"`
	Details    usageCached `json:"prompt_tokens_details"`
}

type usageCached struct {
	Cached int `json:"cached_tokens"`
}

// count returns the number of choices.
func (t *task) count() int { return t.samples * len(t.prompts) }

// running is a task that is running.
type running struct {
	*task
	metrics *modelMetrics
	began   time.Time
	parts   chan part // closed when all choices have ended

	completion, cached, first atomic.Int64
}

// start generates the choices, at most as many at once as the model has slots, so that other requests get their turn
// between them. They end early if ctx does.
func (t *task) start(ctx context.Context, mm *modelMetrics, began time.Time) *running {
	r := &running{task: t, metrics: mm, began: began, parts: make(chan part, 16)}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(t.count(), t.model.slots) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < t.count() && r.write(ctx, i); i = int(next.Add(1)) - 1 {
			}
		})
	}
	go func() {
		workers.Wait()
		close(r.parts)
	}()
	return r
}

// usage returns what the task took. It is called at the end.
func (r *running) usage() usage {
	u := usage{Completion: int(r.completion.Load()), Details: usageCached{int(r.cached.Load())}}
	for _, p := range r.prompts {
		u.Prompt += len(p.ids)
	}
	u.Total = u.Prompt + u.Completion
	return u
}

// emit hands out a part, and reports whether more are wanted.
func (r *running) emit(ctx context.Context, p part) bool {
	select {
	case r.parts <- p:
		return p.err == nil
	case <-ctx.Done():
		return false
	}
}

// write generates a choice, and reports whether to go on with the next.
func (r *running) write(ctx context.Context, i int) bool {
	p, request := r.prompts[i/r.samples], r.request
	request.Prompt, request.Sample = p.ids, i
	if r.seeded { // then a prompt's samples do not depend on the prompts beside it
		request.Sample = i % r.samples
	}
	q, err := r.model.Engine.Submit(ctx, request)
	if err != nil {
		return r.emit(ctx, part{choice: i, err: r.failure(ctx, err)})
	}
	tokens := 0 // up to the end of the choice: the engine may have generated more
	defer func() { r.account(i, tokens, q.Usage()) }()
	spell := r.spell(p)
	w := writing{stops: r.stops}
	last := r.began
	for token, err := range q.Tokens() {
		if err != nil {
			return r.emit(ctx, part{choice: i, err: r.failure(ctx, err)})
		}
		if !token.Prompt {
			if token.ID >= 0 {
				tokens++
			}
			last = r.metrics.token(last, r.began, r.first.Add(1) == 1)
		}
		text, k, err := spell(token)
		if err != nil {
			return r.emit(ctx, part{choice: i, err: failed(err)})
		}
		parts, over := w.add(token, text, k)
		for _, p := range parts {
			if p.choice = i; r.best < 0 && !r.tokens || p.kind == between {
				p.tokens = nil
			}
			if p.text == "" && p.tokens == nil && p.finish == "" {
				continue
			}
			if p.finish != "" {
				r.metrics.finished.WithLabelValues(r.model.ID, p.finish).Inc()
			}
			if !r.emit(ctx, p) {
				return false
			}
		}
		if over {
			break
		}
	}
	return ctx.Err() == nil
}

// account adds what a choice took to the usage and the metrics.
func (r *running) account(i, tokens int, u generate.Usage) {
	r.completion.Add(int64(tokens))
	r.metrics.generated.Add(float64(tokens))
	if i%r.samples == 0 {
		r.metrics.prompted.Add(float64(u.Prompt))
		r.cached.Add(int64(u.Cached))
	}
	r.metrics.waited.Observe(u.Waited.Seconds())
}

// failure returns the client's error for an error of the engine.
func (r *running) failure(ctx context.Context, err error) *Error {
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	case errors.Is(err, generate.ErrClosed):
		return &Error{Status: http.StatusServiceUnavailable, Message: errStopping.Error(), RetryAfter: 1}
	case errors.Is(err, generate.ErrTooLong): // checked before
		return tooLong("prompt", r.model.Context, 0, 0)
	}
	return failed(err)
}

// writing turns the tokens of a choice into parts, each of a single kind.
type writing struct {
	stops []string // for parts of kind said
	kind  kind
	*choice
}

// add adds a token with its text and kind, and returns the parts that are certain. If over is true, the choice ends.
func (w *writing) add(t generate.Token, text string, k kind) (parts []part, over bool) {
	if w.choice == nil || k != w.kind {
		before := 0
		if w.choice != nil {
			text, tokens := w.rest()
			parts = append(parts, part{kind: w.kind, text: text, tokens: tokens})
			before = w.characters(w.given)
		}
		w.kind = k
		if w.choice = newChoice(nil); k == said {
			w.choice = newChoice(w.stops)
		}
		w.before = before
	}
	certain, tokens := w.choice.add(t, text)
	p := part{kind: k, text: certain, tokens: tokens}
	switch {
	case w.text.Stopped():
		p.finish = string(generate.StopToken)
	case t.Last:
		rest, more := w.rest()
		p.text, p.tokens = p.text+rest, append(p.tokens, more...)
		if p.finish = string(t.Finish); t.Finish != generate.Length {
			p.finish = string(generate.StopToken)
		}
	}
	if p.text != "" || len(p.tokens) > 0 || p.finish != "" {
		parts = append(parts, p)
	}
	return parts, p.finish != ""
}
