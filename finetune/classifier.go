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
	Base    models.Model // with a vocabulary that includes the special tokens
	Kind    tasks.Kind
	Outputs int // scores per example

	// Squared says that the one output is a number, whose loss is the squared error, rather than
	// scores that softmax turns into probabilities.
	Squared bool

	Dropout   float64 // of the state at the classify token; 0.1 in OpenAI's code
	Auxiliary float64 // λ, the weight of the language model's loss; 0 leaves it out
}

// NewClassifier returns the classifier of a task, without dropout and without the language model's
// loss.
func NewClassifier(base models.Model, task tasks.Task, outputs int) Classifier {
	return Classifier{Base: base, Kind: task.Kind, Outputs: outputs, Squared: squared(task)}
}

// sequences returns the number of sequences per example.
func (c Classifier) sequences() int {
	switch c.Kind {
	case tasks.Similarity:
		return 2
	case tasks.MultipleChoice:
		return c.Outputs
	}
	return 1
}

// check reports an example whose number of sequences or targets is not that of the classifier.
func (c Classifier) check(what string, examples []Example) error {
	for i, e := range examples {
		if len(e.Sequences) != c.sequences() || len(e.Targets) != c.Outputs {
			return fmt.Errorf("finetune: example %d %s has %d sequences and %d outputs, want %d and %d", i+1, what, len(e.Sequences), len(e.Targets), c.sequences(), c.Outputs)
		}
	}
	return nil
}

// inputs are the nodes for a batch of B examples, each of K sequences of T tokens.
type inputs struct {
	tokens  *G.Node // (B·K, T)
	extract *G.Node // (B·K): the rows of the classify tokens among the B·K·T; for a similarity (B)
	swapped *G.Node // (B), only for a similarity: those of the other order
	targets *G.Node // (B·K, T): next tokens, −1 if there is none
	weights *G.Node // (B·K·T): weights of their losses
	labels  *G.Node // (B, outputs): probabilities divided by B, so that a sum is the mean; numbers if Squared
	shares  *G.Node // (B, 1), only if Squared: 1/B
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

// scores declares the scores (B, outputs). It also returns the states that they are computed from,
// and the language model's head.
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

// loss declares the joint loss L = task + λ·language model. The task's loss is the mean over
// examples of the cross-entropy of the labels, or of the squared error. The language model's is the
// mean over sequences of the mean over their next tokens, including special tokens. If there are
// two losses, both are also returned by name.
func (c Classifier) loss(s *graph.Scope, in inputs) (loss *G.Node, parts map[string]*G.Node) {
	s.SetReal(func() *G.Node { return ops.UpToTargets(s, in.targets, 1) }) // the last token is followed by none
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

// Declare declares the parameters of the model and both heads in params.
func (c Classifier) Declare(params *graph.Params) error {
	s := graph.New(params)
	_, x, lm := c.scores(s, c.inputs(s, 1, 1))
	lm.Logits(s, x)
	return s.Err()
}

// Compile compiles the training program for size examples at once, with sequences of the given
// length. It is for inspecting its nodes and the memory it needs; Run makes its own.
func (c Classifier) Compile(params *graph.Params, size, length int) (*graph.Program, error) {
	s := graph.New(params, graph.Training())
	loss, _ := c.loss(s, c.inputs(s, size, length))
	return s.CompileGrad(loss)
}

// Extend fills the parameters of a classifier, declared in params, from those of the pre-trained
// model. New rows of an embedding that has grown, and a new head, keep their initial values.
func Extend(params, pretrained *graph.Params) error {
	for _, from := range pretrained.All() {
		to := params.Get(from.Name())
		if to == nil {
			return fmt.Errorf("finetune: the classifier has no parameter %s", from.Name())
		}
		a, b := from.Shape(), to.Shape()
		if !slices.Equal(a, b) && (len(a) != 2 || len(b) != 2 || a[1] != b[1] || a[0] > b[0]) {
			return fmt.Errorf("finetune: %s is %v in the pre-trained model and %v in the classifier", from.Name(), a, b)
		}
		if slices.Equal(a, b) { // so that nothing is initialized first
			if err := to.Fill(func(data []float32) error { copy(data, from.Data()); return nil }); err != nil {
				return err
			}
			continue
		}
		copy(to.Data(), from.Data())
	}
	return nil
}
