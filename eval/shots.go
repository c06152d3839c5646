package eval

import (
	"fmt"
	"iter"
	"math/rand/v2"
)

// draw yields the indices of the examples in front of question i, drawn from n by a seed.
// If the questions are the first of the examples' own list, question i is not among them.
// Each question has a generator of its own, so its examples are the same whatever
// others there are.
func draw(shots, n, i int, own bool, seed uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		given := 0
		for _, k := range random.Perm(n) {
			if given == shots {
				return
			}
			if own && k == i {
				continue
			}
			if !yield(k) {
				return
			}
			given++
		}
	}
}

// checkShots tells whether there are enough examples to draw from.
func checkShots(shots, n int, own bool) error {
	if own {
		n--
	}
	switch {
	case shots < 0:
		return fmt.Errorf("eval: %d shots", shots)
	case shots > 0 && shots > n:
		return fmt.Errorf("eval: %d shots, but only %d others to draw them from", shots, max(0, n))
	}
	return nil
}

// shotsText describes the examples for a protocol.
func shotsText(shots int, own bool, examples string, seed uint64) string {
	if shots == 0 {
		return "0"
	}
	if own {
		examples = "the same file"
	}
	return fmt.Sprintf("%d from %s, seed %d", shots, examples, seed)
}
