package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plainjson"
)

// longestLine bounds a line of metrics. Lines written here stay below 300 bytes plus what layers
// report.
const longestLine = 1 << 20

// metricLines yields the whole lines of a file of metrics in the order of their steps, and counts
// invalid lines in damage. What follows the last newline is left out: it was cut short by a crash.
func metricLines(r io.Reader, damage *Damage) iter.Seq2[metricLine, error] {
	return func(yield func(metricLine, error) bool) {
		var last, pending *metricLine
		for l, err := range eachLine(r) {
			var why *badLine
			switch {
			case errors.As(err, &why):
				damage.add(l.number, why.Error())
				continue
			case err != nil:
				yield(l, err)
				return
			}
			switch {
			case l.follows(pending):
				if pending != nil && !yield(*pending, nil) {
					return
				}
				last, pending = pending, &l
			case l.follows(last) && !pending.next(last): // pending is the line out of place, as in 8, 9, 70, 11
				damage.add(pending.number, fmt.Sprintf("step %d, before step %d", pending.Step, l.Step))
				pending = &l
			default:
				damage.add(l.number, fmt.Sprintf("step %d, after step %d", l.Step, pending.Step))
			}
		}
		if pending != nil {
			yield(*pending, nil)
		}
	}
}

// follows reports whether a line may come after another: steps increase, except that an evaluation
// has the number of the step before it.
func (l *metricLine) follows(before *metricLine) bool {
	return before == nil || l.Step > before.Step || l.Step == before.Step && (l.ValLoss.present || before.ValLoss.present)
}

// next reports whether a line's step is at most one after that of another.
func (l *metricLine) next(before *metricLine) bool {
	if before == nil {
		return l.Step <= 1
	}
	return l.Step-before.Step <= 1
}

// badLine is the error for a line that is not a line of metrics.
type badLine struct{ error }

// eachLine yields every line of a file, with a badLine error if it is not a line of metrics.
func eachLine(r io.Reader) iter.Seq2[metricLine, error] {
	return func(yield func(metricLine, error) bool) {
		br := bufio.NewReaderSize(r, longestLine)
		l := metricLine{}
		for {
			l = metricLine{begin: l.end, end: l.end, number: l.number + 1}
			b, err := br.ReadSlice('\n')
			l.end += int64(len(b))
			long := err == bufio.ErrBufferFull
			for err == bufio.ErrBufferFull {
				b, err = br.ReadSlice('\n')
				l.end += int64(len(b))
			}
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(l, err)
				return
			case long:
				err = &badLine{fmt.Errorf("longer than %d bytes: not a line of metrics", longestLine)}
			default:
				err = l.parse(b)
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// parse parses a line, which must be complete.
func (l *metricLine) parse(b []byte) error {
	read := *l
	if err := plainjson.Unmarshal(b, &read); err != nil {
		return &badLine{errors.New(notMetrics(b, err))}
	}
	if read.Step < 0 || read.Tokens != nil && *read.Tokens < 0 {
		return &badLine{errors.New("a number below 0")}
	}
	training := 0
	for _, there := range []bool{read.Tokens != nil, read.Loss.present, read.LR.present, read.GradNorm.present, read.TokensPerS.present, read.Seconds.present} {
		if there {
			training++
		}
	}
	if read.ValLoss.present && training > 0 || !read.ValLoss.present && training < 6 {
		return &badLine{errors.New("keys of a training step are missing, or mixed with those of an evaluation")}
	}
	var err error
	if read.values, read.vectors, err = furtherNumbers(b); err != nil {
		return &badLine{err}
	}
	*l = read
	return nil
}

// furtherNumbers returns the numbers, and the arrays of numbers, under keys other than metricKeys;
// nil if there are none.
func furtherNumbers(line []byte) (values map[string]float64, vectors map[string][]float64, err error) {
	var raw map[string]json.RawMessage
	if err := plainjson.Unmarshal(line, &raw); err != nil {
		return nil, nil, err
	}
	for key, text := range raw {
		var x jsonNum
		var all []jsonNum
		switch {
		case slices.Contains(metricKeys, key):
		case x.UnmarshalJSON(text) == nil:
			if values == nil {
				values = make(map[string]float64)
			}
			values[key] = x.x
		case json.Unmarshal(text, &all) == nil:
			if vectors == nil {
				vectors = make(map[string][]float64)
			}
			for _, x := range all {
				vectors[key] = append(vectors[key], x.x)
			}
		}
	}
	return values, vectors, nil
}

// notMetrics says why a line is not a line of metrics.
func notMetrics(line []byte, err error) string {
	text := strings.TrimSpace(string(line))
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	if !json.Valid(line) {
		return fmt.Sprintf("%q is not a JSON object of metrics", text)
	}
	return err.Error()
}
