package train_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/train"
	"gorgonia.org/gorgonia"
)

// preference is a user-defined task. From pairs of sequences, the first of which was preferred by someone, it
// trains a model to score sequences (Bradley and Terry's model, the loss of reward models and of DPO): −log
// σ(score of the first − score of the second).
type preference struct {
	pairs      [][2][]int
	size, next int
}

// Shape is (pairs in a batch, tokens).
func (t *preference) Shape() []int { return []int{t.size, len(t.pairs[0][0])} }

func (t *preference) Declare(s *graph.Scope, shape []int) (*gorgonia.Node, map[string]*gorgonia.Node) {
	n, length := shape[0], shape[1]
	worth := s.Param("worth", graph.Zeros(), 10, 1)                   // one number for each of ten tokens
	x := ops.Embed(s, s.Ints("tokens", 2*n, length), worth)           // (2·N·T, 1)
	scores := s.Node(gorgonia.Sum(ops.Reshape(s, x, 2*n, length), 1)) // (2·N)
	scores = ops.Reshape(s, scores, n, 2)                             // (N, 2)
	sum := func(x, by *gorgonia.Node) *gorgonia.Node {                // ()
		return s.Node(gorgonia.Sum(s.Node(gorgonia.HadamardProd(x, by))))
	}
	loss := sum(ops.LogSoftmax(s, scores), s.Floats("first", n, 2))
	return loss, map[string]*gorgonia.Node{"margin": sum(scores, s.Floats("difference", n, 2))}
}

func (t *preference) Update(_ context.Context, rank, ranks int) ([]train.Batch, error) {
	if ranks > 1 {
		return nil, fmt.Errorf("rank %d of %d: all would learn from the same pairs", rank, ranks)
	}
	at := t.next
	t.next = (t.next + t.size) % len(t.pairs)
	feed := func(p *graph.Program, total int) (float64, error) {
		var tokens []int
		var first, difference []float32
		for i := range t.size {
			pair := t.pairs[(at+i)%len(t.pairs)]
			tokens = append(append(tokens, pair[0]...), pair[1]...)
			share := 1 / float32(total)
			first, difference = append(first, -share, 0), append(difference, share, -share)
		}
		if err := p.SetInts("tokens", tokens); err != nil {
			return 0, err
		}
		if err := p.SetFloats("first", first); err != nil {
			return 0, err
		}
		return 1, p.SetFloats("difference", difference)
	}
	shape := t.Shape()
	return []train.Batch{{Shape: shape, Targets: t.size, Tokens: 2 * t.size * shape[1], Places: 1, Feed: feed}}, nil
}

func (t *preference) State() ([]byte, error)     { return json.Marshal(t.next) }
func (t *preference) Restore(state []byte) error { return json.Unmarshal(state, &t.next) }

// marginPrinter prints a value that the task reports.
type marginPrinter struct{}

func (marginPrinter) OnStep(s train.Step) error {
	if s.Step%20 == 1 {
		fmt.Printf("step %2d: loss %.3f, margin %.2f\n", s.Step, s.Loss, s.Values["margin"])
	}
	return nil
}

func (marginPrinter) OnEvaluation(train.Evaluation) error { return nil }

func ExampleTask() {
	task := &preference{size: 4}
	for i := range 20 { // sequences with a 7 are preferred
		task.pairs = append(task.pairs, [2][]int{{i % 5, 7, i % 3}, {i % 5, 8, i % 4}})
	}
	params := graph.NewParams(1)
	t := &train.Trainer{
		Task: task, Params: params, Solver: train.NewAdamW(), Schedule: train.Constant(0.05, 0),
		Steps: 41, Observers: []train.Observer{marginPrinter{}},
	}
	if err := t.Run(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	worth := params.Get("worth").Data()
	fmt.Println("7 is worth more than 8:", worth[7] > worth[8])
	// Output:
	// step  1: loss 0.693, margin 0.00
	// step 21: loss 0.129, margin 2.09
	// step 41: loss 0.045, margin 3.28
	// 7 is worth more than 8: true
}
