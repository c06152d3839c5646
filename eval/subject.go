package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/generate"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
)

// Model declares the graphs that scoring text requires. A models.Model implements it.
type Model interface {
	// GraphAt declares the logits (N, V) at the given rows (N) of the flattened
	// positions of tokens (B, T).
	GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node
	// Loss declares the mean cross-entropy of targets (B, T); targets of −1 do not count.
	Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node
}

// Subject is a model under measurement: it computes likelihoods of tokens. It must not be used
// by several goroutines at once.
type Subject struct {
	Model     Model
	Params    *graph.Params
	Tokenizer tokenizer.Tokenizer // may be nil for measurements on ids
	Window    int                 // how many tokens the model is given at once
	Ends      []int               // tokens that end a text; nil: the tokenizer's end of text

	// Chat, if set, returns the tokens of a conversation in which a user says the prompt, up to where the reply
	// begins. The context of a text that is scored or generated then becomes such a prompt, including the examples.
	Chat func(prompt string) ([]int, error)

	// Progress, if set, is called with the number of parts of the work that are done, and their total.
	Progress func(done, total int)

	// Graph holds options of the graphs that score, such as graph.Compute. Text generated token by token is computed
	// in float32.
	Graph []graph.Option
	// Peers, if set, are the processes that share the work, each with a subject of the same weights and the same data.
	// Each gets the result of a single process, bit for bit. If one fails, its caller must call [train.Peers.Leave] to
	// tell the others.
	Peers train.Peers

	// CacheBytes, if above 0, limits the memory of the key/value cache for sequences; see
	// ScoreAll.
	CacheBytes int64

	scorers, losses, pieces graph.Family[*measure]

	exact  *bool        // whether texts are run without padding; nil before the first
	cache  *graph.Cache // of pieces
	holder *Scorer      // the Scorer whose beginnings the cache holds
	whole  error        // why there is no cache
}

// NewSubject returns a Subject. The window is at most the model's context.
func NewSubject(m Model, params *graph.Params, tok tokenizer.Tokenizer, window int) *Subject {
	s := &Subject{Model: m, Params: params, Tokenizer: tok, Window: window}
	arena := new(graph.Arena)
	s.scorers = graph.Family[*measure]{Build: s.buildScorer, Arena: arena}
	s.losses = graph.Family[*measure]{Build: s.buildLoss, Arena: arena}
	s.pieces = graph.Family[*measure]{Build: s.buildPiece, Most: mostPieces, Arena: arena}
	return s
}

// ends returns the tokens that end a text.
func (s *Subject) ends() []int {
	if id, ok := s.Tokenizer.EndOfText(); ok && s.Ends == nil {
		return []int{id}
	}
	return s.Ends
}

// Close closes the subject's programs.
func (s *Subject) Close() error {
	return errors.Join(s.scorers.Close(), s.losses.Close(), s.pieces.Close())
}

// step reports progress, and returns an error if the work is to stop.
func (s *Subject) step(ctx context.Context, done, total int) error {
	if s.Progress != nil {
		s.Progress(done, total)
	}
	return ctx.Err()
}

// measure holds the output of a program, and its inputs.
type measure struct {
	out                *G.Node
	tokens, rows, past []int
	places             *graph.Cache // of a piece
}

// Scored is a model's score of a token, given those before it.
type Scored struct {
	LogProb float64 // natural logarithm of its probability
	Best    int     // the most likely token at its position
}

// Score scores ids[from:], each token given those before it that fit the window. If there are more
// tokens to score than fit, they are scored in parts, each with half a window before it. It is an
// error if from is 0, as the first token has no token before it.
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
		if scored[i], err = score(logits[i*vocab:(i+1)*vocab], ids[from+i]); err != nil {
			return nil, err
		}
	}
	return scored, nil
}

// score scores a token by a row of logits.
func score(row []float32, id int) (Scored, error) {
	if id < 0 || id >= len(row) {
		return Scored{}, fmt.Errorf("eval: token %d is not in the vocabulary of %d", id, len(row))
	}
	best := argmax(row)
	var sum float64
	for _, x := range row {
		sum += math.Exp(float64(x) - float64(row[best]))
	}
	p := float64(row[id]) - float64(row[best]) - math.Log(sum)
	if math.IsNaN(p) {
		return Scored{}, errors.New("eval: the model's logits are not numbers: its activations overflow")
	}
	return Scored{p, best}, nil
}

