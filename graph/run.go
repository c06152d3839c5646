package graph

import (
	"fmt"
	"time"
)

// run is the state that a program's ops share while it runs.
type run struct {
	seed, step uint64  // what random ops draw from
	weight     float32 // of the gradient; 0 in a run without one
	clock      int     // number of our ops that have run
	failure    error   // of an op
	trace      func(path, op string, took time.Duration)
	check      func(o *nodeOp) // called with each op after it has run, if not nil
	ready      func(p *Param)  // called for each parameter whose gradient is complete, if not nil
}

// tick checks that the machine runs the ops in the planned order; otherwise, buffers that are reused would hold
// the wrong values.
func (r *run) tick(o *nodeOp) error {
	r.clock++
	if o.order != r.clock {
		return fmt.Errorf("runs as op %d of the program, planned as %d", r.clock, o.order)
	}
	return nil
}
