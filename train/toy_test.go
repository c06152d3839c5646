package train

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"gorgonia.org/gorgonia"
)

// toyVocab is the number of tokens of the toy language.
const toyVocab = 11

// toyModel predicts a token only from the previous one, through four numbers.
type toyModel struct{ dropout float64 }

func (m toyModel) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	const width = 4
	x := ops.Embed(s, tokens, s.Param("embed", graph.Normal(0.5), toyVocab, width))
	x = ops.Dropout(s, x, m.dropout)
	logits := ops.Linear(s, x, s.Param("head.weight", graph.Normal(0.5), width, toyVocab), s.Param("head.bias", graph.Zeros(), toyVocab))
	return ops.CrossEntropy(s, logits, targets)
}

// toyStream returns sequences of the toy language, in which 3·x + 1 follows x nine times out of ten. Sequence
// i is the same in batches of any size.
type toyStream struct {
	size, context int
	seed          uint64
	next, end     int  // sequences; an end of 0 means none
	prompts       bool // the first tokens of a sequence, or all of them, have no target
	closed        bool
	batch         datasets.Batch
}

func (s *toyStream) Next(ctx context.Context) (datasets.Batch, error) {
	if err := ctx.Err(); err != nil {
		return datasets.Batch{}, err
	}
	if s.end > 0 && s.next+s.size > s.end {
		return datasets.Batch{}, io.EOF
	}
	b := &s.batch
	b.Size, b.Context, b.Tokens, b.Targets = s.size, s.context, b.Tokens[:0], b.Targets[:0]
	for range s.size {
		rng := rand.New(rand.NewPCG(s.seed, uint64(s.next)))
		x := rng.IntN(toyVocab)
		for range s.context {
			b.Tokens = append(b.Tokens, x)
			x = (3*x + 1) % toyVocab
			if rng.IntN(10) == 0 {
				x = rng.IntN(toyVocab)
			}
			b.Targets = append(b.Targets, x)
		}
		if s.prompts {
			row := b.Targets[len(b.Targets)-s.context:]
			for i := range (3*s.next + 2) % (s.context + 1) {
				row[i] = datasets.Ignore
			}
		}
		s.next++
	}
	return *b, nil
}

func (s *toyStream) State() ([]byte, error) {
	return binary.LittleEndian.AppendUint64(nil, uint64(s.next)), nil
}

func (s *toyStream) Restore(state []byte) error {
	if len(state) != 8 {
		return fmt.Errorf("state of %d bytes, want 8", len(state))
	}
	s.next = int(binary.LittleEndian.Uint64(state))
	return nil
}

func (s *toyStream) Close() error {
	s.closed = true
	return nil
}

// newToy returns a trainer of the toy model, and an observer of it.
func newToy() (*Trainer, *recorder) {
	r := &recorder{}
	adam := NewAdamW()
	adam.Decay = 0.01
	return &Trainer{
		Task:     &NextToken{Model: toyModel{}, Train: &toyStream{size: 4, context: 8, seed: 1}, Batch: 4, Context: 8},
		Params:   graph.NewParams(7),
		Solver:   adam,
		Schedule: Cosine(0.05, 0.005, 5, 60),
		Steps:    60, Seed: 3,
		Observers: []Observer{r},
	}, r
}

// lm returns the task of a toy trainer.
func lm(t *Trainer) *NextToken { return t.Task.(*NextToken) }

// validation opens eight sequences from another seed.
func validation() (datasets.Stream, error) {
	return &toyStream{size: 4, context: 8, seed: 2, end: 8}, nil
}

// saved is what a checkpoint keeps, copied from the run.
type saved struct {
	state   []byte
	tensors []Tensor
	weights map[string][]float32
}

// keep copies a state and the weights into c.
func (c *saved) keep(t *Trainer) func(State) error {
	return func(s State) (err error) {
		if c.state, err = json.Marshal(s); err != nil {
			return err
		}
		c.tensors = nil
		for _, x := range s.Solver.Tensors {
			c.tensors = append(c.tensors, Tensor{x.Name, slices.Clone(x.Shape), slices.Clone(x.Data)})
		}
		c.weights = weights(t.Params)
		return nil
	}
}

// stateOf decodes a kept state.
func stateOf(t *testing.T, c saved) State {
	t.Helper()
	var s State
	if err := json.Unmarshal(c.state, &s); err != nil {
		t.Fatal(err)
	}
	s.Solver.Tensors = c.tensors
	return s
}

// restore restores a checkpoint into a new trainer.
func (c *saved) restore(t *testing.T, to *Trainer) {
	t.Helper()
	c.declare(t, to)
	if err := to.Restore(stateOf(t, *c)); err != nil {
		t.Fatal(err)
	}
}

// declare puts the weights of a checkpoint into a new trainer.
func (c *saved) declare(t *testing.T, to *Trainer) {
	t.Helper()
	// A checkpoint declares parameters in its own order, here backward.
	for _, x := range slices.Backward(c.tensors) {
		name := x.Name[:strings.LastIndex(x.Name, ".")]
		if to.Params.Get(name) != nil {
			continue
		}
		init := graph.Normal(0.5)
		if name == "head.bias" {
			init = graph.Zeros()
		}
		p, err := to.Params.Declare(name, init, x.Shape...)
		if err != nil {
			t.Fatal(err)
		}
		copy(p.Data(), c.weights[name])
	}
}

func weights(ps *graph.Params) map[string][]float32 {
	out := map[string][]float32{}
	for _, p := range ps.All() {
		out[p.Name()] = slices.Clone(p.Data())
	}
	return out
}

func mustRun(t *testing.T, tr *Trainer) {
	t.Helper()
	if err := tr.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// atStep is an observer that calls f after one step.
type atStep struct {
	step int
	f    func() error
}

func (a atStep) OnStep(s Step) error {
	if s.Step == a.step {
		return a.f()
	}
	return nil
}

func (a atStep) OnEvaluation(Evaluation) error { return nil }

// errTest is an error that Run must return.
var errTest = errors.New("a test's own error")
