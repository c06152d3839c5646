package graph

import "sync/atomic"

// machines is the number of those that are made and not ended.
var machines atomic.Int64

// Running is the number of programs that have run and are not closed. It is for tests of what
// runs some: that all are closed in the end, also after an error.
func Running() int { return int(machines.Load()) }

// end counts a machine as ended, once.
func (m *machine) end() {
	if !m.ended {
		m.ended = true
		machines.Add(-1)
	}
}
