package train

import (
	"context"

	"github.com/gorgpt/gorgpt/graph"
	"gorgonia.org/gorgonia"
)

// A Task is what a [Trainer] fits weights to: the inputs, the loss, and the data. [NextToken] is
// pre-training; package finetune has classification. A task that is also a [Validator] is evaluated
// from time to time.
type Task interface {
	// Shape returns the shape of the largest batch. Its program is compiled first; programs for
	// other shapes share its memory.
	Shape() []int

	// Declare declares the inputs and the loss, a scalar, for batches of a shape, and further named
	// scalars, which are reported beside the loss. It is called for each shape that training or
	// evaluation encounters.
	Declare(s *graph.Scope, shape []int) (loss *gorgonia.Node, values map[string]*gorgonia.Node)

	// Update returns the batches of the next update that belong to the given rank, of ranks in all.
	// Their gradients, and those of all ranks, are added up. The slice and its contents are valid
	// until the next call. At the end of finite data the error is io.EOF.
	Update(ctx context.Context, rank, ranks int) ([]Batch, error)

	// State returns the position after the updates returned so far. Restore goes to such a
	// position, in the same or another process; the task then returns what it did after State was
	// called.
	State() ([]byte, error)
	Restore(state []byte) error
}

// A Batch is one run of a program: a micro-batch of an update, or a part of an evaluation.
type Batch struct {
	Shape   []int // shape that the program is declared for
	Targets int   // what the loss is a mean over, tokens or examples; the weight of the batch
	Tokens  int   // tokens that the model reads, to report
	Bytes   int   // bytes of text that the targets of an evaluation stand for, to report bits_per_byte; 0 if not known

	// Place numbers the batch within its update, from 0. It is below Places, the largest number of
	// batches of any update, over all ranks. Dropout is drawn from the seed and the counter
	// Update·Places + Place.
	Place, Places uint64

	// Feed sets the inputs of a program for the batch's shape. Total is the number of targets in
	// the whole update. Weight is the factor that makes the program's loss a part of the update's:
	// Targets over total for a loss that is the mean over the batch's targets.
	Feed func(p *graph.Program, total int) (weight float64, err error)
}

// A Validator is a task that can be evaluated.
type Validator interface {
	// Validates reports whether there is anything to evaluate on.
	Validates() bool
	// Validate evaluates the current weights, by e or in some other way.
	Validate(ctx context.Context, e *Evaluator) (Evaluation, error)
}

// A Ranker is a [Validator] whose best evaluation need not be the one with the lowest loss.
type Ranker interface {
	// Better reports whether a is better than b.
	Better(a, b Evaluation) bool
}
