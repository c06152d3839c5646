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

	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/train"
)

// What is kept of a run.
const (
	mostMetrics = 1 << 30 // bytes of metrics.jsonl
	mostKeys    = 64      // curves
	piece       = 1 << 20 // bytes that are read at once
	mostLast    = 512     // bytes by which a file is known again: two lines
)

// follower reads what a run writes, as it comes.
type follower struct {
	dir run.Dir

	mu    sync.Mutex
	told  *run.Summary
	sized int64 // of the file when it was told

	offset int64
	last   []byte // the bytes before offset, by which a file that was written anew is known
	steps  []float64
	series map[string][]float64 // of each step; NaN where it has none
	vals   map[string][]point
}

// point is a value of an evaluation.
type point struct {
	Step  int      `json:"step"`
	Value *float64 `json:"value"`
}

// curves are those of a run, in points that stand for several steps each.
type curves struct {
	Step    []float64          `json:"step"`
	Series  map[string]band    `json:"series"`
	Vals    map[string][]point `json:"vals"`
	Steps   int                `json:"steps"` // how many there are
	Recipe  string             `json:"recipe,omitempty"`
	Samples string             `json:"samples,omitempty"`
}

// band is a curve: the mean of each point, and the least and the most.
type band struct {
	Mean []*float64 `json:"mean"`
	Min  []*float64 `json:"min"`
	Max  []*float64 `json:"max"`
}

// summary is the run in a row, made anew when the file has changed.
func (f *follower) summary() (*run.Summary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.dir.MetricsPath())
	if err != nil {
		return nil, err
	}
	if f.told != nil && f.sized == info.Size() {
		return f.told, nil
	}
	if info.Size() > mostMetrics {
		return nil, fmt.Errorf("metrics.jsonl has %d bytes, of which %d are read", info.Size(), int64(mostMetrics))
	}
	told, err := run.Summarize(f.dir)
	if err != nil {
		return nil, err
	}
	told.Plot = nil
	f.told, f.sized = told, info.Size()
	return told, nil
}

// curves reads on, and puts the steps into so many points.
func (f *follower) curves(points int) (*curves, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		return nil, err
	}
	n := len(f.steps)
	c := &curves{Step: []float64{}, Series: make(map[string]band), Vals: f.vals, Steps: n}
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

// read reads the lines that have come since, as far as they are whole. A file that has become shorter, or another before that place, is that of a run that was
// resumed from earlier, and is read from the start.
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
		return fmt.Errorf("metrics.jsonl has %d bytes, of which %d are read", info.Size(), int64(mostMetrics))
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

// goesOn tells whether a file has, before the place where reading goes on, what was read there.
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

// ownFirst sorts names, those that every run has first: of more than mostKeys others are left out.
func ownFirst(all map[string]float64) []string {
	own := []string{"loss", "val_loss", "lr", "grad_norm", "tokens_per_s", "tokens", "seconds"}
	names := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(own, b), slices.Index(own, a)) // −1 of others
	})
	return names
}
