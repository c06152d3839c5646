package generate

import (
	"errors"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// mostPrefills bounds the programs for prompts of different lengths that are kept.
const mostPrefills = 4

// session continues a batch of sequences.
type session struct {
	generator *Generator
	memory    *graph.Memory
	decode    *piece
	prefills  []*piece // the last used at the end
	past      []int    // positions of each sequence that are remembered
}

// piece is a program for the next length tokens of every sequence.
type piece struct {
	program *graph.Program
	logits  *G.Node // (B, V)
	length  int
	tokens  []int // (B, length)
	rows    []int // (B): whose logits are wanted
}

// compile makes the program for pieces of a length.
func (s *session) compile(length int) (*piece, error) {
	batch := s.memory.Batch()
	scope := graph.New(s.generator.params, graph.Incremental(s.memory))
	logits := s.generator.model.GraphAt(scope, scope.Ints("tokens", batch, length), scope.Ints("rows", batch))
	scope.Past() // a model without positions and attention does not ask
	p, err := scope.Compile(logits)
	if err != nil {
		return nil, err
	}
	return &piece{program: p, logits: logits, length: length, tokens: make([]int, batch*length), rows: make([]int, batch)}, nil
}

// run gives the piece its inputs, past being the positions before it, and returns the
// logits.
func (p *piece) run(past []int) ([]float32, error) {
	for _, in := range []struct {
		name string
		ids  []int
	}{{"tokens", p.tokens}, {"rows", p.rows}, {"past", past}} {
		if err := p.program.SetInts(in.name, in.ids); err != nil {
			return nil, err
		}
	}
	if err := p.program.Run(); err != nil {
		return nil, err
	}
	return p.program.Value(p.logits), nil
}

// prefill forgets what is remembered, runs whole sequences, of which none is empty or longer
// than the context, and returns the logits (B, V) after each one's last token.
func (s *session) prefill(ids [][]int) ([]float32, error) {
	longest := 0
	for _, sequence := range ids {
		longest = max(longest, len(sequence))
	}
	p, err := s.prefillPiece(longest)
	if err != nil {
		return nil, err
	}
	clear(p.tokens) // attention is causal: what fills the rest does not matter
	s.past = slices.Grow(s.past[:0], len(ids))[:len(ids)]
	clear(s.past)
	for b, sequence := range ids {
		copy(p.tokens[b*p.length:], sequence)
		p.rows[b] = b*p.length + len(sequence) - 1
	}
	logits, err := p.run(s.past)
	for b, sequence := range ids {
		s.past[b] = len(sequence)
	}
	return logits, err
}

// prefillPiece returns the program for prompts up to a length. Shapes are fixed in a
// graph, so lengths are rounded up, to powers of two and from 64 on to multiples of 64.
func (s *session) prefillPiece(longest int) (*piece, error) {
	length := (longest + 63) &^ 63
	if longest < 64 {
		for length = 1; length < longest; {
			length *= 2
		}
	}
	length = min(length, s.generator.context)
	if i := slices.IndexFunc(s.prefills, func(p *piece) bool { return p.length == length }); i >= 0 {
		p := s.prefills[i]
		s.prefills = append(slices.Delete(s.prefills, i, i+1), p)
		return p, nil
	}
	p, err := s.compile(length)
	if err != nil {
		return nil, err
	}
	if len(s.prefills) == mostPrefills {
		if err := s.prefills[0].program.Close(); err != nil {
			return nil, err
		}
		s.prefills = slices.Delete(s.prefills, 0, 1)
	}
	s.prefills = append(s.prefills, p)
	return p, nil
}

// next appends the last token of every sequence, of which all before is remembered, and
// returns the logits (B, V) after it. A sequence that has filled the context slides.
func (s *session) next(ids [][]int) ([]float32, error) {
	context := s.generator.context
	if slices.Max(s.past) >= context {
		windows := make([][]int, len(ids))
		for b, sequence := range ids {
			keep := s.past[b] + 1
			if s.past[b] >= context {
				keep = (context + 1) / 2
			}
			windows[b] = sequence[len(sequence)-keep:]
		}
		return s.prefill(windows)
	}
	for b, sequence := range ids {
		s.decode.tokens[b] = sequence[len(sequence)-1]
		s.decode.rows[b] = b
	}
	logits, err := s.decode.run(s.past)
	for b := range s.past {
		s.past[b]++
	}
	return logits, err
}

// close ends the programs.
func (s *session) close() error {
	errs := []error{s.decode.program.Close()}
	for _, p := range s.prefills {
		errs = append(errs, p.program.Close())
	}
	return errors.Join(errs...)
}
