package finetune

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/ops"
)

// Classifier is a language model with a task's head.
type Classifier struct {
	Base    models.Model // with a vocabulary that holds the special tokens
	Kind    tasks.Kind
	Outputs int // scores of an example

	// Squared says that the one output is a number, whose loss is the squared error, and not
	// one of the scores that softmax makes probabilities of.
	Squared bool

	Dropout   float64 // of the state that is scored; 0.1 in OpenAI's code
	Auxiliary float64 // λ, the weight of the language model's loss; 0 leaves it out
}

// NewClassifier returns the classifier of a task, without dropout and the language model's loss.
func NewClassifier(base models.Model, task tasks.Task, outputs int) Classifier {
	return Classifier{Base: base, Kind: task.Kind, Outputs: outputs, Squared: squared(task)}
}

// sequences is the number of sequences of an example.
func (c Classifier) sequences() int {
	switch c.Kind {
	case tasks.Similarity:
		return 2
	case tasks.MultipleChoice:
		return c.Outputs
	}
	return 1
}

// check tells which example has another number of sequences or targets than the classifier.
func (c Classifier) check(what string, examples []Example) error {
	for i, e := range examples {
		if len(e.Sequences) != c.sequences() || len(e.Targets) != c.Outputs {
			return fmt.Errorf("finetune: example %d %s has %d sequences and %d outputs, want %d and %d", i+1, what, len(e.Sequences), len(e.Targets), c.sequences(), c.Outputs)
		}
	}
	return nil
}

// inputs are the nodes that a batch of B examples of K sequences of T tokens is given as.
type inputs struct {
	tokens  *G.Node // (B·K, T)
	extract *G.Node // (B·K): the rows of the classify tokens among the B·K·T
	swapped *G.Node // of a similarity: (B), those of the other order, and extract (B)
	targets *G.Node // (B·K, T): next tokens, −1 where there is none
	weights *G.Node // (B·K·T): of their losses
	labels  *G.Node // (B, outputs): probabilities over B, so that a sum is the mean; or numbers, and
	shares  *G.Node // if Squared: (B, 1), 1/B
}

func (c Classifier) inputs(s *graph.Scope, batch, context int) inputs {
	rows := batch * c.sequences()
	in := inputs{
		tokens:  s.Ints("tokens", rows, context),
		targets: s.Ints("targets", rows, context),
		weights: s.Floats("weights", rows*context),
		labels:  s.Floats("labels", batch, c.Outputs),
	}
	if c.Squared {
		in.shares = s.Floats("shares", batch, 1)
	}
	if c.Kind == tasks.Similarity {
		in.extract, in.swapped = s.Ints("extract", batch), s.Ints("swapped", batch)
	} else {
		in.extract = s.Ints("extract", rows)
	}
	return in
}

// scores declares the scores (B, outputs), and returns the states that they are made of and the
// language model's head.
func (c Classifier) scores(s *graph.Scope, in inputs) (scores, x *G.Node, lm models.Head) {
	head := s.At("classifier")
	x, lm = models.Body(c.Base, s, in.tokens) // (B·K·T, C)
	state := ops.Pick(head, in.extract, x)    // (B·K, C)
	switch c.Kind {
	case tasks.Similarity:
		state = ops.Add(head, state, ops.Pick(head, in.swapped, x))                        // (B, C)
		scores = layers.Classifier(head, state, c.Outputs, 1, c.Dropout, layers.Weights{}) // (B, outputs)
	case tasks.MultipleChoice:
		scores = layers.Classifier(head, state, 1, c.Outputs, c.Dropout, layers.Weights{}) // (B·K, 1)
		scores = ops.Reshape(head, scores, scores.Shape()[0]/c.Outputs, c.Outputs)
	default:
		scores = layers.Classifier(head, state, c.Outputs, 1, c.Dropout, layers.Weights{}) // (B, outputs)
	}
	return scores, x, lm
}

// loss declares the joint loss L = task + λ·language model. The task's is the mean over
// examples of the cross-entropy of the labels, or of the squared error; the language model's
// the mean over sequences of the mean over their next tokens, special tokens among them.
// Both are returned by name where there are two.
func (c Classifier) loss(s *graph.Scope, in inputs) (loss *G.Node, parts map[string]*G.Node) {
	scores, x, head := c.scores(s, in)
	loss = c.taskLoss(s.At("classifier"), scores, in)
	if c.Auxiliary == 0 {
		return loss, nil
	}
	lm := head.WeightedLoss(s, x, in.targets, in.weights)
	return s.Node(G.Add(loss, lm)), map[string]*G.Node{"task": loss, "language_model": lm}
}

func (c Classifier) taskLoss(head *graph.Scope, scores *G.Node, in inputs) *G.Node {
	if c.Squared {
		errs := head.Node(G.Sub(scores, in.labels))                              // (B, 1)
		terms := head.Node(G.HadamardProd(head.Node(G.Square(errs)), in.shares)) // (B, 1)
		return head.Node(G.Sum(terms))
	}
	terms := head.Node(G.HadamardProd(ops.LogSoftmax(head, scores), in.labels)) // (B, outputs)
	return head.Node(G.Neg(head.Node(G.Sum(terms))))
}

// Declare adds the parameters of the model and both heads to a store.
func (c Classifier) Declare(params *graph.Params) error {
	s := graph.New(params)
	_, x, lm := c.scores(s, c.inputs(s, 1, 1))
	lm.Logits(s, x)
	return s.Err()
}

// Compile makes the training program for size examples at once of sequences of a length: to
// look at its nodes and at the memory that it needs, as Run makes its own.
func (c Classifier) Compile(params *graph.Params, size, length int) (*graph.Program, error) {
	s := graph.New(params, graph.Training())
	loss, _ := c.loss(s, c.inputs(s, size, length))
	return s.CompileGrad(loss)
}

// Extend fills the parameters of a classifier, declared in params, from those of the
// pre-trained model. An embedding that has grown keeps its new rows as they were drawn, and a
// head is new.
func Extend(params, pretrained *graph.Params) error {
	for _, from := range pretrained.All() {
		to := params.Get(from.Name())
		if to == nil {
			return fmt.Errorf("finetune: the classifier has no parameter %s", from.Name())
		}
		a, b := from.Shape(), to.Shape()
		if len(a) != len(b) || len(a) == 2 && a[1] != b[1] || a[0] > b[0] || len(a) == 1 && a[0] != b[0] {
			return fmt.Errorf("finetune: %s is %v in the pre-trained model and %v in the classifier", from.Name(), a, b)
		}
		if slices.Equal(a, b) { // nothing is drawn first
			if err := to.Fill(func(data []float32) error { copy(data, from.Data()); return nil }); err != nil {
				return err
			}
			continue
		}
		copy(to.Data(), from.Data())
	}
	return nil
}
