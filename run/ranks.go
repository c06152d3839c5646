package run

import (
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/train"
)

// size is the number of processes that train together.
func size(peers train.Peers) int {
	if peers == nil {
		return 1
	}
	return peers.Size()
}

// first tells whether this process is the one that writes.
func (j *Job) first() bool { return size(j.peers) == 1 || j.peers.Rank() == 0 }

// together waits for all ranks, and is an error on all of them where one has left.
func (j *Job) together() error {
	if size(j.peers) == 1 {
		return nil
	}
	_, err := j.peers.SumScalars(nil)
	return err
}

// ShareOut has an update be of as many micro-batches as its ranks want, smaller ones where it was of fewer: the
// same sequences, whose sums differ by rounding. It tells what it has done.
func (r *Recipe) ShareOut(ranks int) (changed string, err error) {
	if r.Accumulate%ranks == 0 {
		return "", nil
	}
	all, micro := r.Batch*r.Accumulate, r.Accumulate
	for micro%ranks != 0 {
		micro += r.Accumulate // up to the least common multiple
	}
	if all%micro != 0 {
		return "", usage.Errorf("--batch %d and --accumulate %d: %s cannot share an update of %s alike; choose a multiple of %d for --accumulate", r.Batch, r.Accumulate, plural.Of(ranks, "rank"), plural.Of(all, "sequence"), ranks)
	}
	times := micro / r.Accumulate
	r.Batch, r.Accumulate, r.EvalBatches = all/micro, micro, r.EvalBatches*times
	return plural.Of(ranks, "rank") + " share an update: --batch and --accumulate are " + plural.Of(r.Batch, "sequence") + " and " + plural.Of(r.Accumulate, "batch"), nil
}

// checkShares refuses ranks that cannot share the updates of a run that goes on.
func (r Recipe) checkShares(ranks int) error {
	if r.Accumulate%ranks != 0 {
		return usage.Errorf("the run has --accumulate %d, which %s cannot share alike; start as many as divide it", r.Accumulate, plural.Of(ranks, "rank"))
	}
	return nil
}
