package train

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
)

// telling is the toy model with two layers, each of which reports the mean token and each token's share, and
// has a buffer that grows by 1 for each token that is more frequent than the average.
type telling struct{}

func (telling) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	loss := toyModel{}.Loss(s, tokens, targets)
	for _, name := range []string{"h.0", "h.1"} {
		at := s.At("%s", name)
		n := float32(tokens.Shape().TotalSize())
		mean := at.Apply(graph.Op{Name: "Mean", Detached: true, Run: func(a *graph.Args) error {
			a.Out(0)[0] = 0
			for _, id := range a.Ints(0) {
				a.Out(0)[0] += float32(id) / n
			}
			return nil
		}}, tokens)
		shares := at.Apply(graph.Op{Name: "Shares", Out: tensor.Shape{toyVocab}, Detached: true, Run: func(a *graph.Args) error {
			clear(a.Out(0))
			for _, id := range a.Ints(0) {
				a.Out(0)[id] += 1 / n
			}
			return nil
		}}, tokens)
		at.ReportTo("shares", shares, at.Buffer("frequent", graph.Zeros(), toyVocab), func(data []float32, mean []float64) {
			for i, share := range mean {
				if share > 1.0/toyVocab {
					data[i]++
				}
			}
		})
		at.Report("mean", mean)
	}
	return loss
}

// TestReports: what layers report is a mean over all micro-batches, in metrics and events, and a buffer is
// updated from it, bit for bit the same however often the run is stopped.
func TestReports(t *testing.T) {
	run := func(accumulate int, stops ...int) (*recorder, *graph.Params) {
		tr, r := newToy()
		lm(tr).Model, lm(tr).Accumulate, tr.Steps = telling{}, accumulate, 4
		for _, stop := range stops {
			tr.StopAfter = stop
			mustRun(t, tr)
			state, err := tr.State()
			if err != nil {
				t.Fatal(err)
			}
			next, nextR := newToy()
			nextR.steps = r.steps
			lm(next).Model, lm(next).Accumulate, next.Steps, next.Params = telling{}, accumulate, 4, tr.Params
			if err := next.Restore(state); err != nil {
				t.Fatal(err)
			}
			tr, r = next, nextR
		}
		mustRun(t, tr)
		return r, tr.Params
	}
	whole, params := run(3)
	parts, again := run(3, 1, 3)
	want := make([]float32, toyVocab)
	for i, s := range whole.steps {
		shares := s.Vectors["h.1.shares"]
		sum, mean := 0.0, 0.0
		for token, share := range shares {
			sum += share
			mean += float64(token) * share
			if share > 1.0/toyVocab {
				want[token]++
			}
		}
		if len(s.Vectors) != 2 || math.Abs(sum-1) > 1e-6 || math.Abs(mean-s.Values["h.0.mean"]) > 1e-5 {
			t.Errorf("step %d: %v, %v", s.Step, s.Vectors, s.Values)
		}
		if !slices.Equal(shares, parts.steps[i].Vectors["h.1.shares"]) {
			t.Errorf("step %d: %v after a stop, want %v", s.Step, parts.steps[i].Vectors, s.Vectors)
		}
	}
	for _, p := range []*graph.Params{params, again} {
		if b := p.Get("h.0.frequent"); !b.Frozen() || !slices.Equal(b.Data(), want) {
			t.Errorf("the buffer is %v, want %v", b.Data(), want)
		}
	}
	if text := valuesText(", ", whole.steps[0].Values); !strings.HasPrefix(text, ", mean ") || strings.Count(text, ",") != 1 {
		t.Error(text)
	}
	checkWritten(t, whole.steps)
}

