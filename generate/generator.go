package generate

import (
	"errors"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Model declares the logits (N, V) at the given rows (N) of the flattened positions
// of tokens (B, T).
type Model interface {
	GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node
}

// Generator predicts with one model. It is for one goroutine at a time.
//
// A model of which some layer cannot go on from what is remembered, such as one with
// layers.AttentionConfig.Composed, or has an op that does not say that it works row by row
// (graph.Op.RowWise), is run over the whole window for every token, each sequence by itself, in
// a program of exactly its length: much slower, with what the model's own graph gives for these
// tokens. [Generator.Whole] tells why. A constant that a model takes from a shape, as in
// ops.Scale(s, x, float64(x.Shape()[0])), is not noticed:
// it is that of the piece, which is a prompt with its length rounded up, then one row.
type Generator struct {
	// Vocab, if above 0, is how many ids there are tokens of. A model's vocabulary may be padded
	// beyond them, as GPT-2's 50,257 to 50,304; what is there is never chosen.
	Vocab int
	// Vacant are ids below Vocab that no token has, as tokenizer.Vacant lists them: they are
	// never chosen either.
	Vacant []int

	model   Model
	params  *graph.Params
	context int
	session *session  // for the batch of the last call
	tokens  []float32 // see candidates
	slow    error     // why every token takes a run over the window, if it does
}

// New returns a generator for a model of at most context positions.
func New(m Model, params *graph.Params, context int) *Generator {
	return &Generator{model: m, params: params, context: context}
}

// Whole tells why the model is run over the whole window for every token, if it is: which
// layer or op cannot go on from what is remembered. It is known from the first tokens on.
func (g *Generator) Whole() error { return g.slow }

// Close ends the generator's programs.
func (g *Generator) Close() error {
	if g.session == nil {
		return nil
	}
	s := g.session
	g.session = nil
	return s.close()
}

// MemoryBytes is what layers remember for a batch of that many sequences: for GPT-1 and
// GPT-2 the keys and values, 8·layers·context·width bytes a sequence; 0 for a model that
// is run over the whole window.
func (g *Generator) MemoryBytes(batch int) (int64, error) {
	s, err := g.open(batch)
	if err != nil {
		return 0, err
	}
	return s.memory.Bytes(), nil
}

// Logits scores every token as the one after ids, of which the last that fit the
// context count. The slice is valid until the next call.
func (g *Generator) Logits(ids []int) ([]float32, error) {
	if len(ids) == 0 {
		return nil, errNoPrompt
	}
	s, err := g.open(1)
	if err != nil {
		return nil, err
	}
	return s.prefill([][]int{ids[max(0, len(ids)-g.context):]})
}

var errNoPrompt = errors.New("generate: no tokens to go on from")

// checkNumbers refuses logits of which nothing can be chosen: a model that has gone wrong in one
// place gives NaN everywhere.
func checkNumbers(row []float32) error {
	if row[0] != row[0] {
		return errors.New("generate: the model's logits are NaN: its weights are, or are too large")
	}
	return nil
}

// open returns the session for a number of sequences. That of another number is closed: it
// would keep its memory.
func (g *Generator) open(batch int) (*session, error) {
	if g.session != nil && g.session.memory.Batch() == batch {
		return g.session, nil
	}
	if err := g.Close(); err != nil {
		return nil, err
	}
	s := newSession(g, batch)
	var err error
	if s.decode, err = s.compile(batch, 1); err != nil {
		g.slow = err
		s = newSession(g, batch) // some layers may have declared what they remember
		s.whole = true
		if _, unless := s.prefillPiece(1, 1); unless != nil {
			return nil, err
		}
	}
	g.session = s
	return s, nil
}
