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

// Patience is how long a collective may take where [Options] do not say: longer than the others have to wait for
// a rank that does something alone, as the first its checkpoint.
const Patience = 10 * time.Minute

// Stalled is the exit status of a process that has waited for the others in vain.
const Stalled = 4

// Options are how a process joins the others.
type Options struct {
	// Library is the name, or the path, of the MPI library, "" for that of the launcher's family.
	Library string
	// Patience is how long one collective may take, 0 for [Patience].
	Patience time.Duration
	// Stall is called, while the call still waits, when one has taken longer. Nil tells standard error, and ends
	// the process with the status [Stalled]: the launcher then ends the others.
	Stall func(report string)
}

// World is the processes of a job, seen from one of them: [train.Peers] over MPI. Calls may come from
// any goroutine, but from one at a time: every rank makes the same in the same order.
//
// After an error all further calls return it.
type World struct {
	// Fast has the library add up in an order of its own, which may be faster, and whose bits depend on the number of ranks. All
	// have it, or none.
	Fast bool

	rank, size int
	about      string
	queue      chan *request // nil for a process alone
	ended      chan struct{}
	gone       error // why there are no more calls; of the caller's side
	clock      clock
	opened     time.Time

	// Of the one thread alone.
	sums
	times [2]time.Duration // waiting for the others to come to a call, and in it
}

// Open joins the job of the launcher that started the process, or of none: a world of one. It refuses
// a library that does not find the launcher. After an error the process must end with another status than 0.
//
// The variables by which a process knows the launcher are gone from the environment after that, or its children would
// take themselves for ranks.
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

// open starts the thread, on which it connects.
func open(o Options, connect func() (backend, error)) (*World, error) {
	if o.Patience == 0 {
		o.Patience = Patience
	}
	if o.Stall == nil {
		o.Stall = func(report string) {
			fmt.Fprintln(os.Stderr, report)
			time.Sleep(time.Second) // those of the other ranks
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

// Rank is the number of this process, from 0.
func (w *World) Rank() int { return w.rank }

// Size is the number of processes.
func (w *World) Size() int { return w.size }

// String tells who they are.
func (w *World) String() string {
	if w.size == 1 {
		return w.about
	}
	return fmt.Sprintf("rank %d of %d, by %s", w.rank, w.size, w.about)
}

// At tells where the process is, for the report of a call that takes too long.
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

// reduceAll has the library add up slices.
func reduceAll(b backend, x [][]float32) error {
	for _, part := range x {
		if err := b.reduce(part); err != nil {
			return err
		}
	}
	return nil
}

// SumScatter leaves to each rank the sums of its part, in the tree of Sum.
func (w *World) SumScatter(parts [][][]float32) error {
	all := slices.Concat(parts...)
	return w.do(scatterCall, lengthOf(all), func(b backend) error {
		if !w.Fast {
			return w.floats.scatter(parts)
		}
		return reduceAll(b, all)
	})
}

// Gather gives each rank's part to all.
func (w *World) Gather(parts [][][]float32) error {
	return w.do(gatherCall, lengthOf(slices.Concat(parts...)), func(backend) error { return w.floats.collect(parts) })
}

// SumScalars returns the ranks' sums, of a fixed tree.
func (w *World) SumScalars(x []float64) ([]float64, error) {
	sums := append([]float64(nil), x...)
	err := w.do(scalarsCall, len(x), func(backend) error { return w.scalars.sum([][]float64{sums}) })
	return sums, err
}

// Max puts the largest of the ranks' numbers in the place of each; NaN, if one is.
func (w *World) Max(x []float32) error {
	return w.do(maxCall, len(x), func(backend) error { return w.largest.sum([][]float32{x}) })
}

// Give gives a rank's slice to all.
func (w *World) Give(x []float32, from int) error {
	return w.do(giveCall, 4*len(x), func(b backend) error { return giveAll(b, bytesOf(x), from) })
}

// Shares tells on rank 0, a line for each rank, how much of the time since Open it has waited for the others to come to a call, and how much it
// has been in calls, as sums take it.
func (w *World) Shares() ([]string, error) {
	if w.size == 1 {
		return nil, nil
	}
	mine := make([]float64, 3*w.size)
	mine[3*w.rank] = time.Since(w.opened).Seconds() // the thread has nothing to do now
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

// Leave tells the others that this rank goes no further: the calls that they are at, or make next, return the reason.
func (w *World) Leave(reason error) {
	if w.gone != nil {
		return
	}
	text := reason.Error()
	_ = w.submit(&request{call: leaveCall, size: min(len(text), mostReason), reason: text}) // whatever it says, there are no more calls
	if w.gone == nil {
		w.gone = fmt.Errorf("this rank has left: %w", reason)
	}
}

// mostReason bounds the text of a reason.
const mostReason = 1 << 12

// Close leaves the job, for which it waits for all: do not defer it, or a panic waits too. A process must not end with
// status 0 without it: some launchers then end the others, and call it a success.
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
