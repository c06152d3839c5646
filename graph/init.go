package graph

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Init is the distribution that the initial values of a parameter are drawn from. The zero Init means that none
// is given; see [Init.Or].
type Init struct {
	given           bool
	mean, deviation float32
	custom          *custom
}

// custom is an Init by a function.
type custom struct {
	name string
	fill func(w []float32, shape []int, random *rand.Rand)
}

// Or returns i, or other, such as a layer's default, if i is the zero Init.
func (i Init) Or(other Init) Init {
	if !i.given {
		return other
	}
	return i
}

// Normal draws from the normal distribution with mean 0 and the given standard deviation.
func Normal(deviation float64) Init { return Init{given: true, deviation: float32(deviation)} }

// Zeros sets every element to 0, as is usual for biases.
func Zeros() Init { return Init{given: true} }

// Ones sets every element to 1, as is usual for the gain of a layer norm.
func Ones() Init { return Init{given: true, mean: 1} }

// InitFunc uses a function to write the initial values, for example of an orthogonal matrix: all of w, row by
// row. What random returns depends only on the seed of the parameters and the name of the parameter. name
// identifies the function: two functions with the same name count as the same.
func InitFunc(name string, fill func(w []float32, shape []int, random *rand.Rand)) Init {
	return Init{given: true, custom: &custom{name, fill}}
}

// same reports whether two graphs that declare a parameter from i and j mean the same distribution.
func (i Init) same(j Init) bool {
	return i == j || i.custom != nil && j.custom != nil && i.custom.name == j.custom.name
}

// String describes the distribution, as in "N(0, 0.02)".
func (i Init) String() string {
	switch {
	case i.custom != nil:
		return i.custom.name
	case i.deviation == 0:
		return fmt.Sprint(i.mean)
	}
	return fmt.Sprintf("N(%v, %.4g)", i.mean, i.deviation)
}

// fill draws the values of the parameter called name. They depend only on the seed and the name, so the order
// in which parameters are declared does not matter. If the parameter has parts for groups, a custom function is
// called for each part.
func (i Init) fill(data []float32, shape []int, groups int, seed uint64, name string) {
	if i.custom != nil {
		random := rand.New(rand.NewPCG(seed, streamOf(name)))
		if groups > 0 {
			shape = shape[1:]
		}
		for part := range slices.Chunk(data, len(data)/max(groups, 1)) {
			i.custom.fill(part, slices.Clone(shape), random)
		}
		return
	}
	if i.deviation == 0 {
		if i.mean != 0 {
			for j := range data {
				data[j] = i.mean
			}
		}
		return
	}
	kernel.Normal(data, seed, streamOf(name), i.mean, i.deviation)
}

// fillPart fills this rank's part of a parameter with the values that it has in the whole. If these are random,
// the whole is drawn, a little at a time.
func (i Init) fillPart(data []float32, c cut, groups int, seed uint64, name string) {
	switch {
	case i.custom != nil:
		whole := kernel.Floats(c.whole.TotalSize())
		i.fill(whole, c.whole, groups, seed, name)
		c.take(data, whole, 0)
	case i.deviation == 0:
		i.fill(data, nil, groups, seed, name)
	default:
		kernel.NormalParts(c.whole.TotalSize(), seed, streamOf(name), i.mean, i.deviation, func(part []float32, at int) { c.take(data, part, at) })
	}
}

// streamOf returns the number of the random stream that belongs to a name.
func streamOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
