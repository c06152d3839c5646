package train

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guptarohit/asciigraph"
)

// Machine holds what a live view needs to rate a run's speed on this machine.
type Machine struct {
	FLOPs  float64      // floating-point operations per token: 6 per weight, forward and backward
	Rate   float64      // operations per second that matrix products reach on this machine
	Memory func() int64 // returns the bytes of memory in use
}

// live is the view of a run on a terminal: a curve of the loss, a progress bar, and figures. It
// stays at the bottom, below the lines of evaluations.
type live struct {
	w       io.Writer
	columns int
	steps   int
	all     int64 // tokens of the whole run, if its length is given in tokens; otherwise 0
	machine Machine

	curve []float64 // means of the loss over spans of equally many steps
	each  int       // steps in a span
	sum   float64   // over the last, incomplete span
	n     int

	lines    []string // currently on the terminal
	lastEval *Evaluation
	bestEval *Evaluation
	buf      bytes.Buffer
	skipped  int
}

// Size of the curve. When there are too many points, the spans double in length.
const (
	curveRows   = 8
	curvePoints = 256
)

// add adds a loss to the curve.
func (l *live) add(loss float64) {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return
	}
	l.each = max(l.each, 1)
	l.sum += loss
	if l.n++; l.n < l.each {
		return
	}
	l.curve = append(l.curve, l.sum/float64(l.n))
	l.sum, l.n = 0, 0
	if len(l.curve) == curvePoints {
		for i := range curvePoints / 2 {
			l.curve[i] = (l.curve[2*i] + l.curve[2*i+1]) / 2
		}
		l.curve = l.curve[:curvePoints/2]
		l.each *= 2
	}
}

// draw replaces the view by that of a step.
func (l *live) draw(s Step, loss, tokens float64, left string) error {
	l.buf.Reset()
	l.erase()
	var lines []string
	if len(l.curve) > 1 {
		width := max(8, min(l.columns-12, 100))
		graph := asciigraph.Plot(l.curve, asciigraph.Height(curveRows-1), asciigraph.Width(width), asciigraph.Precision(3))
		lines = append(lines, strings.Split(graph, "\n")...)
	}
	share := float64(s.Step) / float64(l.steps)
	if l.all > 0 {
		share = min(1, float64(s.Tokens)/float64(l.all))
	}
	width := max(4, min(l.columns-40, 60))
	full := min(width, int(share*float64(width)))
	lines = append(lines,
		fmt.Sprintf("step %d/%d%s [%s%s] %.0f %%%s", s.Step, l.steps, ofTokens(s.Tokens, l.all), strings.Repeat("=", full), strings.Repeat(" ", width-full), 100*share, left),
		fmt.Sprintf("loss %.4f%s%s  lr %.2e  grad norm %.3f", loss, valuesText("  ", s.Values), l.validation(), s.LearnRate, s.GradNorm),
		l.figures(tokens)+l.skips())
	l.lines = l.lines[:0]
	for _, line := range lines {
		l.lines = append(l.lines, cutTo(line, l.columns-1))
	}
	return l.show()
}

// show writes the contents of the buffer, and then the view.
func (l *live) show() error {
	for _, line := range l.lines {
		l.buf.WriteString(line)
		l.buf.WriteByte('\n')
	}
	_, err := l.w.Write(l.buf.Bytes())
	return err
}

// erase appends to the buffer what erases the view from the terminal.
func (l *live) erase() {
	if len(l.lines) > 0 {
		fmt.Fprintf(&l.buf, "\x1b[%dA\r\x1b[J", len(l.lines))
	}
}

// say writes a line above the view.
func (l *live) say(line string) error {
	l.buf.Reset()
	l.erase()
	l.buf.WriteString(line + "\n")
	return l.show()
}

// figures returns a line of speed and memory use.
func (l *live) figures(tokens float64) string {
	line := short(tokens) + " tokens/s"
	if l.machine.FLOPs > 0 && l.machine.Rate > 0 {
		rate := l.machine.FLOPs * tokens
		line += fmt.Sprintf("  %.0f %% of %.3g GFLOP/s", 100*rate/l.machine.Rate, l.machine.Rate/1e9)
	}
	if l.machine.Memory != nil {
		line += fmt.Sprintf("  %d MB", l.machine.Memory()/1e6)
	}
	return line
}

func (l *live) validation() string {
	if l.lastEval == nil {
		return ""
	}
	return fmt.Sprintf("  val %.4f (best %.4f at %d)", l.lastEval.Loss, l.bestEval.Loss, l.bestEval.Step)
}

func (l *live) skips() string {
	if l.skipped == 0 {
		return ""
	}
	return fmt.Sprintf("  %d skipped", l.skipped)
}

// cutTo shortens a line to the given number of columns: a line that wraps could not be erased.
func cutTo(line string, columns int) string {
	for utf8.RuneCountInString(line) > max(1, columns) {
		_, size := utf8.DecodeLastRuneInString(line)
		line = line[:len(line)-size]
	}
	return line
}

// duration formats seconds for people.
func duration(seconds float64) string {
	return time.Duration(math.Round(seconds) * float64(time.Second)).String()
}
