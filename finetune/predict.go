package finetune

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Predictor scores examples with a classifier.
type Predictor struct{ programs *programs }

// NewPredictor makes the program for size examples at once, of sequences up to a length.
// Programs for shorter ones are made when they are wanted.
func NewPredictor(c Classifier, params *graph.Params, size, context int) (*Predictor, error) {
	return newPredictor(c, params, size, context, nil)
}

// newPredictor makes a predictor whose programs borrow their memory, or if borrow is nil that of
// the longest of them.
func newPredictor(c Classifier, params *graph.Params, size, context int, borrow func(*graph.Program) error) (*Predictor, error) {
	p, err := newPrograms(c, size, context, borrow, func(length int) (*graph.Program, *G.Node, error) {
		s := graph.New(params)
		scores, _, _ := c.scores(s, c.inputs(s, size, length))
		p, err := s.Compile(scores)
		return p, scores, err
	})
	if err != nil {
		return nil, err
	}
	return &Predictor{p}, nil
}

// Close ends the programs.
func (p *Predictor) Close() error { return p.programs.Close() }

// Predict returns the probability of each output for each example, or its number if the
// classifier is Squared.
func (p *Predictor) Predict(examples []Example) ([][]float64, error) {
	return p.predict(context.Background(), examples)
}

// predict is Predict until ctx is done: a large set takes minutes.
func (p *Predictor) predict(ctx context.Context, examples []Example) ([][]float64, error) {
	order := make([]int, len(examples)) // from short to long, so that those of a run are alike
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(examples[a].length(), examples[b].length()) })
	all := make([][]float64, len(examples))
	part := make([]Example, 0, p.programs.size)
	for lo := 0; lo < len(order); lo += p.programs.size {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("finetune: %w", err)
		}
		places := order[lo:min(lo+p.programs.size, len(order))]
		part = part[:0]
		for _, i := range places {
			part = append(part, examples[i])
		}
		program, err := p.programs.filled(part, len(part))
		if err != nil {
			return nil, err
		}
		if err := program.Run(); err != nil {
			return nil, err
		}
		scores, outputs := program.Value(program.scores), p.programs.c.Outputs
		for i, place := range places {
			if all[place] = softmax(scores[i*outputs : (i+1)*outputs]); p.programs.c.Squared {
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
