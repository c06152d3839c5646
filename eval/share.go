package eval

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/train"
)

// The parts of an evaluation, such as questions, are distributed over the ranks in runs of consecutive parts: these
// may have a common prefix, which is then computed only once.

// ranks returns the rank of this process and the number of processes that share the work.
func (s *Subject) ranks() (rank, size int) {
	if s.Peers == nil {
		return 0, 1
	}
	return s.Peers.Rank(), s.Peers.Size()
}

// own reports whether part i of n is this rank's.
func (s *Subject) own(i, n int) bool {
	rank, _ := s.ranks()
	return s.owner(i, n) == rank
}

// owner returns the rank that does part i of n.
func (s *Subject) owner(i, n int) int {
	_, size := s.ranks()
	const (
		most   = 16 // maximum length of a run
		rounds = 8  // runs for each rank, if there are enough parts; runs are shortened for it
	)
	run := max(1, min(most, n/(rounds*size)))
	return i / run % size
}

// done holds the parts that a rank has done.
type done[T any] struct {
	Of  int // number of all parts
	Own []T
}

// join gives every rank the parts that the others have done. If a rank fails in its parts, its caller has to tell the
// others by train.Peers.Leave.
func join[T any](s *Subject, parts []T) error {
	rank, size := s.ranks()
	if size == 1 {
		return nil
	}
	mine := done[T]{Of: len(parts)}
	for i := range parts {
		if s.own(i, len(parts)) {
			mine.Own = append(mine.Own, parts[i])
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(mine); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	texts, err := train.Gather(s.Peers, b.String())
	if err != nil {
		return fmt.Errorf("rank %d of %d: %w", rank, size, err)
	}
	all := make([]done[T], size)
	for r, text := range texts {
		if err := gob.NewDecoder(strings.NewReader(text)).Decode(&all[r]); err != nil {
			return fmt.Errorf("eval: the results of rank %d of %d: %w", r, size, err)
		}
		if all[r].Of != len(parts) {
			return fmt.Errorf("eval: rank %d of %d divides the data into %d parts, but rank %d into %d", r, size, all[r].Of, rank, len(parts))
		}
	}
	for i := range parts {
		of := &all[s.owner(i, len(parts))]
		parts[i], of.Own = of.Own[0], of.Own[1:]
	}
	return nil
}
