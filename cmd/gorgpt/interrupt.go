package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/gorgpt/gorgpt/train"
)

// untilInterrupt returns a context that the first interrupt ends, so that the command stops
// where it can go on from. A second one, by Ctrl-C, ends the process at once: checkpoints are
// renamed into place when they are whole. What the caller has ignored, as nohup does a
// hang-up, stays ignored.
func untilInterrupt() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go func() {
		<-signals
		cancel()
		for s := range signals {
			if s == os.Interrupt {
				os.Exit(interrupted)
			}
		}
	}()
	return ctx
}

// interrupted is the exit status after an interrupt.
const interrupted = 130

// stopping says at once that an interrupt was heard: an update that is being made is
// finished first, which may take a while. Call end when there are no more updates.
func stopping(ctx context.Context, p *train.Progress) (end func()) {
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		_ = p.Say("stopping after this update (Ctrl-C again to stop now)") // who cannot be told is not there
	})
	return func() {
		if !stop() {
			<-said
		}
	}
}
