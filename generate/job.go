package generate

import (
	"context"
	"errors"
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
	read  func(at int, row []float32)  // and those after its prompt up to at, where it is echoed

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

// take hands the logits after a slot's sequence to its job.
func (s *slot) take(row []float32) {
	if err := checkNumbers(row); err != nil {
		s.job.end(err)
		return
	}
	s.job.take(s, row)
}

// echoed hands the rows of logits after the last n positions to the job, each as that of the
// token that follows in the prompt, and returns the last row, which none follows.
func (s *slot) echoed(rows []float32, n int) []float32 {
	vocab := len(rows) / n
	if s.past == n {
		s.job.read(0, nil)
	}
	for i := range n {
		row := rows[i*vocab:][:vocab]
		if at := s.past - n + i + 1; at < len(s.ids) && !s.job.over() {
			s.job.read(at, row)
		}
	}
	s.echo = s.todo > 0
	return rows[(n-1)*vocab:]
}

// checkNumbers refuses logits of which nothing can be chosen. A model that has gone wrong in one
// place gives NaN everywhere, one whose head has, for a token.
func checkNumbers(row []float32) error {
	if slices.ContainsFunc(row, func(x float32) bool { return x != x }) {
		return errors.New("generate: the model's logits are NaN: its weights are, or are too large")
	}
	return nil
}
