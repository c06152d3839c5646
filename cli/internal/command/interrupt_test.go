package command

import (
	"context"
	"errors"
	"testing"
)

type closer func() error

func (c closer) Close() error { return c() }

// TestClosing: while a run is being closed, which may upload gigabytes to a store, an interrupt does not end the process.
func TestClosing(t *testing.T) {
	w := new(work)
	failed := errors.New("not sent")
	var held int
	err := Closing(context.WithValue(t.Context(), workKey{}, w), closer(func() error { held = w.held; return failed }))
	if err != failed || held != 1 || w.held != 0 {
		t.Errorf("error %v, held %d times while it is closed, then %d", err, held, w.held)
	}
}
