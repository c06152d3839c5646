package studio

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/train"
)

// Limits of what is kept of a run.
const (
	mostMetrics = 1 << 30 // size of metrics.jsonl in bytes
	mostKeys    = 64      // curves
	piece       = 1 << 20 // bytes that are read at once
	mostLast    = 512     // bytes by which a file is recognized: two lines
)

// follower reads the metrics of a run as they are written.
type follower struct {
	dir run.Dir

	mu      sync.Mutex
	told    *run.Summary
	sized   int64     // size of the file when told was made
	changed time.Time // its modification time then

	offset int64
	last   []byte // the bytes before offset, by which a file that has been rewritten is recognized
	steps  []float64
	series map[string][]float64 // a value for each step; NaN if the step has none
	vals   map[string][]point
}

// point is a value of an evaluation.
type point struct {
	Step  int      `json:"step"`
	Value *float64 `json:"value"`
}

// curves are the curves of a run, whose points may stand for several steps each.
type curves struct {
	Step    []float64          `json:"step"`
	Series  map[string]band    `json:"series"`
	Vals    map[string][]point `json:"vals"`
	Steps   int                `json:"steps"` // how many steps the run has
	Recipe  string             `json:"recipe,omitempty"`
	Samples string             `json:"samples,omitempty"`
}

// band is a curve: for each point the mean, the minimum and the maximum.
type band struct {
	Mean []*float64 `json:"mean"`
	Min  []*float64 `json:"min"`
	Max  []*float64 `json:"max"`
}

// summary returns the summary of the run, which is made again when the size or the modification time of the file
// has changed.
func (f *follower) summary() (*run.Summary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.dir.MetricsPath())
	if err != nil {
		return nil, err
	}
	if f.told != nil && f.sized == info.Size() && f.changed.Equal(info.ModTime()) {
		return f.told, nil
	}
	if info.Size() > mostMetrics {
		return nil, fmt.Errorf("metrics.jsonl has %d bytes, want at most %d", info.Size(), int64(mostMetrics))
	}
	told, err := run.Summarize(f.dir)
	if err != nil {
		return nil, err
	}
	told.Plot = nil
	f.told, f.sized, f.changed = told, info.Size(), info.ModTime()
	return told, nil
}

// curves reads what has been added, and returns the curves reduced to at most that many points.
func (f *follower) curves(points int) (*curves, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		return nil, err
	}
	n := len(f.steps)
	c := &curves{Step: []float64{}, Series: make(map[string]band), Steps: n}
	each := (n + points - 1) / points
	for from := 0; from < n; from += each {
		c.Step = append(c.Step, f.steps[min(from+each, n)-1])
	}
	for name, all := range f.series {
		var b band
		for from := 0; from < n; from += each {
			part := all[from:min(from+each, n)]
			sum, count, least, most := 0.0, 0, math.Inf(1), math.Inf(-1)
			for _, x := range part {
				if x == x {
					sum, count, least, most = sum+x, count+1, min(least, x), max(most, x)
				}
			}
			b.Mean = append(b.Mean, number(sum/float64(count)))
			b.Min, b.Max = append(b.Min, number(least)), append(b.Max, number(most))
		}
		c.Series[name] = b
	}
	c.Vals = maps.Clone(f.vals)
	return c, nil
}

// read reads the complete lines that have been added. If the file has become shorter or differs just before offset, the
// run was resumed from an earlier checkpoint, and the file is read from the start.
func (f *follower) read() error {
	file, err := os.Open(f.dir.MetricsPath())
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	switch {
	case info.Size() > mostMetrics:
		return fmt.Errorf("metrics.jsonl has %d bytes, want at most %d", info.Size(), int64(mostMetrics))
	case info.Size() < f.offset || f.series == nil || !f.goesOn(file):
		f.offset, f.last, f.steps, f.series, f.vals = 0, nil, nil, make(map[string][]float64), make(map[string][]point)
	}
	if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
		return err
	}
	buf := make([]byte, piece)
	held := 0
	for {
		n, err := file.Read(buf[held:])
		whole := bytes.LastIndexByte(buf[:held+n], '\n') + 1
		if whole > 0 {
			damage := new(train.Damage)
			if err := train.Replay(bytes.NewReader(buf[:whole]), f); err != nil && !errors.As(err, &damage) {
				return err
			}
			f.offset += int64(whole)
			f.last = bytes.Clone(buf[max(0, whole-mostLast):whole])
			held = copy(buf, buf[whole:held+n])
		} else if held += n; held == len(buf) {
			return fmt.Errorf("metrics.jsonl: a line of more than %d bytes at %d", piece, f.offset)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// goesOn reports whether the bytes of a file before offset are still those that were read.
func (f *follower) goesOn(file io.ReaderAt) bool {
	there := make([]byte, len(f.last))
	_, err := file.ReadAt(there, f.offset-int64(len(there)))
	return err == nil && bytes.Equal(there, f.last)
}

// OnStep implements [train.Observer].
func (f *follower) OnStep(s train.Step) error {
	n := len(f.steps)
	f.steps = append(f.steps, float64(s.Step))
	all := map[string]float64{
		"loss": s.Loss, "lr": s.LearnRate, "grad_norm": s.GradNorm, "tokens_per_s": s.TokensPerSecond,
		"tokens": float64(s.Tokens), "seconds": s.Seconds,
	}
	for name, x := range s.Values {
		all[name] = x
	}
	for _, name := range ownFirst(all) {
		if f.series[name] == nil {
			if len(f.series) == mostKeys {
				continue
			}
			f.series[name] = make([]float64, 0, 1024)
		}
		for len(f.series[name]) < n {
			f.series[name] = append(f.series[name], math.NaN())
		}
		f.series[name] = append(f.series[name], finite(all[name]))
	}
	for name := range f.series {
		if len(f.series[name]) == n {
			f.series[name] = append(f.series[name], math.NaN())
		}
	}
	return nil
}

// OnEvaluation implements [train.Observer].
func (f *follower) OnEvaluation(e train.Evaluation) error {
	all := map[string]float64{"val_loss": e.Loss}
	for name, x := range e.Values {
		all[name] = x
	}
	for _, name := range ownFirst(all) {
		if f.vals[name] != nil || len(f.vals) < mostKeys {
			f.vals[name] = append(f.vals[name], point{e.Step, number(all[name])})
		}
	}
	return nil
}

// ownFirst sorts names, with those that every run has first, so that only others are dropped beyond mostKeys.
func ownFirst(all map[string]float64) []string {
	own := []string{"loss", "val_loss", "lr", "grad_norm", "tokens_per_s", "tokens", "seconds"}
	names := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(own, b), slices.Index(own, a)) // −1 for others
	})
	return names
}
