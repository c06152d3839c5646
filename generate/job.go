package generate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// job is what slots are for: one for a sequence, several for the beams of a search.
type job struct {
	ctx   context.Context
	slots []*slot
	take  func(s *slot, row []float32) // is given the logits after the sequence of a slot

	came, began time.Time // into the queue, and out of it

	mu   sync.Mutex
	err  error
	done chan struct{} // closed at the end
}

// newJob returns a job for the context with n slots, all of them with the prompt.
func newJob(ctx context.Context, n int, prompt []int, take func(s *slot, row []float32)) *job {
	j := &job{ctx: ctx, take: take, came: time.Now(), done: make(chan struct{})}
	for i := range n {
		j.slots = append(j.slots, &slot{job: j, beam: i, ids: slices.Clone(prompt)})
	}
	return j
}

// end ends the job, if it has not ended yet: with an error, or without if all went well.
func (j *job) end(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.over() {
		j.err = err
		close(j.done)
	}
}

// over tells whether the job has ended.
func (j *job) over() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// left ends the job if its context has, and tells whether it has ended.
func (j *job) left() bool {
	if err := j.ctx.Err(); err != nil {
		j.end(fmt.Errorf("generate: %w", err))
	}
	return j.over()
}
