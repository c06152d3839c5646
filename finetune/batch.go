package finetune

import (
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/graph"
)

// batch holds the inputs of one run.
type batch struct {
	c             Classifier
	size, context int

	tokens, targets, extract, swapped []int
	weights, labels, shares           []float32 // shares only if c.Squared
}

func newBatch(c Classifier, size, context int) *batch {
	rows := size * c.sequences()
	b := &batch{
		c: c, size: size, context: context,
		tokens: make([]int, rows*context), targets: make([]int, rows*context), weights: make([]float32, rows*context),
		extract: make([]int, rows), labels: make([]float32, size*c.Outputs),
	}
	if c.Squared {
		b.shares = make([]float32, size)
	}
	if c.Kind == tasks.Similarity {
		b.extract, b.swapped = make([]int, size), make([]int, size)
	}
	return b
}

// fill puts in at most size examples; empty places do not count. The losses are means over count
// examples, which may be in several batches.
func (b *batch) fill(examples []Example, count int) {
	clear(b.tokens)
	clear(b.weights)
	clear(b.extract)
	clear(b.swapped)
	clear(b.labels)
	clear(b.shares)
	for i := range b.targets {
		b.targets[i] = -1
	}
	k := b.c.sequences()
	for i, e := range examples {
		if b.c.Squared {
			b.labels[i], b.shares[i] = e.Targets[0], 1/float32(count)
		} else {
			for j, p := range e.Targets {
				b.labels[i*b.c.Outputs+j] = p / float32(count)
			}
		}
		for n, ids := range e.Sequences {
			first := (i*k + n) * b.context
			copy(b.tokens[first:], ids)
			// Each sequence's loss is a mean over its next tokens.
			weight := float32(b.c.Auxiliary) / float32(count*k*(len(ids)-1))
			for t, id := range ids[1:] {
				b.targets[first+t], b.weights[first+t] = id, weight
			}
			last := first + len(ids) - 1
			switch {
			case b.c.Kind == tasks.Similarity && n == 1:
				b.swapped[i] = last
			case b.c.Kind == tasks.Similarity:
				b.extract[i] = last
			default:
				b.extract[i*k+n] = last
			}
		}
	}
}

// set sets the inputs of a program.
func (b *batch) set(p *graph.Program) error {
	ints := map[string][]int{"tokens": b.tokens, "targets": b.targets, "extract": b.extract}
	if b.swapped != nil {
		ints["swapped"] = b.swapped
	}
	for name, ids := range ints {
		if err := p.SetInts(name, ids); err != nil {
			return err
		}
	}
	floats := map[string][]float32{"weights": b.weights, "labels": b.labels}
	if b.shares != nil {
		floats["shares"] = b.shares
	}
	for name, values := range floats {
		if err := p.SetFloats(name, values); err != nil {
			return err
		}
	}
	return nil
}

// Longest returns the length of the longest sequence, or 1 if there is none.
func Longest(sets ...[]Example) int {
	most := 1
	for _, set := range sets {
		for _, e := range set {
			most = max(most, e.length())
		}
	}
	return most
}
