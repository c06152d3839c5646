package eval

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Draws returns the names of the ways to choose the examples before a question: at random for
// each question, or the first ones of the file for all.
func Draws() []string { return []string{"random", "first"} }

// draw yields the indices of the examples before question i, drawn from n by a seed.
// If own is set, question i is itself example i, which is left out.
// Each question has its own random generator, so its examples do not depend on which other
// questions there are.
func draw(shots int, how string, n, i int, own bool, seed uint64) iter.Seq[int] {
	return func(yield func(int) bool) {
		var random []int
		if how != "first" {
			random = rand.New(rand.NewPCG(seed, uint64(i))).Perm(n)
		}
		given := 0
		for k := range n {
			if random != nil {
				k = random[k]
			}
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

// checkShots returns an error if there are not enough examples to draw from, or how is not known.
func checkShots(shots int, how string, n int, own bool) error {
	if own {
		n--
	}
	switch {
	case how != "" && !slices.Contains(Draws(), how):
		return nearest.Unknown("draw", how, Draws())
	case shots < 0:
		return fmt.Errorf("eval: %d shots; want 0 or more", shots)
	case shots > 0 && shots > n:
		return fmt.Errorf("eval: %d shots, but only %d other examples to draw them from", shots, max(0, n))
	}
	return nil
}

// shotsText describes the examples for a protocol.
func shotsText(shots int, how string, own bool, examples string, seed uint64) string {
	if shots == 0 {
		return "0"
	}
	if own {
		examples = "the same file"
	}
	if how == "first" {
		return fmt.Sprintf("the first %d of %s", shots, examples)
	}
	return fmt.Sprintf("%d from %s, seed %d", shots, examples, seed)
}
