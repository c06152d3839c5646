package compare

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gorgpt/gorgpt/internal/wholefile"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/train"
)

// times returns the seconds per step of each variant, as measured in an earlier run, or measured now.
func (s *study) times(ctx context.Context) (map[string]float64, error) {
	path := filepath.Join(s.out, "times.csv")
	known, err := readTimes(path)
	if err != nil {
		return nil, err
	}
	complete := true
	for _, v := range s.variants {
		complete = complete && known[v.Name] > 0
	}
	if s.fitOnly || complete && !s.timesAgain {
		return known, nil
	}
	fmt.Fprintf(s.progress, "timing %d variants in turns\n", len(s.variants))
	measured, err := s.measure(ctx, s)
	if err != nil {
		return nil, err
	}
	rows := [][]string{{"variant", "seconds"}}
	for _, v := range s.variants {
		rows = append(rows, []string{v.Name, strconv.FormatFloat(measured[v.Name], 'g', 4, 64)})
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return nil, err
	}
	if err := wholefile.Write(path, b.Bytes()); err != nil {
		return nil, err
	}
	return readTimes(path) // rounded, so that the same command prints the same again
}

func readTimes(path string) (map[string]float64, error) {
	times := make(map[string]float64)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return times, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, row := range rows[min(1, len(rows)):] {
		seconds, err := strconv.ParseFloat(row[len(row)-1], 64)
		if err != nil || !(seconds > 0) {
			return nil, fmt.Errorf("%s: %s: want seconds above 0; remove the file to measure again", path, row)
		}
		times[row[0]] = seconds
	}
	return times, nil
}

// turn is an observer that makes a run wait for its turn before each step, and measures how long the step takes.
type turn struct {
	ctx   context.Context
	next  chan struct{}
	took  chan time.Duration
	start time.Time
}

// OnStep implements [train.Observer].
func (t *turn) OnStep(train.Step) error {
	select {
	case <-t.ctx.Done():
		return t.ctx.Err()
	case t.took <- time.Since(t.start):
	}
	select {
	case <-t.ctx.Done():
		return t.ctx.Err()
	case <-t.next:
		t.start = time.Now()
		return nil
	}
}

// OnEvaluation implements [train.Observer].
func (*turn) OnEvaluation(train.Evaluation) error { return nil }

// measure returns the time of the shortest of several steps of each variant. The variants take turns, so that other
// work on the machine affects all of them alike. A step is everything: the batch, both passes, the update.
func measure(ctx context.Context, s *study) (times map[string]float64, err error) {
	temp, err := os.MkdirTemp("", s.Name+"-")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	var runs []*run.Run
	defer func() {
		stop()
		running.Wait()
		for _, r := range runs {
			err = errors.Join(err, r.Close())
		}
		err = errors.Join(err, os.RemoveAll(temp))
	}()
	var turns []*turn
	failed := make(chan error, len(s.variants))
	for i, v := range s.variants {
		one, err := s.runOf(point{v, s.rates[v.Swept], s.rounds + 2, 1})
		if err != nil {
			return nil, err
		}
		one.Recipe.EvalBatches, one.Recipe.Buffer = 1, 1<<16
		r, err := run.Create(one.Recipe, filepath.Join(temp, strconv.Itoa(i)), run.Options{Edits: one.Edits})
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
		t := &turn{ctx: ctx, next: make(chan struct{}), took: make(chan time.Duration)}
		r.Trainer.Observers = append(r.Trainer.Observers, t)
		turns = append(turns, t)
		running.Go(func() { failed <- r.Train(ctx) })
		if _, err := t.wait(failed); err != nil { // the first step compiles
			return nil, err
		}
	}
	times = make(map[string]float64)
	for range s.rounds {
		for i, v := range s.variants {
			took, err := turns[i].step(failed)
			if err != nil {
				return nil, err
			}
			if before, had := times[v.Name]; !had || took.Seconds() < before {
				times[v.Name] = took.Seconds()
			}
		}
	}
	return times, nil
}

// step lets the run make a step, unless any run has failed.
func (t *turn) step(failed <-chan error) (time.Duration, error) {
	select {
	case t.next <- struct{}{}:
		return t.wait(failed)
	case err := <-failed:
		return 0, err
	}
}

// wait waits until the step is made, or until any run fails, as it does when it is interrupted.
func (t *turn) wait(failed <-chan error) (time.Duration, error) {
	select {
	case took := <-t.took:
		return took, nil
	case err := <-failed:
		return 0, err
	}
}
