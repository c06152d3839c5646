package run

import (
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/graph"
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

// Within are the processes that hold one model together.
type Within interface {
	train.Peers
	graph.Ranks
}

// first reports whether this process is the one that writes.
func (j *Job) first() bool {
	return (size(j.peers) == 1 || j.peers.Rank() == 0) && (j.within == nil || j.within.Rank() == 0)
}

// tell returns, on all processes, the text that the first passes.
func (j *Job) tell(text string) (string, error) {
	var err error
	if size(j.peers) > 1 {
		text, err = train.Tell(j.peers, text)
	}
	if j.within != nil && err == nil { // from the processes that hold the first part of the model to the others
		text, err = train.Tell(j.within, text)
	}
	return text, err
}

// together waits for all ranks. It returns an error on all of them if one has left.
func (j *Job) together() error {
	if j.within != nil {
		if _, err := j.within.SumScalars(nil); err != nil {
			return err
		}
	}
	if size(j.peers) == 1 {
		return nil
	}
	_, err := j.peers.SumScalars(nil)
	return err
}

// follow makes a rank that does not write take part in what the first rank does with the model that
// they hold together: its checkpoints and samples.
func (r *Run) follow() {
	if r.within == nil || size(r.peers) > 1 && r.peers.Rank() > 0 {
		return
	}
	r.Trainer.Save = func(s train.State) error {
		c, err := r.whole(s)
		if err == nil {
			err = checkFinite(c.Params)
		}
		if err != nil {
			return err
		}
		return checkpoint.Follow(c)
	}
	if every := r.Recipe.SampleEvery; every > 0 {
		r.Trainer.Observers = []train.Observer{train.Every(every, 0, func(int) error {
			_, err := r.Sample(context.Background())
			return err
		})}
	}
}

// Follow takes the part of this process in [Run.Finish] of the first rank, if the process holds
// only a part of the model.
func (r *Run) Follow() error {
	if r.within == nil || size(r.peers) > 1 && r.peers.Rank() > 0 {
		return nil
	}
	_, err := r.Sample(context.Background())
	return err
}

// wholeCount is the number of weights over all ranks.
func wholeCount(params *graph.Params) (n int64) {
	for _, p := range params.All() {
		n += int64(p.Whole().TotalSize())
	}
	return n
}

// shareText describes this rank's part of the model; "" means all of it.
func (r *Run) shareText(params *graph.Params) string {
	if r.within == nil {
		return ""
	}
	return fmt.Sprintf("%s hold it together; the first holds %s of the parameters", plural.Of(r.within.Size(), "rank"), plural.Thousands(params.Count()))
}

// ShareOut makes the number of micro-batches in an update a multiple of ranks. If it is not one
// already, there will be more and smaller micro-batches: the sequences are the same, and sums
// differ by rounding. It returns a line about the change, if any.
func (r *Recipe) ShareOut(ranks int) (changed string, err error) {
	if r.Accumulate%ranks == 0 {
		return "", nil
	}
	all, micro := r.Batch*r.Accumulate, r.Accumulate
	for micro%ranks != 0 {
		micro += r.Accumulate // up to their least common multiple
	}
	if all%micro != 0 {
		return "", usage.Errorf("--batch %d and --accumulate %d: %s cannot share an update of %s evenly; choose a multiple of %d for --accumulate", r.Batch, r.Accumulate, plural.Of(ranks, "rank"), plural.Of(all, "sequence"), ranks)
	}
	times := micro / r.Accumulate
	r.Batch, r.Accumulate, r.EvalBatches = all/micro, micro, r.EvalBatches*times
	return plural.Of(ranks, "rank") + " share an update: --batch and --accumulate are " + plural.Of(r.Batch, "sequence") + " and " + plural.Of(r.Accumulate, "batch"), nil
}

// checkShares refuses ranks that cannot share the updates of a resumed run evenly.
func (r Recipe) checkShares(ranks int) error {
	if r.Accumulate%ranks != 0 {
		return usage.Errorf("the run has --accumulate %d, which %s cannot share evenly; start a number of ranks that divides it", r.Accumulate, plural.Of(ranks, "rank"))
	}
	return nil
}
