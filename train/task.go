package train

import (
	"context"

	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// A Task is what a [Trainer] fits weights to: the inputs, the loss, and the data. [NextToken] is
// pre-training; package finetune has classification. A task that also is a [Validator] is
// measured now and then.
type Task interface {
	// Shape is that of the largest batch. Its program is compiled first; those of other shapes
	// share its memory.
	Shape() []int

	// Declare declares the inputs and the loss, a scalar, of a batch of a shape, and further
	// scalars by name, which are reported beside the loss. It is called for each shape that
	// training, and evaluation, meet.
	Declare(s *graph.Scope, shape []int) (loss *gorgonia.Node, values map[string]*gorgonia.Node)

	// Update returns the batches of the next update that are a rank's of so many; their
	// gradients are added up, and those of all ranks. The slice and what is in it are valid
	// until the next call. At the end of finite data the error is io.EOF.
	Update(ctx context.Context, rank, ranks int) ([]Batch, error)

	// State returns the position after the updates handed out so far; Restore goes to one, in
	// this or another process. The task then hands out what it did when State was called.
	State() ([]byte, error)
	Restore(state []byte) error
}

// A Batch is one run of a program: a micro-batch of an update, or a part of an evaluation.
type Batch struct {
	Shape   []int // that the program is declared for
	Targets int   // what the loss is a mean over: tokens, or examples; the weight of the batch
	Tokens  int   // that the model reads, to report
	Bytes   int   // of text that the targets of an evaluation stand for, to report bits_per_byte; 0 if not known

	// Place numbers the batch of an update, from 0, among the Places that one has at most, those of
	// all ranks together; Places is 1 or more. Update·Places + Place is the counter that dropout is drawn from, with the seed.
	Place, Places uint64

	// Feed sets the inputs of a program of the shape. Total is the number of targets of the whole
	// update; weight is the factor that makes the program's loss a part of the update's: Targets
	// over total for a loss that is the mean over the batch's own targets.
	Feed func(p *graph.Program, total int) (weight float64, err error)
}

// A Validator is a task that can be measured.
type Validator interface {
	// Validates tells whether there is anything to measure on.
	Validates() bool
	// Validate measures the weights as they are, by e or in a way of its own.
	Validate(ctx context.Context, e *Evaluator) (Evaluation, error)
}

// A Ranker is a [Validator] whose best evaluation is another than that of the lowest loss.
type Ranker interface {
	// Better tells whether a is better than b.
	Better(a, b Evaluation) bool
}
