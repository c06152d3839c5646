package finetune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/graph"
)

// Predictor scores examples with a classifier.
type Predictor struct {
	c        Classifier
	params   *graph.Params
	size     int // examples per run
	programs programs
	options  []graph.Option
}

// NewPredictor makes the program for size examples at once, with sequences of up to context tokens.
// Programs for shorter sequences are made when needed.
func NewPredictor(c Classifier, params *graph.Params, size, context int) (*Predictor, error) {
	return newPredictor(c, params, size, context, nil)
}

// newPredictor makes a predictor whose programs have the given options and share an arena; nil
// means one of its own.
func newPredictor(c Classifier, params *graph.Params, size, context int, arena *graph.Arena, options ...graph.Option) (*Predictor, error) {
	p := &Predictor{c: c, params: params, size: size, options: options}
	p.programs = programs{
		Build: p.build, Arena: arena,
		Round: func(shape ...int) []int { return []int{roundedLength(shape[0], context)} },
	}
	_, _, err := p.programs.For(context)
	return p, err
}

// build makes the program for sequences of up to the given length.
func (p *Predictor) build(shape ...int) (*graph.Program, *scored, error) {
	s := graph.New(p.params, p.options...)
	scores, _, _ := p.c.scores(s, p.c.inputs(s, p.size, shape[0]))
	program, err := s.Compile(scores)
	return program, &scored{scores, newBatch(p.c, p.size, shape[0])}, err
}

// Close closes the programs.
func (p *Predictor) Close() error { return p.programs.Close() }

// Predict returns the probability of each output for each example, or the output itself if the
// classifier is Squared.
func (p *Predictor) Predict(examples []Example) ([][]float64, error) {
	return p.predict(context.Background(), examples, 0, 1)
}

// predict is Predict for a rank's share of the examples; rows of the others are nil. It ends when
// ctx is done, since a large set takes minutes.
func (p *Predictor) predict(ctx context.Context, examples []Example, rank, ranks int) ([][]float64, error) {
	order := make([]int, len(examples)) // from short to long, so that the examples of a run have similar lengths
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(examples[a].length(), examples[b].length()) })
	all := make([][]float64, len(examples))
	part := make([]Example, 0, p.size)
	for lo := rank * p.size; lo < len(order); lo += ranks * p.size {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("finetune: %w", err)
		}
		places := order[lo:min(lo+p.size, len(order))]
		part = part[:0]
		for _, i := range places {
			part = append(part, examples[i])
		}
		program, with, err := p.programs.For(Longest(part))
		if err != nil {
			return nil, err
		}
		with.fill(part, len(part))
		if err := with.set(program); err != nil {
			return nil, err
		}
		if err := program.Run(); err != nil {
			return nil, err
		}
		scores, outputs := program.Value(with.scores), p.c.Outputs
		if slices.ContainsFunc(scores[:len(places)*outputs], func(v float32) bool { return v-v != 0 }) {
			return nil, errors.New("finetune: the scores are not numbers: the model's activations overflow")
		}
		for i, place := range places {
			if all[place] = softmax(scores[i*outputs : (i+1)*outputs]); p.c.Squared {
				all[place] = []float64{float64(scores[i])}
			}
		}
	}
	return all, nil
}

func softmax(scores []float32) []float64 {
	largest := float64(scores[0])
	for _, v := range scores {
		largest = max(largest, float64(v))
	}
	p, total := make([]float64, len(scores)), 0.0
	for i, v := range scores {
		p[i] = math.Exp(float64(v) - largest)
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}
