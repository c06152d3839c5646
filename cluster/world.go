package cluster

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gorgpt/gorgpt/train"
)

var (
	_ train.Peers     = (*World)(nil)
	_ train.Scatterer = (*World)(nil)
)

// Patience is how long a collective may take by default. It is longer than ranks have to wait for
// one that does something alone, as the first does when it writes a checkpoint.
const Patience = 10 * time.Minute

// Stalled is the exit status of a process that has waited for the others in vain.
const Stalled = 4

// Options are how a process joins the others.
type Options struct {
	// Library is the name or path of the MPI library; "" means one of the launcher's family.
	Library string
	// Patience is how long one collective may take; 0 means [Patience].
	Patience time.Duration
	// Stall is called when a collective has taken longer than Patience, while it still waits. If it
	// is nil, the report goes to standard error, and the process exits with status [Stalled]: the
	// launcher then ends the others.
	Stall func(report string)
}

// World is the processes of a job, as seen from one of them. It implements [train.Peers] over MPI.
// Calls may come from any goroutine, but only from one at a time: every rank must make the same
// calls in the same order.
//
// After an error, all further calls return it.
type World struct {
	// Fast makes the MPI library add up in its own order. This may be faster, but the bits then depend
	// on the number of ranks. All ranks must set it, or none.
	Fast bool

	rank, size int
	about      string
	queue      chan *request // nil for a single process
	ended      chan struct{}
	gone       error // why there are no more calls; for the caller's goroutine
	clock      clock
	opened     time.Time

	// For the MPI thread alone.
	sums
	times [2]time.Duration // waiting for the others to come to a call, and in calls
}

// Open joins the job of the launcher that started the process; without a launcher, it returns a
// world of one. It refuses a library that does not find the launcher. After an error the process
// must exit with a status other than 0.
//
// Open removes from the environment the variables by which a process recognizes the launcher, since
// child processes would take themselves for ranks.
func Open(o Options) (*World, error) {
	l := Detect(os.LookupEnv)
	if l.Alone() {
		return &World{size: 1, about: "one process"}, nil
	}
	return open(o, func() (backend, error) {
		b, err := connect(l, o.Library)
		if err == nil {
			err = forgetLauncher()
		}
		return b, err
	})
}

// open starts the thread, which connects.
func open(o Options, connect func() (backend, error)) (*World, error) {
	if o.Patience == 0 {
		o.Patience = Patience
	}
	if o.Stall == nil {
		o.Stall = func(report string) {
			fmt.Fprintln(os.Stderr, report)
			time.Sleep(time.Second) // for the reports of the other ranks
			os.Exit(Stalled)
		}
	}
	w := &World{opened: time.Now(), queue: make(chan *request), ended: make(chan struct{})}
	w.clock.patience, w.clock.stall = o.Patience, o.Stall
	opened := make(chan error)
	go w.serve(connect, opened)
	if err := <-opened; err != nil {
		return nil, err
	}
	return w, nil
}

// Rank returns the number of this process, from 0.
func (w *World) Rank() int { return w.rank }

// Size returns the number of processes.
func (w *World) Size() int { return w.size }

// String describes this process and its world.
func (w *World) String() string {
	if w.size == 1 {
		return w.about
	}
	return fmt.Sprintf("rank %d of %d, by %s", w.rank, w.size, w.about)
}

// At sets where the process is, for the report of a call that takes too long.
func (w *World) At(place string) { w.clock.at(place) }

// Sum adds up the ranks' slices in place, in a fixed tree unless Fast is set.
func (w *World) Sum(x ...[]float32) error {
	return w.do(sumCall, lengthOf(x), func(b backend) error {
		if !w.Fast {
			return w.floats.sum(x)
		}
		return reduceAll(b, x)
	})
}

// reduceAll makes the library add up slices.
func reduceAll(b backend, x [][]float32) error {
	for _, part := range x {
		if err := b.reduce(part); err != nil {
			return err
		}
	}
	return nil
}

// SumScatter leaves to each rank the sums of its part, by the tree of Sum.
func (w *World) SumScatter(parts [][][]float32) error {
	all := slices.Concat(parts...)
	return w.do(scatterCall, lengthOf(all), func(b backend) error {
		if !w.Fast {
			return w.floats.scatter(parts)
		}
		return reduceAll(b, all)
	})
}

// Gather copies each rank's part to all ranks.
func (w *World) Gather(parts [][][]float32) error {
	return w.do(gatherCall, lengthOf(slices.Concat(parts...)), func(backend) error { return w.floats.collect(parts) })
}

// SumScalars returns the sums over the ranks, in a fixed tree.
func (w *World) SumScalars(x []float64) ([]float64, error) {
	sums := append([]float64(nil), x...)
	err := w.do(scalarsCall, len(x), func(backend) error { return w.scalars.sum([][]float64{sums}) })
	return sums, err
}

// Max replaces each number by the largest of the ranks' numbers at its place, or NaN if one of them
// is.
func (w *World) Max(x []float32) error {
	return w.do(maxCall, len(x), func(backend) error { return w.largest.sum([][]float32{x}) })
}

// Give copies rank from's slice to all ranks.
func (w *World) Give(x []float32, from int) error {
	return w.do(giveCall, 4*len(x), func(b backend) error { return giveAll(b, bytesOf(x), from) })
}

// Shares returns, on rank 0, a line for each rank: which share of the time since Open it has waited
// for the others to come to a call, and which share it has spent in calls, such as sums.
func (w *World) Shares() ([]string, error) {
	if w.size == 1 {
		return nil, nil
	}
	mine := make([]float64, 3*w.size)
	mine[3*w.rank] = time.Since(w.opened).Seconds() // the thread is idle now
	mine[3*w.rank+1], mine[3*w.rank+2] = w.times[0].Seconds(), w.times[1].Seconds()
	all, err := w.SumScalars(mine)
	if err != nil || w.rank > 0 {
		return nil, err
	}
	var lines []string
	for rank := range w.size {
		whole, waited, called := all[3*rank], all[3*rank+1], all[3*rank+2]
		lines = append(lines, fmt.Sprintf("rank %d: of %.1f s, %.1f %% waiting for the others and %.1f %% in sums", rank, whole, 100*waited/whole, 100*called/whole))
	}
	return lines, nil
}

// Leave tells the other ranks that this rank has stopped: the calls that they are in, or make next,
// return the reason.
func (w *World) Leave(reason error) {
	if w.gone != nil {
		return
	}
	text := reason.Error()
	_ = w.submit(&request{call: leaveCall, size: min(len(text), mostReason), reason: text}) // there are no more calls, whatever it returns
	if w.gone == nil {
		w.gone = fmt.Errorf("this rank has stopped: %w", reason)
	}
}

// mostReason is the largest number of bytes of a reason that is sent.
const mostReason = 1 << 12

// Close leaves the job, for which it waits for all ranks: do not defer it, or a panic waits too. A
// process must not exit with status 0 without calling Close: some launchers then end the others,
// and report success.
func (w *World) Close() error {
	if w.queue == nil {
		return nil
	}
	var err error
	if w.gone == nil {
		err = w.do(closeCall, 0, func(backend) error { return nil })
	}
	close(w.queue)
	<-w.ended
	w.queue = nil
	if broken := new(brokenError); errors.As(w.gone, &broken) {
		return w.gone
	}
	if w.gone == nil {
		w.gone = errors.New("cluster: the world is closed")
	}
	return err
}
