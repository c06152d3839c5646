package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// job is a unit of work with its slots: one for a sequence, several for the beams of a search.
type job struct {
	ctx   context.Context
	slots []*slot
	take  func(s *slot, row []float32) // receives the logits after a slot's sequence
	read  func(at int, row []float32)  // receives those that predict prompt token at, if the prompt is echoed

	came, began time.Time // when it entered the queue, and when it left it for a slot

	mu   sync.Mutex
	err  error
	done chan struct{} // closed at the end
}

// newJob returns a job with n slots, all with the same prompt.
func newJob(ctx context.Context, n int, prompt []int, take func(s *slot, row []float32)) *job {
	j := &job{ctx: ctx, take: take, came: time.Now(), done: make(chan struct{})}
	for i := range n {
		j.slots = append(j.slots, &slot{job: j, beam: i, ids: slices.Clone(prompt)})
	}
	return j
}

// end ends the job, unless it has ended already. The error is nil if all went well.
func (j *job) end(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.over() {
		j.err = err
		close(j.done)
	}
}

// over reports whether the job has ended.
func (j *job) over() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// left ends the job if its context is done, and reports whether the job has ended.
func (j *job) left() bool {
	if err := j.ctx.Err(); err != nil {
		j.end(fmt.Errorf("generate: %w", err))
	}
	return j.over()
}

// take passes the logits after the slot's sequence to its job.
func (s *slot) take(row []float32) {
	if err := checkNumbers(row); err != nil {
		s.job.end(err)
		return
	}
	s.job.take(s, row)
}

// echoed passes the rows of logits after the last n positions to the job, each with the prompt token
// that it predicts. It returns the last row; once the whole prompt has run, that row predicts the
// first token to generate.
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

// checkNumbers refuses logits that hold a NaN or +∞. A NaN within the model makes all logits NaN; one in
// the weights of the head may affect a single token's.
func checkNumbers(row []float32) error {
	if slices.ContainsFunc(row, func(x float32) bool { return !(x <= math.MaxFloat32) }) {
		return errors.New("generate: the model's logits are NaN or infinite: its weights are NaN or too large")
	}
	return nil
}
