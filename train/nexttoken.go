package train

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// A Model declares the loss of a batch, a scalar: the mean over all positions of the cross-entropy
// of each next token, from tokens and targets of shape (B, T).
type Model interface {
	Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node
}

// NextToken is the [Task] of predicting each next token of a stream: pre-training, and fine-tuning
// on prompts and responses, where only the responses have targets.
type NextToken struct {
	Model Model
	Train datasets.Stream

	// Validation opens a finite stream for one evaluation, with the same batches each time. If it
	// is nil, there are no evaluations.
	Validation func() (datasets.Stream, error)

	// ValidationStart is the state of a new stream of Validation. It is saved in State.Validation,
	// so that a resumed run can be compared with it.
	ValidationStart []byte

	// Sizes are the bytes of text that each token stands for, by id. With them, evaluations report
	// [BitsPerByte].
	Sizes []int

	Batch       int // B, sequences in a micro-batch, as the streams deliver them
	Context     int // T, tokens in a sequence
	Accumulate  int // micro-batches in an update, over all ranks; the loss is a mean over all their targets; 0 means 1
	EvalBatches int // batches in an evaluation; 0 means the whole stream

	// Ramp gives the first updates fewer micro-batches than Accumulate.
	Ramp Ramp

	done    int64 // tokens of all earlier updates, over all ranks
	shape   [2]int
	micro   []microBatch
	batches []Batch
}

// microBatch is a batch of a stream and the function that feeds it to a program.
type microBatch struct {
	datasets.Batch
	feed func(p *graph.Program, total int) (float64, error)
}

// check finds settings that are missing or out of range.
func (t *NextToken) check() error {
	if t.Model == nil {
		return errors.New("NextToken.Model is not set")
	}
	if t.Train == nil {
		return errors.New("NextToken.Train is not set")
	}
	return t.checkSizes()
}

// checkSizes is check for the numbers only.
func (t *NextToken) checkSizes() error {
	if t.Ramp.Start < 0 || t.Ramp.Length < 0 {
		return fmt.Errorf("NextToken.Ramp is from %d tokens over %d, want 0 or more", t.Ramp.Start, t.Ramp.Length)
	}
	return least("NextToken", []setting{
		{"Batch", t.Batch, 1}, {"Context", t.Context, 1}, {"Accumulate", t.Accumulate, 0}, {"EvalBatches", t.EvalBatches, 0},
	})
}

// Shape is (B, T).
func (t *NextToken) Shape() []int {
	t.shape = [2]int{t.Batch, t.Context}
	return t.shape[:]
}

// Declare applies the model to tokens and targets.
func (t *NextToken) Declare(s *graph.Scope, shape []int) (*gorgonia.Node, map[string]*gorgonia.Node) {
	return t.Model.Loss(s, s.Ints("tokens", shape...), s.Ints("targets", shape...)), nil
}

// Update reads micro-batches. All ranks read the same stream, and each keeps its [Share], so the
// stream's position does not depend on the number of ranks.
func (t *NextToken) Update(ctx context.Context, rank, ranks int) ([]Batch, error) {
	most := max(t.Accumulate, 1)
	if err := t.checkSizes(); err != nil {
		return nil, err
	}
	if ranks < 1 || ranks > most {
		return nil, fmt.Errorf("NextToken.Accumulate is %d, for %d ranks: want a micro-batch for each", most, ranks)
	}
	if len(t.micro) != most {
		t.micro = make([]microBatch, most)
	}
	n := t.Ramp.micro(t.done, t.unit(), most)
	from, to := Share(n, rank, ranks)
	t.batches = t.batches[:0]
	for i := range n {
		b, err := t.Train.Next(ctx)
		if err != nil {
			return nil, err
		}
		if i < from || i >= to {
			continue
		}
		m := &t.micro[i-from]
		if most > 1 { // the next call of Next overwrites it
			b.Tokens = append(m.Tokens[:0], b.Tokens...)
			b.Targets = append(m.Targets[:0], b.Targets...)
		}
		m.Batch = b
		batch := t.batch(m)
		batch.Place, batch.Places = uint64(i), uint64(most)
		t.batches = append(t.batches, batch)
	}
	return t.batches, nil
}

