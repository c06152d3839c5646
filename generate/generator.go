package generate

import (
	"context"
	"errors"
	"iter"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Model declares the graph of a model: the logits (N, V) at the given rows (N) of the flattened
// positions of tokens (B, T).
type Model interface {
	GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node
}

// Generator runs one model for one caller: it is an [Engine] with as many slots as the caller has
// sequences, which runs while the caller waits. It must not be used by several goroutines at once.
//
// Some models cannot be run incrementally: a layer cannot continue from cached state, as with
// layers.AttentionConfig.Composed, or an op does not declare that it works row by row
// (graph.Op.RowWise). They are run over the whole window for every token, each sequence separately, in
// a program of exactly its length. This is much slower; the results are those of the model's ordinary
// graph for these tokens. [Generator.Whole] tells why. A constant that a model derives from a shape, as
// in ops.Scale(s, x, float64(x.Shape()[0])), is not detected: its value is that of the piece, which is
// the prompt with its length rounded up, and then one row at a time.
type Generator struct {
	// Vocab and Vacant say which ids are tokens, as in EngineConfig.
	Vocab  int
	Vacant []int

	model   Model
	params  *graph.Params
	context int
	engine  *Engine // for the batch of the last call
	whole   error
}

// New returns a generator for a model with a context of at most context positions.
func New(m Model, params *graph.Params, context int) *Generator {
	return &Generator{model: m, params: params, context: context}
}

// Whole tells why the model is run over the whole window for every token: which layer or op
// cannot be run incrementally. It is nil if all can, and before the generator is first used.
func (g *Generator) Whole() error { return g.whole }

// Close closes the generator's programs.
func (g *Generator) Close() error {
	if g.engine == nil {
		return nil
	}
	e := g.engine
	g.engine = nil
	return e.Close()
}

// open returns the engine for a number of sequences. An engine for another number is closed
// first, to free its memory.
func (g *Generator) open(batch int) (*Engine, error) {
	if g.engine == nil || g.engine.config.Slots != batch {
		if err := g.Close(); err != nil {
			return nil, err
		}
		e, err := NewEngine(g.model, g.params, EngineConfig{Context: g.context, Slots: batch})
		if err != nil {
			return nil, err
		}
		g.engine, g.whole = e, e.Whole()
	}
	g.engine.config.Vocab, g.engine.config.Vacant = g.Vocab, g.Vacant
	return g.engine, nil
}

// MemoryBytes returns the size of the cache for a batch of that many sequences: see Engine.CacheBytes.
func (g *Generator) MemoryBytes(batch int) (int64, error) {
	e, err := g.open(batch)
	if err != nil {
		return 0, err
	}
	return e.CacheBytes(), nil
}

// Logits returns the logits of the token after ids, of which the last that fit into the
// context count. The slice is valid until the next call.
func (g *Generator) Logits(ids []int) (logits []float32, err error) {
	if len(ids) == 0 {
		return nil, errNoPrompt
	}
	e, err := g.open(1)
	if err != nil {
		return nil, err
	}
	var j *job
	j = newJob(context.Background(), 1, ids, func(_ *slot, row []float32) {
		logits = row
		j.end(nil)
	})
	e.queue = append(e.queue, j)
	e.turn()
	return logits, j.err
}

// Stream yields up to n tokens that continue prompt, as they are chosen. It ends early
// after a token of Options.Stop, when the options leave no token to choose from, and with an
// error of ctx or of a run.
func (g *Generator) Stream(ctx context.Context, prompt []int, n int, o Options) iter.Seq2[Token, error] {
	return g.Batch(ctx, [][]int{prompt}, n, o)
}

// Batch is Stream for several prompts of any lengths: each step yields a token for each
// sequence that has not ended. Each sequence draws from its own random stream, so it is
// the same, bit for bit, whatever the others are.
func (g *Generator) Batch(ctx context.Context, prompts [][]int, n int, o Options) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		if err := g.batch(ctx, prompts, n, o, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Token{}, err)
		}
	}
}

// errStopped ends a sequence whose caller wants no more tokens.
var errStopped = errors.New("generate: stopped")

func (g *Generator) batch(ctx context.Context, prompts [][]int, n int, o Options, yield func(Token, error) bool) error {
	if len(prompts) == 0 {
		return errNoPrompt
	}
	e, err := g.open(len(prompts))
	if err != nil {
		return err
	}
	all := make([]*Sequence, len(prompts))
	for b, prompt := range prompts {
		if all[b], err = e.sequence(ctx, Request{Prompt: prompt, Tokens: max(n, 1), Options: o, Sample: b}); err != nil {
			return err
		}
	}
	if n < 1 {
		return nil
	}
	for _, q := range all {
		defer q.Cancel()
		e.queue = append(e.queue, q.job)
	}
	for left := len(all); left > 0; {
		e.turn()
		left = 0
		for _, q := range all {
			for _, t := range q.fetch() {
				if !yield(t, nil) {
					return errStopped
				}
			}
			switch {
			case !q.over():
				left++
			case q.err != nil:
				return q.err
			}
		}
	}
	return nil
}

// Generate returns all tokens that Stream yields.
func (g *Generator) Generate(ctx context.Context, prompt []int, n int, o Options) ([]int, error) {
	var ids []int
	for t, err := range g.Stream(ctx, prompt, n, o) {
		if err != nil {
			return ids, err
		}
		if t.ID >= 0 {
			ids = append(ids, t.ID)
		}
	}
	return ids, nil
}

// Beam searches for the likeliest continuations of up to n tokens and returns o.Beams of
// them, best score first. At each step every beam is extended by every token and the best
// extensions are followed; those that end become results, as do beams that have no
// extension left. The search ends early when no beam can improve on the results, judged
// by the score that the best beam has now (Hugging Face's early_stopping = False). There
// may be fewer results than beams, but there is at least one.
func (g *Generator) Beam(ctx context.Context, prompt []int, n int, o BeamOptions) ([]Hypothesis, error) {
	e, err := g.open(max(1, o.Beams))
	if err != nil {
		return nil, err
	}
	b, err := e.search(ctx, prompt, n, o)
	if err != nil {
		return nil, err
	}
	for e.queue = append(e.queue, b.job); !b.over(); {
		e.turn()
	}
	return b.found, b.err
}
