package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// Model is what it takes to score text; see models.Model, which is one.
type Model interface {
	// GraphAt declares the logits (N, V) at the given rows (N) of the flattened
	// positions of tokens (B, T).
	GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node
	// Loss declares the mean cross-entropy of targets (B, T), of which −1 do not count.
	Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node
}

// Subject is a model under measurement: it computes likelihoods of tokens. It is for
// one goroutine at a time.
type Subject struct {
	Model     Model
	Params    *graph.Params
	Tokenizer tokenizer.Tokenizer // may be nil for measurements on ids
	Window    int                 // tokens that the model is given at once
	Ends      []int               // tokens that end a text; nil: the tokenizer's end of text

	// Progress, if set, is told how many parts of the work are done, out of how many.
	Progress func(done, total int)

	scorers map[shape]*scorer
	losses  map[shape]*loss
}

// NewSubject returns a Subject. The window is at most the model's context.
func NewSubject(m Model, params *graph.Params, tok tokenizer.Tokenizer, window int) *Subject {
	return &Subject{
		Model: m, Params: params, Tokenizer: tok, Window: window,
		scorers: make(map[shape]*scorer), losses: make(map[shape]*loss),
	}
}

// ends are the tokens that end a text.
func (s *Subject) ends() []int {
	if id, ok := s.Tokenizer.EndOfText(); ok && s.Ends == nil {
		return []int{id}
	}
	return s.Ends
}

// Close ends the subject's programs.
func (s *Subject) Close() error {
	var errs []error
	for _, p := range s.scorers {
		errs = append(errs, p.program.Close())
	}
	for _, p := range s.losses {
		errs = append(errs, p.program.Close())
	}
	clear(s.scorers)
	clear(s.losses)
	return errors.Join(errs...)
}

// step reports progress and tells whether to stop.
func (s *Subject) step(ctx context.Context, done, total int) error {
	if s.Progress != nil {
		s.Progress(done, total)
	}
	return ctx.Err()
}

// shape tells programs apart: graphs have fixed shapes. It is B and T of one that
// computes a loss, T and N of one that computes logits.
type shape [2]int

type scorer struct {
	program      *graph.Program
	logits       *G.Node
	tokens, rows []int
}

type loss struct {
	program *graph.Program
	mean    *G.Node
}

// Scored is what a model says of one token, given those before it.
type Scored struct {
	LogProb float64 // natural logarithm of its probability
	Best    int     // the token that the model would have chosen
}

// Score scores ids[from:], each token given those before it that fit the window. Where more
// are to score than fit, they are scored in parts, each with half a window before it. That
// from is 0 is an error: the first token has nothing before it.
func (s *Subject) Score(ids []int, from int) ([]Scored, error) {
	n := len(ids) - from
	if from > 0 && n > s.Window {
		part := max(1, s.Window/2)
		first, err := s.Score(ids[:from+part], from)
		if err != nil {
			return nil, err
		}
		rest, err := s.Score(ids, from+part)
		return append(first, rest...), err
	}
	logits, err := s.logits(ids, from)
	if err != nil {
		return nil, err
	}
	vocab := len(logits) / n
	scored := make([]Scored, n)
	for i := range scored {
		row := logits[i*vocab : (i+1)*vocab]
		id := ids[from+i]
		if id < 0 || id >= vocab {
			return nil, fmt.Errorf("eval: token %d is not in the vocabulary of %d", id, vocab)
		}
		best := argmax(row)
		var sum float64
		for _, x := range row {
			sum += math.Exp(float64(x) - float64(row[best]))
		}
		scored[i] = Scored{float64(row[id]) - float64(row[best]) - math.Log(sum), best}
	}
	return scored, nil
}

// logits returns the logits (N, V) for ids[from:], at most a window of them, valid until the
// next call.
func (s *Subject) logits(ids []int, from int) ([]float32, error) {
	n := len(ids) - from
	switch {
	case from < 1:
		return nil, errors.New("eval: nothing before the first token to score")
	case n < 1:
		return nil, errors.New("eval: no tokens to score")
	}
	ids = ids[:len(ids)-1] // the last one is only predicted
	first := max(0, len(ids)-s.Window)
	ids, from = ids[first:], from-first
	p, err := s.scorer(shape{fit(len(ids), s.Window), fit(n, s.Window)})
	if err != nil {
		return nil, err
	}
	// Attention is causal: what fills the rest does not matter.
	clear(p.tokens)
	copy(p.tokens, ids)
	for i := range p.rows {
		p.rows[i] = from - 1 + min(i, n-1)
	}
	if err := p.program.SetInts("tokens", p.tokens); err != nil {
		return nil, err
	}
	if err := p.program.SetInts("rows", p.rows); err != nil {
		return nil, err
	}
	if err := p.program.Run(); err != nil {
		return nil, err
	}
	logits := p.program.Value(p.logits)
	return logits[:len(logits)/len(p.rows)*n], nil
}

// scorer returns the program of a shape.
func (s *Subject) scorer(sh shape) (*scorer, error) {
	if p := s.scorers[sh]; p != nil {
		return p, nil
	}
	g := graph.New(s.Params)
	logits := s.Model.GraphAt(g, g.Ints("tokens", 1, sh[0]), g.Ints("rows", sh[1]))
	program, err := g.Compile(logits)
	if err != nil {
		return nil, err
	}
	p := &scorer{program, logits, make([]int, sh[0]), make([]int, sh[1])}
	s.scorers[sh] = p
	return p, nil
}

// windows sums the negative log-likelihoods of the targets of B sequences of T tokens,
// and counts the targets; −1 marks those that do not count.
func (s *Subject) windows(batch int, tokens, targets []int) (sum float64, counted int, err error) {
	sh := shape{batch, len(tokens) / batch}
	p := s.losses[sh]
	if p == nil {
		g := graph.New(s.Params)
		mean := s.Model.Loss(g, g.Ints("tokens", sh[0], sh[1]), g.Ints("targets", sh[0], sh[1]))
		program, err := g.Compile(mean)
		if err != nil {
			return 0, 0, err
		}
		p = &loss{program, mean}
		s.losses[sh] = p
	}
	if err := p.program.SetInts("tokens", tokens); err != nil {
		return 0, 0, err
	}
	if err := p.program.SetInts("targets", targets); err != nil {
		return 0, 0, err
	}
	if err := p.program.Run(); err != nil {
		return 0, 0, err
	}
	for _, id := range targets {
		if id >= 0 {
			counted++
		}
	}
	return float64(p.program.Value(p.mean)[0]) * float64(counted), counted, nil
}

// Greedy goes on from ids with the best token n times, or until stop says so.
func (s *Subject) Greedy(ctx context.Context, ids []int, n int, stop func(id int) bool) ([]int, error) {
	all := append([]int(nil), ids...)
	for range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// The token to predict is not known yet; its place is.
		logits, err := s.logits(append(all, 0), len(all))
		if err != nil {
			return nil, err
		}
		id := argmax(logits)
		if stop != nil && stop(id) {
			break
		}
		all = append(all, id)
	}
	return all[len(ids):], nil
}

// fit is the least of 1, 2, 3, 4, 6, 8, 12, … that holds n, or the window: few shapes,
// as each has a program of its own.
func fit(n, window int) int {
	size := 1
	for size < n {
		if size >= 2 && size*3/2 >= n {
			size = size * 3 / 2
			break
		}
		size *= 2
	}
	return min(size, window)
}

func argmax(row []float32) int {
	best := 0
	for i, x := range row {
		if x > row[best] {
			best = i
		}
	}
	return best
}
