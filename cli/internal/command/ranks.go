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

// Ranks are the processes that this one works with, if an MPI launcher has started it and its command joins them.
type Ranks struct{ world *cluster.World }

type ranksKey struct{}

// WithRanks returns a context in which commands can join the other processes.
func WithRanks(ctx context.Context) (context.Context, *Ranks) {
	r := new(Ranks)
	return context.WithValue(ctx, ranksKey{}, r), r
}

// RankFlags adds the flags of a command that joins the other processes.
func RankFlags(cmd *cobra.Command) *cluster.Options {
	o := new(cluster.Options)
	cmd.Flags().DurationVar(&o.Patience, "patience", cluster.Patience, "with mpirun: how long a process waits for the others before it ends the job with status 4; must be longer than a checkpoint takes")
	cmd.Flags().StringVar(&o.Library, "mpi-library", "", "with mpirun: name or path of the MPI library (default: the launcher's, libmpi.so.40 for Open MPI, libmpich.so.12 or libmpi.so.12 for MPICH)")
	return o
}

// Join joins the processes that a launcher has started together with this one; without a launcher, the world has one
// process. Rank 0 reports the world.
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

// Name returns a prefix for messages that says which of the processes this is; "" for a single process.
func (r *Ranks) Name() string {
	if r.world == nil {
		return ""
	}
	return fmt.Sprintf("rank %d of %d: ", r.world.Rank(), r.world.Size())
}

// Follows reports whether another process reports for all.
func (r *Ranks) Follows() bool { return r.world != nil && r.world.Rank() > 0 }

// Part ends the work with the other processes, to which an error is reported. If there was none, rank 0 prints how much
// of the time went into waiting and sums, and that the job is done, which the exit status of some launchers does not
// show.
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
