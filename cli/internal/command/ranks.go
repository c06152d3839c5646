package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/cluster"
	"github.com/gorgpt/gorgpt/internal/usage"
)

// Ranks are the processes that this one works with, if a launcher of MPI has started it and its command joins them.
type Ranks struct{ world *cluster.World }

type ranksKey struct{}

// WithRanks returns a context in which commands can join the others.
func WithRanks(ctx context.Context) (context.Context, *Ranks) {
	r := new(Ranks)
	return context.WithValue(ctx, ranksKey{}, r), r
}

// RankFlags adds the flags of a command that joins the others.
func RankFlags(cmd *cobra.Command) *cluster.Options {
	o := new(cluster.Options)
	cmd.Flags().DurationVar(&o.Patience, "patience", cluster.Patience, "under mpirun and its like: how long a process waits for the others before it ends the job with status 4; longer than a checkpoint takes")
	cmd.Flags().StringVar(&o.Library, "mpi-library", "", "the same: name or path of the MPI library (default that of the launcher: libmpi.so.40, or libmpich.so.12 or libmpi.so.12)")
	return o
}

// Join joins the processes that a launcher has started with this one: a world of one where there is none. Rank 0 tells of it.
func Join(cmd *cobra.Command, o *cluster.Options) (*cluster.World, error) {
	if o.Patience < time.Second {
		return nil, usage.Errorf("--patience %v: want a second or more", o.Patience)
	}
	w, err := cluster.Open(*o)
	if err != nil || w.Size() == 1 {
		return w, err
	}
	if r, ok := cmd.Context().Value(ranksKey{}).(*Ranks); ok {
		r.world = w
	}
	warning, err := w.ShareCores()
	if err == nil && w.Rank() == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), w)
		if warning != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
		}
	}
	return w, err
}

// Name tells which of the processes this one is, to go before what it says; "" for one alone.
func (r *Ranks) Name() string {
	if r.world == nil {
		return ""
	}
	return fmt.Sprintf("rank %d of %d: ", r.world.Rank(), r.world.Size())
}

// Follows tells whether another process speaks for all.
func (r *Ranks) Follows() bool { return r.world != nil && r.world.Rank() > 0 }

// Part ends the work with the others, who are told of an error. If there was none, rank 0 says how much of the time went into waiting and
// sums, and that the job is done, which the status of some launchers does not.
func (r *Ranks) Part(err error, log io.Writer) error {
	if r.world == nil {
		return nil
	}
	if err != nil {
		r.world.Leave(err)
		return r.world.Close()
	}
	shares, err := r.world.Shares()
	if err = errors.Join(err, r.world.Close()); err != nil || r.Follows() {
		return err
	}
	for _, line := range shares {
		fmt.Fprintln(log, line)
	}
	_, err = fmt.Fprintf(log, "done: %d ranks\n", r.world.Size())
	return err
}
