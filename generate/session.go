package generate

import (
	"errors"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// mostPrefills bounds the programs for prompts of different lengths that are kept. Of those for
// whole windows one is: the next is a token longer.
const mostPrefills = 4

// session continues a batch of sequences.
type session struct {
	generator *Generator
	memory    *graph.Memory
	one       *graph.Memory // any one of the sequences
	decode    *piece        // nil if whole
	prefills  []*piece      // the last used at the end
	past      []int         // positions of each sequence that are remembered
	whole     bool          // nothing is: every token takes a run over its whole window
	logits    []float32
}

func newSession(g *Generator, batch int) *session {
	m := graph.NewMemory(batch, g.context)
	return &session{generator: g, memory: m, one: m.Sequence(0)}
}

// piece is a program for the next length tokens of every sequence, or of the first.
type piece struct {
	program *graph.Program
	logits  *G.Node // (B, V)
	batch   int
	length  int
	whole   bool
	tokens  []int // (B, length)
	rows    []int // (B): whose logits are wanted
}

// compile makes the program for pieces of a length, of all sequences or of one.
func (s *session) compile(batch, length int) (*piece, error) {
	var options []graph.Option
	switch {
	case s.whole:
	case batch < s.memory.Batch():
		options = append(options, graph.Incremental(s.one))
	default:
		options = append(options, graph.Incremental(s.memory))
	}
	scope := graph.New(s.generator.params, options...)
	logits := s.generator.model.GraphAt(scope, scope.Ints("tokens", batch, length), scope.Ints("rows", batch))
	scope.Past() // a model without positions and attention does not ask
	p, err := scope.Compile(logits)
	if err != nil {
		return nil, err
	}
	return &piece{program: p, logits: logits, batch: batch, length: length, whole: s.whole, tokens: make([]int, batch*length), rows: make([]int, batch)}, nil
}

// run gives the piece its inputs, past being the positions before it, and returns the
// logits.
func (p *piece) run(past []int) ([]float32, error) {
	if err := p.program.SetInts("tokens", p.tokens); err != nil {
		return nil, err
	}
	if err := p.program.SetInts("rows", p.rows); err != nil {
		return nil, err
	}
	if !p.whole {
		if err := p.program.SetInts("past", past); err != nil {
			return nil, err
		}
	}
	if err := p.program.Run(); err != nil {
		return nil, err
	}
	return p.program.Value(p.logits), nil
}

// prefill forgets what is remembered, runs whole sequences, of which none is empty or longer
// than the context, and returns the logits (B, V) after each one's last token. Where all are
// the same, as for beams and samples of one prompt, one is run for all. Where nothing is
// remembered each is run by itself: an op may look at any row, another sequence's too.
func (s *session) prefill(ids [][]int) ([]float32, error) {
	batch, same, longest := len(ids), true, 0
	s.past = s.past[:0]
	for _, sequence := range ids {
		longest = max(longest, len(sequence))
		same = same && slices.Equal(sequence, ids[0])
		s.past = append(s.past, len(sequence))
	}
	if same && batch > 1 {
		logits, err := s.prefillOne(0, ids[0])
		if err != nil {
			return nil, err
		}
		s.memory.Select(make([]int, batch), longest)
		s.logits = s.logits[:0]
		for range batch {
			s.logits = append(s.logits, logits...)
		}
		return s.logits, nil
	}
	if s.whole {
		s.logits = s.logits[:0]
		for b, sequence := range ids {
			logits, err := s.prefillOne(b, sequence)
			if err != nil {
				return nil, err
			}
			s.logits = append(s.logits, logits...)
		}
		return s.logits, nil
	}
	p, err := s.prefillPiece(batch, longest)
	if err != nil {
		return nil, err
	}
	clear(p.tokens) // attention is causal: what fills the rest does not matter
	for b, sequence := range ids {
		copy(p.tokens[b*p.length:], sequence)
		p.rows[b] = b*p.length + len(sequence) - 1
	}
	return p.run(make([]int, batch))
}

// prefillPiece returns the program for prompts up to a length. Shapes are fixed in a
// graph, so lengths are rounded up, to powers of two and from 64 on to multiples of 64; but not
// for whole windows, where an op may look at what fills the rest.
func (s *session) prefillPiece(batch, longest int) (*piece, error) {
	length := (longest + 63) &^ 63
	if longest < 64 {
		for length = 1; length < longest; {
			length *= 2
		}
	}
	length, most := min(length, s.generator.context), mostPrefills
	if s.whole {
		length, most = longest, 1
	}
	if i := slices.IndexFunc(s.prefills, func(p *piece) bool { return p.batch == batch && p.length == length }); i >= 0 {
		p := s.prefills[i]
		s.prefills = append(slices.Delete(s.prefills, i, i+1), p)
		return p, nil
	}
	p, err := s.compile(batch, length)
	if err != nil {
		return nil, err
	}
	if len(s.prefills) == most {
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
	var full []int
	for b, past := range s.past {
		if past >= context {
			full = append(full, b)
		}
	}
	if s.whole || len(full) == len(ids) {
		windows := make([][]int, len(ids))
		for b := range ids {
			windows[b] = s.window(ids[b], s.past[b])
		}
		return s.prefill(windows)
	}
	for b, sequence := range ids {
		s.decode.tokens[b] = sequence[len(sequence)-1]
		s.decode.rows[b] = b
		// A full one is computed along, to no purpose, in its last place.
		s.past[b] = min(s.past[b], context-1)
	}
	logits, err := s.decode.run(s.past)
	for b := range s.past {
		s.past[b]++
	}
	if err != nil || len(full) == 0 {
		return logits, err
	}
	s.logits = append(s.logits[:0], logits...)
	vocab := len(logits) / len(ids)
	for _, b := range full {
		window := s.window(ids[b], context)
		row, err := s.prefillOne(b, window)
		if err != nil {
			return nil, err
		}
		copy(s.logits[b*vocab:], row)
		s.past[b] = len(window)
	}
	return s.logits, nil
}

// window is the end of a sequence that the model sees, if it saw past tokens of it before
// the last: one more, or the newer half of the context.
func (s *session) window(ids []int, past int) []int {
	keep := past + 1
	if past >= s.generator.context {
		keep = (s.generator.context + 1) / 2
	}
	return ids[len(ids)-keep:]
}

// prefillOne is prefill of the sequence b alone.
func (s *session) prefillOne(b int, ids []int) ([]float32, error) {
	p, err := s.prefillPiece(1, len(ids))
	if err != nil {
		return nil, err
	}
	clear(p.tokens)
	copy(p.tokens, ids)
	p.rows[0] = len(ids) - 1
	s.one.MoveTo(b)
	return p.run([]int{0})
}

// close ends the programs.
func (s *session) close() error {
	var errs []error
	if s.decode != nil {
		errs = append(errs, s.decode.program.Close())
	}
	for _, p := range s.prefills {
		errs = append(errs, p.program.Close())
	}
	return errors.Join(errs...)
}
