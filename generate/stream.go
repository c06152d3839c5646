package generate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Token is one that was generated.
type Token struct {
	Sequence int // whose it is: the index of the prompt
	// ID is the token, or −1 where a sequence ends as no token is left to go on with: see
	// NoCandidates.
	ID int
	// LogProb is the natural logarithm of the model's own probability of the token, before
	// any option changes it, and Best are the likeliest tokens with theirs. They are there
	// if Options.LogProbs asks for them.
	LogProb float64
	Best    []Candidate
	// Last tells that the sequence ends with this token, Finish why.
	Last   bool
	Finish Finish
}

// Stream yields up to n tokens that go on from prompt, as they are chosen. It ends early
// after a token of Options.Stop, where Options.NoRepeat bans every token, and with the
// context's error, or that of a run.
func (g *Generator) Stream(ctx context.Context, prompt []int, n int, o Options) iter.Seq2[Token, error] {
	return g.Batch(ctx, [][]int{prompt}, n, o)
}

// Batch is Stream for several prompts, of whatever lengths: each step yields a token for each
// sequence that has not ended. Sequence i draws from a random stream of its own, so it is
// the same whatever the others are: to the bit in batches of up to 12, and but for rounding
// beyond.
func (g *Generator) Batch(ctx context.Context, prompts [][]int, n int, o Options) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		if err := g.batch(ctx, prompts, n, o, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Token{}, err)
		}
	}
}

// errStopped tells that the caller of a stream wants no more.
var errStopped = errors.New("stopped")

func (g *Generator) batch(ctx context.Context, prompts [][]int, n int, o Options, yield func(Token, error) bool) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if len(prompts) == 0 {
		return errNoPrompt
	}
	ids := make([][]int, len(prompts))
	windows := make([][]int, len(prompts))
	random := make([]*rand.Rand, len(prompts))
	for b, prompt := range prompts {
		if len(prompt) == 0 {
			return errNoPrompt
		}
		ids[b] = append(make([]int, 0, len(prompt)+min(max(n, 0), 1<<12)), prompt...)
		windows[b] = prompt[max(0, len(prompt)-g.context):]
		random[b] = rand.New(rand.NewPCG(o.Seed, uint64(b)))
	}
	s, err := g.open(len(prompts))
	if err != nil {
		return err
	}
	ended := make([]bool, len(prompts))
	sampler := sampler{Options: o}
	for i := range n {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
		var logits []float32
		if i == 0 {
			logits, err = s.prefill(windows)
		} else {
			logits, err = s.next(ids)
		}
		if err != nil {
			return err
		}
		vocab := len(logits) / len(ids)
		left := 0
		for b := range ids {
			if ended[b] {
				ids[b] = append(ids[b], 0) // computed along, and read by nobody
				continue
			}
			row := logits[b*vocab : (b+1)*vocab]
			if err := checkNumbers(row); err != nil {
				return err
			}
			t := Token{Sequence: b, ID: sampler.choose(g.candidates(row), ids[b], random[b])}
			switch {
			case t.ID < 0:
				t.Finish = NoCandidates
			case slices.Contains(o.Stop, t.ID):
				t.Finish = StopToken
			case i == n-1:
				t.Finish = Length
			default:
				left++
			}
			t.Last = t.Finish != ""
			ended[b] = t.Last
			ids[b] = append(ids[b], max(t.ID, 0))
			if t.ID >= 0 {
				t.score(row, o.LogProbs)
			}
			if !yield(t, nil) {
				return errStopped
			}
		}
		if left == 0 {
			return nil
		}
	}
	return nil
}

// score gives the token its log-probability and those of so many best ones. They are the
// model's own: over its whole vocabulary, padding included.
func (t *Token) score(row []float32, best int) {
	if best == 0 {
		return
	}
	total := kernel.LogSumExp(row)
	t.LogProb = float64(row[t.ID]) - total
	all := top(row, best)
	for _, c := range all[:min(best, len(all))] { // without ties
		t.Best = append(t.Best, Candidate{ID: c.ID, LogProb: float64(row[c.ID]) - total})
	}
}

// candidates are the logits of a row that tokens are chosen by, valid until the next call: see
// Generator.Vocab and Generator.Vacant.
func (g *Generator) candidates(row []float32) []float32 {
	if g.Vocab > 0 && g.Vocab < len(row) {
		row = row[:g.Vocab]
	}
	if len(g.Vacant) == 0 {
		return row
	}
	g.tokens = append(g.tokens[:0], row...)
	for _, id := range g.Vacant {
		if id < len(row) { // of a model that is as large as its tokenizer
			g.tokens[id] = float32(math.Inf(-1))
		}
	}
	return g.tokens
}

// Generate collects what Stream yields.
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
