package train

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Pauses between two reports of progress, in seconds of the run.
const (
	linePause = 5
	barPause  = 0.1
)

// Progress is an [Observer] for people: a live line if it writes to a terminal,
// else a plain line every few seconds and for every evaluation.
type Progress struct {
	w     io.Writer
	steps int
	bar   *progressbar.ProgressBar // nil if w is no terminal
	live  bool                     // the cursor stands on the bar's line
	mute  bool                     // the bar's writing is dropped
	err   error                    // of the bar's writing

	first  *Step   // the first of this session
	shown  float64 // Seconds of the last report
	loss   float64 // summed over the steps since
	count  int
	tokens float64 // per second, smoothed
}

// NewProgress returns progress of a run of so many steps.
func NewProgress(w io.Writer, steps int) *Progress {
	p := &Progress{w: w, steps: steps}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			columns = 80
		}
		p.showBar(columns)
	}
	return p
}

// barText is the room for what stands beside the bar: percentage, count, loss,
// speed and time left.
const barText = 68

// showBar switches to the live line, for a terminal so many columns wide.
func (p *Progress) showBar(columns int) {
	p.bar = progressbar.NewOptions(p.steps,
		progressbar.OptionSetWriter(writer{p}),
		progressbar.OptionSetWidth(min(max(columns-barText, 4), 40)),
		progressbar.OptionShowCount(),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetPredictTime(false), // wrong for a resumed run
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
	)
}

// writer stands between the bar and the terminal. It erases the line before it
// is written anew, which the bar leaves out, and keeps the error of a write,
// which the bar may swallow.
type writer struct{ p *Progress }

func (w writer) Write(b []byte) (int, error) {
	if w.p.mute {
		return len(b), nil
	}
	if rest, ok := bytes.CutPrefix(b, []byte("\r")); ok {
		b = append([]byte("\r\x1b[K"), rest...)
	}
	_, err := w.p.w.Write(b)
	if err != nil && w.p.err == nil {
		w.p.err = err
	}
	return len(b), err
}

// OnStep reports the step if the last report is some time ago.
func (p *Progress) OnStep(s Step) error {
	if p.first == nil {
		p.first = &s
		p.tokens = s.TokensPerSecond
	}
	p.loss += s.Loss
	p.count++
	p.tokens += 0.1 * (s.TokensPerSecond - p.tokens)
	pause := float64(linePause)
	if p.bar != nil {
		pause = barPause
	}
	if s.Step != p.first.Step && s.Step != p.steps && s.Seconds-p.shown < pause {
		return nil
	}
	loss := p.loss / float64(p.count)
	p.shown, p.loss, p.count = s.Seconds, 0, 0
	if p.bar == nil {
		_, err := fmt.Fprintf(p.w, "step %d/%d: loss %.4f, lr %.2e, grad norm %.3f, %s tokens/s%s\n",
			s.Step, p.steps, loss, s.LearnRate, s.GradNorm, short(p.tokens), p.left(s, ", "))
		return err
	}
	p.mute = true // Describe draws too, with the old count
	p.bar.Describe(fmt.Sprintf("loss %.4f  %s tok/s%s", loss, short(p.tokens), p.left(s, "  ")))
	p.mute = false
	p.live = true
	if err := p.bar.Set(s.Step); err != nil {
		return err
	}
	return p.err
}

// left tells the time left, from the speed of this session, evaluations included.
func (p *Progress) left(s Step, separator string) string {
	done := s.Step - p.first.Step
	if done < 1 || s.Step >= p.steps {
		return ""
	}
	seconds := (s.Seconds - p.first.Seconds) / float64(done) * float64(p.steps-s.Step)
	return separator + time.Duration(math.Round(seconds)*float64(time.Second)).String() + " left"
}

// short writes a rate in four characters or so: 843, 12.3k, 1.52M.
func short(x float64) string {
	switch {
	case x >= 999_950:
		return fmt.Sprintf("%.2fM", x/1e6)
	case x >= 9_999.5:
		return fmt.Sprintf("%.1fk", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

// OnEvaluation writes a line, above the bar if there is one.
func (p *Progress) OnEvaluation(e Evaluation) error {
	if p.live && !p.bar.IsFinished() {
		if err := p.bar.Clear(); err != nil {
			return err
		}
		p.live = false
	}
	if err := p.endLine(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.w, "step %d/%d: val loss %.4f\n", e.Step, p.steps, e.Loss)
	return err
}

// endLine leaves the bar's line.
func (p *Progress) endLine() error {
	if !p.live {
		return nil
	}
	p.live = false
	_, err := fmt.Fprintln(p.w)
	return err
}

// Close leaves the live line, so that what is written next starts on its own.
func (p *Progress) Close() error { return p.endLine() }
