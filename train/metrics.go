package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// Metrics is an [Observer] that writes metrics.jsonl, one JSON object a line.
// A line of training has the keys step, tokens, loss, lr, grad_norm,
// tokens_per_s and seconds, and skipped, true, where the guard or a hook left the
// weights as they were; a line of evaluation step and val_loss. A number
// that is NaN or infinite is null. Numbers have as many digits as they need to
// be read back to the bit.
type Metrics struct {
	f    *os.File
	line []byte
}

// OpenMetrics opens a file of metrics to append to, creating it if need be. It
// keeps the lines up to the given step and drops later ones, as well as a last
// line that a crash cut short: a run resumed at that step then leaves the
// same file as one that was never stopped. A negative step starts
// anew.
func OpenMetrics(path string, step int) (*Metrics, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	keep := int64(0)
	if step >= 0 {
		if keep, err = keptBytes(f, step); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		}
	}
	if err := f.Truncate(keep); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(keep, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Metrics{f: f}, nil
}

// keptBytes returns the length of the leading whole lines up to a step.
func keptBytes(r io.Reader, step int) (int64, error) {
	var kept int64
	for l, err := range metricLines(r) {
		if err != nil {
			return 0, err
		}
		if l.Step > step {
			break
		}
		kept = l.end
	}
	return kept, nil
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
	return m.flush()
}

// OnEvaluation writes a line of evaluation.
func (m *Metrics) OnEvaluation(e Evaluation) error {
	m.line = append(m.line[:0], `{"step":`...)
	m.line = strconv.AppendInt(m.line, int64(e.Step), 10)
	m.number("val_loss", e.Loss)
	return m.flush()
}

func (m *Metrics) number(key string, x float64) {
	m.line = append(m.line, `,"`...)
	m.line = append(m.line, key...)
	m.line = append(m.line, `":`...)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		m.line = append(m.line, "null"...)
		return
	}
	m.line = strconv.AppendFloat(m.line, x, 'g', -1, 64)
}

// flush writes the line in one piece, so that a reader beside the run, or
// after a crash, sees whole lines.
func (m *Metrics) flush() error {
	m.line = append(m.line, '}', '\n')
	_, err := m.f.Write(m.line)
	return err
}

// Close closes the file.
func (m *Metrics) Close() error { return m.f.Close() }

// Replay reads metrics and reports them to the observers, as if the run they
// are from happened again. A number that is null is NaN.
func Replay(r io.Reader, observers ...Observer) error {
	for l, err := range metricLines(r) {
		if err != nil {
			return err
		}
		for _, o := range observers {
			if l.ValLoss.present {
				err = o.OnEvaluation(Evaluation{l.Step, l.ValLoss.x})
			} else {
				err = o.OnStep(Step{
					Step: l.Step, Tokens: l.Tokens, Loss: l.Loss.x, LearnRate: l.LR.x,
					GradNorm: l.GradNorm.x, Skipped: l.Skipped, TokensPerSecond: l.TokensPerS.x, Seconds: l.Seconds.x,
				})
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// metricLine is a line of metrics of either kind.
type metricLine struct {
	Step       int     `json:"step"`
	Tokens     int64   `json:"tokens"`
	Loss       jsonNum `json:"loss"`
	LR         jsonNum `json:"lr"`
	GradNorm   jsonNum `json:"grad_norm"`
	TokensPerS jsonNum `json:"tokens_per_s"`
	Seconds    jsonNum `json:"seconds"`
	ValLoss    jsonNum `json:"val_loss"`
	Skipped    bool    `json:"skipped"`

	end int64 // offset after the line
}

// jsonNum is a number of JSON, NaN for null, which may be absent.
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

// notMetrics says why a line is not one of metrics.
func notMetrics(line []byte, err error) string {
	text := strings.TrimSpace(string(line))
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	if !json.Valid(line) {
		return fmt.Sprintf("%q is no JSON object of metrics", text)
	}
	return err.Error()
}

// longestLine bounds a line of metrics; those written here stay below 300 bytes.
const longestLine = 1 << 16

// metricLines yields the whole lines of a file of metrics. What follows the
// last newline is left out: a crash cut it short.
func metricLines(r io.Reader) iter.Seq2[metricLine, error] {
	return func(yield func(metricLine, error) bool) {
		var end int64
		br := bufio.NewReaderSize(r, longestLine)
		for n := 1; ; n++ {
			b, err := br.ReadSlice('\n')
			switch {
			case err == io.EOF:
				return
			case err == bufio.ErrBufferFull:
				yield(metricLine{}, fmt.Errorf("line %d is longer than %d bytes: no line of metrics", n, longestLine))
				return
			case err != nil:
				yield(metricLine{}, err)
				return
			}
			end += int64(len(b))
			var l metricLine
			if err := plainjson.Unmarshal(b, &l); err != nil {
				yield(metricLine{}, fmt.Errorf("line %d: %s", n, notMetrics(b, err)))
				return
			}
			l.end = end
			if !yield(l, nil) {
				return
			}
		}
	}
}
