package graph

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Init is the distribution that a parameter's first values come from. The zero Init stands
// for none; see [Init.Or].
type Init struct {
	given           bool
	mean, deviation float32
	custom          *custom
}

// custom is an Init of a function.
type custom struct {
	name string
	fill func(w []float32, shape []int, random *rand.Rand)
}

// Or is i, or other if i is the zero Init: a layer's default.
func (i Init) Or(other Init) Init {
	if !i.given {
		return other
	}
	return i
}

// Normal draws from the normal distribution of mean 0 and the given deviation.
func Normal(deviation float64) Init { return Init{given: true, deviation: float32(deviation)} }

// Zeros sets every element to 0, as for biases.
func Zeros() Init { return Init{given: true} }

// Ones sets every element to 1, as for the gain of a layer norm.
func Ones() Init { return Init{given: true, mean: 1} }

// InitFunc has a function write the first values, as of an orthogonal matrix: all of w, row by
// row. What random gives depends on the seed of the parameters and the parameter's name alone. The name
// stands for the function: two of one name count as the same.
func InitFunc(name string, fill func(w []float32, shape []int, random *rand.Rand)) Init {
	return Init{given: true, custom: &custom{name, fill}}
}

// same tells whether two graphs that declare a parameter from i and j mean the same.
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

// fill draws the values of the parameter called name. They depend on the seed and
// the name alone, so the order in which parameters are declared does not matter.
// Of one that groups have parts of, a function gets the parts one by one.
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

// fillPart is fill of this rank's part of a parameter, with the values that it has in the whole. Of random numbers the whole is drawn,
// a little at a time.
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

// streamOf numbers the random stream that belongs to a name.
func streamOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