// follow sets how many tokens the earlier updates have had.
func (t *NextToken) follow(tokens int64) { t.done = tokens }

// batch wraps a micro-batch for the trainer.
func (t *NextToken) batch(m *microBatch) Batch {
	if m.feed == nil {
		m.feed = func(p *graph.Program, total int) (float64, error) { return t.feed(p, m.Batch, total) }
	}
	return Batch{Shape: t.Shape(), Targets: m.Targeted(), Tokens: t.Batch * t.Context, Feed: m.feed}
}

// feed sets a program's inputs to a batch.
func (t *NextToken) feed(p *graph.Program, b datasets.Batch, total int) (float64, error) {
	if b.Size != t.Batch || b.Context != t.Context {
		return 0, fmt.Errorf("the stream delivers batches of (%d, %d), want (%d, %d)", b.Size, b.Context, t.Batch, t.Context)
	}
	if err := p.SetInts("tokens", b.Tokens); err != nil {
		return 0, err
	}
	return float64(b.Targeted()) / float64(max(total, 1)), p.SetInts("targets", b.Targets)
}

// State returns the position of the training data.
func (t *NextToken) State() ([]byte, error) { return t.Train.State() }

// Restore goes to a position of the training data.
func (t *NextToken) Restore(state []byte) error { return t.Train.Restore(state) }

// describe adds the sizes to a state. With halted, it marks that the text may have changed when the
// run continues.
func (t *NextToken) describe(s *State, halted bool) {
	s.Batch, s.Context, s.Accumulate, s.Validation = t.Batch, t.Context, max(t.Accumulate, 1), t.ValidationStart
	if halted {
		s.Stream, s.Validation = datasets.Halted(s.Stream), datasets.Halted(s.Validation)
	}
}

// Validates reports whether there is a validation stream.
func (t *NextToken) Validates() bool { return t.Validation != nil }

// Validate returns the mean loss over the validation stream.
func (t *NextToken) Validate(ctx context.Context, e *Evaluator) (Evaluation, error) {
	stream, err := t.Validation()
	if err != nil {
		return Evaluation{}, e.r.unread(err)
	}
	var m microBatch
	n := 0
	mean, err := e.Mean(ctx, func(ctx context.Context) (b Batch, err error) {
		if t.EvalBatches > 0 && n == t.EvalBatches {
			return Batch{}, io.EOF
		}
		n++
		if m.Batch, err = stream.Next(ctx); err != nil {
			return Batch{}, err
		}
		b = t.batch(&m)
		b.Bytes, err = t.bytes(m.Targets)
		return b, err
	})
	return mean, errors.Join(err, stream.Close())
}

// bytes returns how many bytes the targets stand for, 0 if that is not known.
func (t *NextToken) bytes(targets []int) (n int, err error) {
	if t.Sizes == nil {
		return 0, nil
	}
	for _, id := range targets {
		switch {
		case id == datasets.Ignore:
		case id < 0 || id >= len(t.Sizes):
			return 0, fmt.Errorf("NextToken.Sizes has %d tokens, but a target is %d", len(t.Sizes), id)
		default:
			n += t.Sizes[id]
		}
	}
	return n, nil
}

// Restart makes the Validation of a [NextToken] from one finite stream, which each evaluation
// restarts from its current position. Closing the stream remains up to the caller.
func Restart(stream datasets.Stream) (func() (datasets.Stream, error), error) {
	start, err := stream.State()
	if err != nil {
		return nil, err
	}
	return func() (datasets.Stream, error) {
		if err := stream.Restore(start); err != nil {
			return nil, err
		}
		return unclosed{stream}, nil
	}, nil
}

// unclosed is a stream that an evaluation does not close.
type unclosed struct{ datasets.Stream }

func (unclosed) Close() error { return nil }
