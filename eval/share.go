package eval

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/train"
)

// Parts of an evaluation, such as questions, are shared out over ranks in runs of a few that follow one another: those may begin alike,
// and what they have in common runs once.

// ranks is how many processes share the work, and which of them this is.
func (s *Subject) ranks() (rank, size int) {
	if s.Peers == nil {
		return 0, 1
	}
	return s.Peers.Rank(), s.Peers.Size()
}

// own tells whether part i of n is this rank's to do.
func (s *Subject) own(i, n int) bool {
	rank, _ := s.ranks()
	return s.owner(i, n) == rank
}

// owner is the rank that does part i of n.
func (s *Subject) owner(i, n int) int {
	_, size := s.ranks()
	const (
		most   = 16 // parts that follow one another
		rounds = 8  // or as many of them that each rank has so many turns
	)
	run := max(1, min(most, n/(rounds*size)))
	return i / run % size
}

// done is what a rank has done of some parts.
type done[T any] struct {
	Of  int // parts
	Own []T
}

// join gives every rank the parts that others have done. An error of a rank in its own is told by whoever has it leave the others.
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
			return fmt.Errorf("eval: what rank %d of %d has done: %w", r, size, err)
		}
		if all[r].Of != len(parts) {
			return fmt.Errorf("eval: rank %d of %d has data of %d parts, rank %d of %d", r, size, all[r].Of, rank, len(parts))
		}
	}
	for i := range parts {
		of := &all[s.owner(i, len(parts))]
		parts[i], of.Own = of.Own[0], of.Own[1:]
	}
	return nil
}
