package finetune

import (
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
)

// Predictor scores examples with a classifier.
type Predictor struct {
	program *graph.Program
	scores  *G.Node
	batch   *batch
}

// NewPredictor makes the program for size examples at once, of sequences up to a length.
func NewPredictor(c Classifier, params *graph.Params, size, context int) (*Predictor, error) {
	s := graph.New(params)
	scores, _, _ := c.scores(s, c.inputs(s, size, context))
	p, err := s.Compile(scores)
	if err != nil {
		return nil, err
	}
	return &Predictor{program: p, scores: scores, batch: newBatch(c, size, context)}, nil
}

// Close ends the program.
func (p *Predictor) Close() error { return p.program.Close() }

// Predict returns the probability of each output for each example.
func (p *Predictor) Predict(examples []Example) ([][]float64, error) {
	all := make([][]float64, 0, len(examples))
	for lo := 0; lo < len(examples); lo += p.batch.size {
		part := examples[lo:min(lo+p.batch.size, len(examples))]
		p.batch.fill(part, len(part))
		if err := p.batch.set(p.program); err != nil {
			return nil, err
		}
		if err := p.program.Run(); err != nil {
			return nil, err
		}
		scores, outputs := p.program.Value(p.scores), p.batch.c.Outputs
		for i := range part {
			all = append(all, softmax(scores[i*outputs:(i+1)*outputs]))
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
