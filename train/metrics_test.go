package train

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// recorder is an Observer that keeps everything.
type recorder struct {
	steps []Step
	evals []Evaluation
	log   []string // names of the calls, in order
}

func (r *recorder) OnStep(s Step) error {
	r.steps = append(r.steps, s)
	r.log = append(r.log, "step")
	return nil
}

func (r *recorder) OnEvaluation(e Evaluation) error {
	r.evals = append(r.evals, e)
	r.log = append(r.log, "eval")
	return nil
}

func (r *recorder) losses() (out []float64) {
	for _, s := range r.steps {
		out = append(out, s.Loss)
	}
	return out
}

func writeMetrics(t *testing.T, path string, from, to int) {
	t.Helper()
	m, err := OpenMetrics(path, from)
	if err != nil {
		t.Fatal(err)
	}
	for i := from + 1; i <= to; i++ {
		if err := m.OnStep(Step{Step: i, Tokens: int64(i) * 768, Loss: 1 / float64(i), LearnRate: 1e-3, GradNorm: 0.5, TokensPerSecond: 1e4, Seconds: float64(i)}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if err := m.OnEvaluation(Evaluation{Step: i, Loss: 2.5}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMetricsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	writeMetrics(t, path, 0, 2)
	want := `{"step":1,"tokens":768,"loss":1,"lr":0.001,"grad_norm":0.5,"tokens_per_s":10000,"seconds":1}
{"step":2,"tokens":1536,"loss":0.5,"lr":0.001,"grad_norm":0.5,"tokens_per_s":10000,"seconds":2}
{"step":2,"val_loss":2.5}
`
	if got := readFile(t, path); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestMetricsResume(t *testing.T) {
	dir := t.TempDir()
	whole, resumed := filepath.Join(dir, "whole"), filepath.Join(dir, "resumed")
	writeMetrics(t, whole, 0, 9)
	writeMetrics(t, resumed, 0, 7) // the run was at step 7 when it crashed in the middle of a line, and had been saved at 4
	f, err := os.OpenFile(resumed, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"step":8,"tok`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	writeMetrics(t, resumed, 4, 9)
	if got, want := readFile(t, resumed), readFile(t, whole); got != want {
		t.Errorf("the resumed file is\n%swant\n%s", got, want)
	}
	writeMetrics(t, resumed, 0, 1)
	if got := strings.Count(readFile(t, resumed), "\n"); got != 1 {
		t.Errorf("a new run leaves %d lines, want 1", got)
	}
}

func TestMetricsReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	m, err := OpenMetrics(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	steps := []Step{
		{Step: 1, Tokens: 1 << 40, Loss: float64(float32(4.1743)), LearnRate: 1e-300, GradNorm: 0.1 + 0.2, TokensPerSecond: 1e9 / 7, Seconds: 1. / 3,
			Values: map[string]float64{"task": 1. / 7, "a/b-c.d": -2}},
		{Step: 2, Loss: math.NaN(), GradNorm: math.Inf(1)},
	}
	evals := []Evaluation{{Step: 1, Loss: math.Pi, Values: map[string]float64{"accuracy": 0.1}}, {Step: 2, Loss: math.NaN()}}
	for i := range steps {
		if err := errors.Join(m.OnStep(steps[i]), m.OnEvaluation(evals[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	var r recorder
	if err := Replay(strings.NewReader(readFile(t, path)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.steps) != 2 || len(r.evals) != 2 {
		t.Fatalf("%d steps and %d evaluations, want 2 and 2", len(r.steps), len(r.evals))
	}
	if !reflect.DeepEqual(r.steps[0], steps[0]) || !reflect.DeepEqual(r.evals[0], evals[0]) {
		t.Errorf("read back %+v %+v, want %+v %+v", r.steps[0], r.evals[0], steps[0], evals[0])
	}
	if s, e := r.steps[1], r.evals[1]; !math.IsNaN(s.Loss) || !math.IsNaN(s.GradNorm) || !math.IsNaN(e.Loss) {
		t.Errorf("null read back as %+v %+v, want NaN", s, e)
	}
}

func TestMetricsReplayErrors(t *testing.T) {
	const step = `{"step":1,"tokens":8,"loss":1,"lr":1,"grad_norm":1,"tokens_per_s":1,"seconds":1}` + "\n"
	for text, want := range map[string]string{
		step + "hello\n": `line 2: "hello" is not a JSON object of metrics`,
		step + strings.Repeat(" ", longestLine) + "\n": "line 2: longer than 1048576 bytes: not a line of metrics",
		"{\"step\":\"one\"}\n" + step:                  "line 1: key step: want a whole number, got a string",
		"{\"step\":1,\"loss\":\"x\"}\n":                "line 1: key loss: want a number, got a string",
		"3\n":                                          "line 1: want an object, got a number",
		strings.Replace(step, "loss", "lots", 1):       "line 1: keys of a training step are missing, or mixed with those of an evaluation",
		step + "\x00\x00\x00" + step + "\x00" + step:   `2 lines damaged, the first is line 2: "\x00\x00\x00{\"step\":1,\"tokens\":8,\"loss\":1,\"lr\":1,…" is not a JSON object of metrics`,
		step + step:                                    "line 2: step 1, after step 1",
		strings.Replace(step, "1", "70", 1) + strings.Replace(step, "1", "2", 1): "line 1: step 70, before step 2",
	} {
		var r recorder
		err := Replay(strings.NewReader(text), &r)
		if damage := new(Damage); !errors.As(err, &damage) || err.Error() != want || strings.Count(text, "\n") != damage.Lines+len(r.log) {
			t.Errorf("error is %v after %d lines, want %s", err, len(r.log), want)
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"step":1,"tokens":768,"loss":null,"lr":0.001,"grad_norm":0.5,"tokens_per_s":1e4,"seconds":1}` + "\n" + `{"step":2,"val_loss":null}` + "\n"))
	f.Add([]byte("{}\n\n"))
	f.Add([]byte("null\n[]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r recorder
		var damage Damage
		for l, err := range metricLines(bytes.NewReader(b), &damage) {
			if err != nil {
				t.Fatal(err)
			}
			if l.begin < 0 || l.end <= l.begin || l.end > int64(len(b)) || b[l.end-1] != '\n' {
				t.Errorf("a line from %d to %d of %d bytes", l.begin, l.end, len(b))
			}
			r.log = append(r.log, "")
		}
		if lines := bytes.Count(b, []byte("\n")); len(r.log)+damage.Lines != lines {
			t.Errorf("%d reports and %d damaged of %d lines", len(r.log), damage.Lines, lines)
		}
	})
}
