package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Metrics is an [Observer] that writes metrics.jsonl, with one JSON object per line. A line of
// training has the keys step, tokens, loss, lr, grad_norm, tokens_per_s and seconds, and, if the
// guard or a hook skipped the update, skipped, which is true. A line of evaluation has step and
// val_loss. The values that a task reports beside the loss follow under their names, and so does
// what layers report, with vectors as arrays. A number that is NaN or infinite is null. Numbers
// have as many digits as it takes to read them back exactly.
type Metrics struct {
	f      *os.File
	line   []byte
	mended string
}

// OpenMetrics opens a file of metrics for appending, creating it if need be. It keeps the lines up
// to the given step and drops later ones, as well as a last line that a crash cut short, so that a
// run resumed at that step leaves the same file as one that was never stopped. With a negative
// step, the file starts empty.
func OpenMetrics(path string, step int) (*Metrics, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	m := &Metrics{f: f}
	keep := int64(0)
	if step >= 0 {
		if keep, err = m.mend(step); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
	}
	if err := f.Truncate(keep); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(keep, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return m, nil
}

// Mended describes what was wrong with the file when it was opened, and what was done about it. It
// is empty if nothing was wrong.
func (m *Metrics) Mended() string { return m.mended }

// mend moves the lines up to a step to the beginning of the file, and returns their length. If that
// leaves out damaged lines, the file is first copied aside.
func (m *Metrics) mend(step int) (int64, error) {
	name := filepath.Base(m.f.Name())
	var damage Damage
	var kept []span
	last := 0
	for l, err := range metricLines(m.f, &damage) {
		if err != nil {
			return 0, err
		}
		if l.Step > step {
			continue
		}
		if n := len(kept); n > 0 && kept[n-1].end == l.begin {
			kept[n-1].end = l.end
		} else {
			kept = append(kept, span{l.begin, l.end})
		}
		if !l.ValLoss.present {
			last = l.Step
		}
	}
	holes := len(kept) > 1 || len(kept) == 1 && kept[0].begin > 0
	if damage.Lines > 0 && (holes || last < step) {
		aside, err := setAside(m.f)
		if err != nil {
			return 0, err
		}
		m.mended = fmt.Sprintf("%s: %v; left out, and the original file is kept as %s", name, &damage, aside)
	}
	if last < step {
		if m.mended == "" {
			m.mended = name
		}
		m.mended += fmt.Sprintf(": ends at step %d, before the checkpoint at step %d", last, step)
	}
	return keepSpans(m.f, kept)
}

// OnStep writes a line of training.
func (m *Metrics) OnStep(s Step) error {
	m.line = append(m.line[:0], `{"step":`...)
	m.line = strconv.AppendInt(m.line, int64(s.Step), 10)
	m.line = append(m.line, `,"tokens":`...)
	m.line = strconv.AppendInt(m.line, s.Tokens, 10)
	m.number("loss", s.Loss)
	m.number("lr", s.LearnRate)
	m.number("grad_norm", s.GradNorm)
	m.number("tokens_per_s", s.TokensPerSecond)
	m.number("seconds", s.Seconds)
	if s.Skipped {
		m.line = append(m.line, `,"skipped":true`...)
	}
	m.values(s.Values)
	for _, name := range slices.Sorted(maps.Keys(s.Vectors)) {
		m.numbers(name, s.Vectors[name])
	}
	return m.flush()
}

// OnEvaluation writes a line of evaluation.
func (m *Metrics) OnEvaluation(e Evaluation) error {
	m.line = append(m.line[:0], `{"step":`...)
	m.line = strconv.AppendInt(m.line, int64(e.Step), 10)
	m.number("val_loss", e.Loss)
	m.values(e.Values)
	return m.flush()
}

// values writes the values that are reported beside the loss.
func (m *Metrics) values(values map[string]float64) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		m.number(name, values[name])
	}
}

func (m *Metrics) key(key string) {
	m.line = append(m.line, `,"`...)
	m.line = append(m.line, key...)
	m.line = append(m.line, `":`...)
}

func (m *Metrics) number(key string, x float64) {
	m.key(key)
	m.digits(x, 64)
}

// numbers writes an array of means of float32 numbers, with the digits of a float32.
func (m *Metrics) numbers(key string, all []float64) {
	m.key(key)
	separator := byte('[')
	for _, x := range all {
		m.line = append(m.line, separator)
		m.digits(float64(float32(x)), 32)
		separator = ','
	}
	m.line = append(m.line, ']')
}

func (m *Metrics) digits(x float64, bits int) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		m.line = append(m.line, "null"...)
		return
	}
	m.line = strconv.AppendFloat(m.line, x, 'g', -1, bits)
}

// flush writes the line in one piece, so that a program that reads the file during the run, or
// after a crash, sees whole lines.
func (m *Metrics) flush() error {
	m.line = append(m.line, '}', '\n')
	_, err := m.f.Write(m.line)
	return err
}

// Sync flushes the file to disk.
func (m *Metrics) Sync() error { return m.f.Sync() }

// Close closes the file.
func (m *Metrics) Close() error { return m.f.Close() }

// Replay reads metrics and reports them to the observers, as if the run that wrote them happened
// again. A null is read as NaN. Damaged lines are left out, and reported as a [*Damage] error at
// the end.
func Replay(r io.Reader, observers ...Observer) error {
	var damage Damage
	for l, err := range metricLines(r, &damage) {
		if err != nil {
			return err
		}
		for _, o := range observers {
			if l.ValLoss.present {
				err = o.OnEvaluation(Evaluation{Step: l.Step, Loss: l.ValLoss.x, Values: l.values})
			} else {
				err = o.OnStep(Step{
					Step: l.Step, Tokens: *l.Tokens, Loss: l.Loss.x, LearnRate: l.LR.x,
					GradNorm: l.GradNorm.x, Skipped: l.Skipped, TokensPerSecond: l.TokensPerS.x, Seconds: l.Seconds.x, Values: l.values, Vectors: l.vectors,
				})
			}
			if err != nil {
				return err
			}
		}
	}
	if damage.Lines > 0 {
		return &damage
	}
	return nil
}

// metricKeys are the keys of both kinds of lines.
var metricKeys = []string{"step", "tokens", "loss", "lr", "grad_norm", "tokens_per_s", "seconds", "val_loss", "skipped"}

// metricLine is a line of metrics of either kind.
type metricLine struct {
	Step       int     `json:"step"`
	Tokens     *int64  `json:"tokens"`
	Loss       jsonNum `json:"loss"`
	LR         jsonNum `json:"lr"`
	GradNorm   jsonNum `json:"grad_norm"`
	TokensPerS jsonNum `json:"tokens_per_s"`
	Seconds    jsonNum `json:"seconds"`
	ValLoss    jsonNum `json:"val_loss"`
	Skipped    bool    `json:"skipped"`

	values     map[string]float64   // under other keys; nil if there are none
	vectors    map[string][]float64 // likewise, of arrays
	begin, end int64                // offsets in the file
	number     int                  // line number, from 1
}

// jsonNum is a JSON number that may be absent; null is NaN.
type jsonNum struct {
	x       float64
	present bool
}

func (n *jsonNum) UnmarshalJSON(b []byte) error {
	n.present = true
	if string(b) == "null" {
		n.x = math.NaN()
		return nil
	}
	return json.Unmarshal(b, &n.x)
}