// checkWritten writes steps as metrics, events and a picture, and reads the metrics.
func checkWritten(t *testing.T, steps []Step) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "metrics.jsonl")
	m, err := OpenMetrics(path, -1)
	if err != nil {
		t.Fatal(err)
	}
	events, err := OpenEvents(filepath.Join(dir, "events"), -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if err := errors.Join(m.OnStep(s), events.OnStep(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(m.Close(), events.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	heat, read := NewHeat(dir), new(recorder)
	if err := Replay(bytes.NewReader(text), heat, read); err != nil {
		t.Fatal(err)
	}
	for i, s := range read.steps {
		for e, x := range s.Vectors["h.0.shares"] {
			if float32(x) != float32(steps[i].Vectors["h.0.shares"][e]) {
				t.Errorf("step %d: %v, want %v", s.Step, s.Vectors, steps[i].Vectors)
			}
		}
	}
	record, err := os.ReadFile(filepath.Join(dir, "events"))
	if err != nil || !bytes.Contains(record, []byte("h.1.shares/2/train")) || !bytes.Contains(record, []byte("h.1.mean/train")) {
		t.Error("events lack what layers report", err)
	}
	if err := heat.Draw(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "shares.png")); err != nil || info.Size() < 500 {
		t.Error("no picture", err)
	}
}

// TestHeatSpans: for any number of steps, each span has the mean of its steps, and each step is in one span.
func TestHeatSpans(t *testing.T) {
	for _, steps := range []int{1, 20, 21, 100, 1000} {
		m := &heat{first: 1, span: 1}
		for s := 1; s <= steps; s++ {
			m.add(s, []float64{float64(s), 1})
		}
		total, first := 0.0, m.sums[0][0]/float64(m.counts[0])
		for i := range m.sums {
			total += m.sums[i][0]
			if m.sums[i][1] != float64(m.counts[i]) {
				t.Errorf("%d steps: span %d has %v for %d steps", steps, i, m.sums[i], m.counts[i])
			}
		}
		if len(m.sums) > heatColumns || total != float64(steps*(steps+1)/2) || first != float64(m.span+1)/2 {
			t.Errorf("%d steps: %d spans of %d, a sum of %v, the first mean %v", steps, len(m.sums), m.span, total, first)
		}
	}
}

// TestHeatNames: whatever the name of a layer's vector, its picture is in the run's directory and does not
// replace the picture of the loss.
func TestHeatNames(t *testing.T) {
	dir := t.TempDir()
	h := NewHeat(dir)
	if err := h.OnStep(Step{Step: 1, Vectors: map[string][]float64{"h.0.loss": {1, 2}, "h.0.parts/load": {1, 2}, "sums": {1, 2}}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Draw(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	for i, name := range files {
		files[i] = filepath.Base(name)
	}
	if want := []string{"load.png", "loss-map.png", "sums.png"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %v, want %v", files, err, want)
	}
}

// TestReportsOfRanks: two ranks report the same as one process with as many micro-batches, and
// update their buffers alike.
func TestReportsOfRanks(t *testing.T) {
	one, want := newToyRank(4, false)
	lm(one).Model = telling{}
	mustRun(t, one)
	ranks, got := newToyRanks(2, 4, false)
	for _, tr := range ranks {
		lm(tr).Model = telling{}
	}
	if err := errors.Join(runRanks(t, ranks)...); err != nil {
		t.Fatal(err)
	}
	for i, s := range got[0].steps {
		if w := want.steps[i]; !slices.Equal(s.Vectors["h.1.shares"], w.Vectors["h.1.shares"]) || s.Values["h.0.mean"] != w.Values["h.0.mean"] {
			t.Errorf("step %d: %v, %v, want %v, %v", s.Step, s.Vectors, s.Values, w.Vectors, w.Values)
		}
	}
	buffer := one.Params.Get("h.0.frequent").Data()
	for i, tr := range ranks {
		if b := tr.Params.Get("h.0.frequent").Data(); !slices.Equal(b, buffer) || slices.Max(b) == 0 {
			t.Errorf("rank %d: the buffer is %v, want %v", i, b, buffer)
		}
	}
}

// babbling is the toy model with a layer that reports the given number of numbers.
type babbling int

func (b babbling) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	s.At("h.0").Report("load", s.At("h.0").Buffer("many", graph.Zeros(), int(b)))
	return toyModel{}.Loss(s, tokens, targets)
}

// TestMostReported: what layers report can be read back when a run is resumed; reporting more than that is an
// error before the first update.
func TestMostReported(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{mostReported, mostReported + 1} {
		tr, r := newToy()
		lm(tr).Model, tr.Steps = babbling(n), 1
		err := tr.Run(t.Context())
		if n > mostReported {
			if want := "train: layers report 32769 numbers in vectors (Scope.Report); want at most 32768 in all"; err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		long := r.steps[0]
		for i := range long.Vectors["h.0.load"] {
			long.Vectors["h.0.load"][i] = -1.2345678e-20
		}
		for _, told := range []int{-1, 1} { // a new log, and one that is continued
			m, err := OpenMetrics(filepath.Join(dir, "metrics.jsonl"), told)
			if err != nil {
				t.Fatal(err)
			}
			events, err := OpenEvents(filepath.Join(dir, "events"), told)
			if err != nil {
				t.Fatal(err)
			}
			if told < 0 {
				err = errors.Join(m.OnStep(long), events.OnStep(long))
			}
			if err := errors.Join(err, m.Close(), events.Close()); err != nil || m.Mended() != "" || events.Mended() != "" {
				t.Errorf("from step %d: %v, %s, %s", told, err, m.Mended(), events.Mended())
			}
		}
	}
}
