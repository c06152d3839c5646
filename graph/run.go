package graph

import (
	"fmt"
	"time"
)

// run is what a program's ops share while it runs.
type run struct {
	seed, step uint64  // what random ops draw from
	weight     float32 // of the gradient; 0 in a run that wants none
	clock      int     // ops of ours that have run
	failure    error   // of an op
	trace      func(path, op string, took time.Duration)
	check      func(o *nodeOp) // sees each op's results, if not nil
	ready      func(p *Param)  // sees each parameter whose gradient is whole, if not nil
}

// tick checks that the machine runs the ops in the order of the plan: buffers that
// take turns would hold the wrong values otherwise.
func (r *run) tick(o *nodeOp) error {
	r.clock++
	if o.order != r.clock {
		return fmt.Errorf("runs as op %d of the program, planned as %d", r.clock, o.order)
	}
	return nil
}