// logits returns the logits (N, V) for ids[from:], at most a window of them, valid until the
// next call.
func (s *Subject) logits(ids []int, from int) ([]float32, error) {
	n := len(ids) - from
	q := Sequence{ids, from}
	if err := q.check(); err != nil {
		return nil, err
	}
	q = q.fit(s.Window)
	ids, from = q.IDs[:len(q.IDs)-1], q.From
	program, p, err := s.scorers.For(s.padded(len(ids)), fit(n, s.Window))
	if err != nil {
		return nil, err
	}
	clear(p.tokens)
	copy(p.tokens, ids)
	for i := range p.rows {
		p.rows[i] = from - 1 + min(i, n-1)
	}
	if err := program.SetInts("tokens", p.tokens); err != nil {
		return nil, err
	}
	if err := program.SetInts("rows", p.rows); err != nil {
		return nil, err
	}
	if err := program.Run(); err != nil {
		return nil, err
	}
	logits := program.Value(p.out)
	return logits[:len(logits)/len(p.rows)*n], nil
}

// buildScorer makes the program that computes the logits at shape[1] rows of a sequence of shape[0] tokens.
func (s *Subject) buildScorer(shape ...int) (*graph.Program, *measure, error) {
	g := graph.New(s.Params, s.Graph...)
	logits := s.Model.GraphAt(g, g.Ints("tokens", 1, shape[0]), g.Ints("rows", shape[1]))
	p, err := g.Compile(logits)
	return p, &measure{out: logits, tokens: make([]int, shape[0]), rows: make([]int, shape[1])}, err
}

// buildLoss makes the program that computes the mean loss of B sequences of T tokens.
func (s *Subject) buildLoss(shape ...int) (*graph.Program, *measure, error) {
	g := graph.New(s.Params, s.Graph...)
	mean := s.Model.Loss(g, g.Ints("tokens", shape...), g.Ints("targets", shape...))
	p, err := g.Compile(mean)
	return p, &measure{out: mean}, err
}

// windows sums the negative log-likelihoods of the targets of batch sequences of equal length,
// and counts the targets; −1 marks those that do not count.
func (s *Subject) windows(batch int, tokens, targets []int) (sum float64, counted int, err error) {
	program, p, err := s.losses.For(batch, len(tokens)/batch)
	if err != nil {
		return 0, 0, err
	}
	if err := program.SetInts("tokens", tokens); err != nil {
		return 0, 0, err
	}
	if err := program.SetInts("targets", targets); err != nil {
		return 0, 0, err
	}
	if err := program.Run(); err != nil {
		return 0, 0, err
	}
	for _, id := range targets {
		if id >= 0 {
			counted++
		}
	}
	return float64(program.Value(p.out)[0]) * float64(counted), counted, nil
}

// Greedy continues ids with the best token n times, or until stop returns true for a token, which is
// not part of the result. The model sees the last tokens that fit the window.
func (s *Subject) Greedy(ctx context.Context, ids []int, n int, stop func(id int) bool) (_ []int, err error) {
	all := slices.Clone(ids)
	add := func(id int) (over bool) {
		if over = stop != nil && stop(id); !over {
			all = append(all, id)
		}
		return over || len(all) == len(ids)+n
	}
	// While the window has room, no position runs twice.
	g := generate.New(s.Model, s.Params, s.Window)
	defer func() { err = errors.Join(err, g.Close()) }()
	if room := min(n, s.Window-len(ids)+1); room > 0 {
		for t, err := range g.Stream(ctx, ids, room, generate.Options{}) {
			if err != nil {
				return nil, err
			}
			if add(t.ID) {
				return all[len(ids):], nil
			}
		}
	}
	for len(all) < len(ids)+n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// The 0 stands for the token to predict.
		logits, err := s.logits(append(all, 0), len(all))
		if err != nil {
			return nil, err
		}
		if add(argmax(logits)) {
			break
		}
	}
	return all[len(ids):], nil
}

// fit returns the least of 1, 2, 3, 4, 6, 8, 12, … that is at least n, or the window if that is less.
// It keeps the number of shapes small, as each has its own program.
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

// mostExact is how many programs for texts without padding are kept.
const mostExact = 4

// padded returns the length to which a text of n tokens is padded. If the model works row by row, and attention is causal,
// the padding does not matter; a model that does not, such as one whose experts take a limited number of rows, is given
// the text alone.
func (s *Subject) padded(n int) int {
	if s.exact == nil {
		exact := generate.Piecewise(s.Model, s.Params) != nil
		if s.exact = &exact; exact { // a program for each length
			s.scorers.Most, s.losses.Most = mostExact, mostExact
		}
	}
	if *s.exact {
		return n
	}
	return fit(n, s.Window)
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
