package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gorgpt/gorgpt/cluster"
	"github.com/gorgpt/gorgpt/train"
)

// Interrupted is the exit status after an interrupt.
const Interrupted = 130

const (
	// OneInterrupt is the time within which signals count as one: timeout(1) sends its signal to
	// the process and, at the same moment, to the process's group.
	OneInterrupt = 500 * time.Millisecond
	// patience is how long a command without work to save may take to end.
	patience = 2 * time.Second
)

// UntilInterrupt returns a context that is canceled by the first interrupt, so that the command stops
// where it can be resumed. A second one, by Ctrl-C, ends the process at once, which damages nothing, as
// checkpoints are renamed into place when they are complete. Signals that the caller ignores, as nohup
// ignores a hang-up, stay ignored. A command that does not notice the end of the context, because it waits
// for a pipe or a large file, and has nothing to save, is ended a moment later.
func UntilInterrupt() context.Context {
	w := new(work)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), workKey{}, w))
	signals := make(chan os.Signal, 2)
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	if cluster.Launched() {
		all = append(all, cluster.StopSignal)
	}
	for _, s := range all {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		<-signals
		first := time.Now()
		cancel()
		w.touch()
		for check := time.Tick(patience / 10); ; {
			select {
			case s := <-signals:
				if s == os.Interrupt && time.Since(first) > OneInterrupt {
					os.Exit(Interrupted)
				}
			case <-check:
				if w.idle() > patience {
					fmt.Fprintln(os.Stderr, "gorgpt: interrupted")
					os.Exit(Interrupted)
				}
			}
		}
	}()
	return ctx
}

// work tracks whether a command has work to save after an interrupt.
type work struct {
	mu    sync.Mutex
	held  int
	since time.Time // the interrupt, or the last change of held
}

type workKey struct{}

func (w *work) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
}

// hold adds n to the number of pieces of work in progress.
func (w *work) hold(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held += n
	w.since = time.Now()
}

// idle returns for how long there has been no work.
func (w *work) idle() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held > 0 {
		return 0
	}
	return time.Since(w.since)
}

// Working keeps the process alive after an interrupt until release is called, for a command that needs time to end
// its work in order.
func Working(ctx context.Context) (release func()) { return working(ctx) }

// Closing closes a run, which uploads what is left if the run goes to an object store; an interrupt waits for that.
func Closing(ctx context.Context, c io.Closer) error {
	defer working(ctx)()
	return c.Close()
}

// working keeps the process alive after an interrupt until release is called, so that its work is
// saved. In a context that is not from UntilInterrupt it does nothing.
func working(ctx context.Context) (release func()) {
	w, ok := ctx.Value(workKey{}).(*work)
	if !ok {
		return func() {}
	}
	w.hold(+1)
	return func() { w.hold(-1) }
}

// Stopping reports an interrupt at once, since the command first finishes the current update,
// which may take a while. Call end when there are no more updates.
func Stopping(ctx context.Context, p *train.Progress) (end func()) {
	release := working(ctx)
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		_ = p.Say("stopping after this update (Ctrl-C again to stop now)") // an error means that nobody reads it
	})
	return func() {
		if !stop() {
			<-said
		}
		release()
	}
}

// Input is standard input whose reads an interrupt ends: a read of a terminal or a pipe may block
// forever.
type Input struct {
	Context context.Context
	File    *os.File
	buffer  [1 << 16]byte
}

// Fd returns the file descriptor, for callers that check whether it is a terminal.
func (in *Input) Fd() uintptr { return in.File.Fd() }

// Read reads, or returns the context's error if the context ends first. After that nothing more can
// be read, as the read that was begun is still waiting.
func (in *Input) Read(p []byte) (int, error) {
	if err := in.Context.Err(); err != nil {
		return 0, err
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	into := in.buffer[:min(len(p), len(in.buffer))]
	go func() {
		n, err := in.File.Read(into)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, into[:r.n]), r.err
	case <-in.Context.Done():
		return 0, in.Context.Err()
	}
}
