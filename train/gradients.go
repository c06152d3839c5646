package train

import (
	"math/bits"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// gradientTree adds up the gradients of micro-batches in a binary tree, so that the result does not
// depend on which of them one process computes. A level holds the sum of 2ˡᵉᵛᵉˡ micro-batches, or
// nothing.
type gradientTree struct {
	params []*graph.Param
	at     map[*graph.Param]int
	levels []level
}

type level struct {
	full bool
	sums [][]float32 // of each parameter
}

// add moves the gradient of one more micro-batch from the parameters into the tree or, if it is the
// last, leaves the sum of all micro-batches in the parameters.
func (t *gradientTree) add(last bool) {
	at := 0
	for ; at < len(t.levels) && (last || t.levels[at].full); at++ {
		if t.levels[at].full {
			for i, p := range t.params {
				kernel.Axpy(p.GradData(), 1, t.levels[at].sums[i])
			}
			t.levels[at].full = false
		}
	}
	if last {
		return
	}
	if at == len(t.levels) {
		t.levels = append(t.levels, level{})
	}
	l := &t.levels[at]
	l.full = true
	for i, p := range t.params {
		if len(l.sums) < len(t.params) {
			l.sums = append(l.sums, make([]float32, p.Size()))
		}
		copy(l.sums[i], p.GradData())
		p.ZeroGrad()
	}
}

// addLast adds all earlier micro-batches to a parameter's gradient, which holds that of the last
// micro-batch. After it has been called for each parameter, reset must be called.
func (t *gradientTree) addLast(p *graph.Param) {
	if t.at == nil {
		t.at = make(map[*graph.Param]int)
		for i, p := range t.params {
			t.at[p] = i
		}
	}
	for _, l := range t.levels {
		if l.full {
			kernel.Axpy(p.GradData(), 1, l.sums[t.at[p]])
		}
	}
}

// reset empties the tree, also of an update that was not finished.
func (t *gradientTree) reset() {
	for i := range t.levels {
		t.levels[i].full = false
	}
}

// addTree adds up slices pairwise into the first; the left part of each split is a power of two.
func addTree[E float32 | float64](x [][]E) {
	if len(x) < 2 {
		return
	}
	half := 1 << (bits.Len(uint(len(x)-1)) - 1)
	addTree(x[:half])
	addTree(x[half:])
	for i, v := range x[half] {
		x[0][i] += v
	}
}
