package train

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Pauses between two progress reports, in seconds of the run.
const (
	linePause = 5
	livePause = 0.5
)

// Progress is an [Observer] that shows progress to people: in a live view if it writes to a
// terminal, and otherwise as a plain line every few seconds and for every evaluation.
type Progress struct {
	mu    sync.Mutex // for Say, which may be called at any time
	w     io.Writer
	steps int
	all   int64 // tokens of the run; 0 if its length is given in steps
	live  *live // nil if w is not a terminal

	first  *Step   // of this session
	shown  float64 // Seconds of the last report
	loss   float64 // summed over the steps since the last report
	count  int
	tokens float64 // per second, smoothed
}

// NewProgress returns a Progress for a run of the given number of steps. With the zero Machine, the
// figures that depend on it are left out.
func NewProgress(w io.Writer, steps int, m Machine) *Progress {
	p := &Progress{w: w, steps: steps}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			columns = 80
		}
		p.view(columns, m)
	}
	return p
}

// OfTokens sets the run's length in tokens, by which progress is then shown.
func (p *Progress) OfTokens(all int64) {
	if p.all = all; p.live != nil {
		p.live.all = all
	}
}

// IsTerminal reports whether a writer is a terminal, on which NewProgress shows its live view.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// view switches to the live view, for a terminal of the given width.
func (p *Progress) view(columns int, m Machine) {
	p.live = &live{w: p.w, columns: columns, steps: p.steps, machine: m}
}

// OnStep reports the step if the last report was long enough ago.
func (p *Progress) OnStep(s Step) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == nil {
		p.first = &s
		p.tokens = s.TokensPerSecond
	}
	p.loss += s.Loss
	p.count++
	p.tokens += 0.1 * (s.TokensPerSecond - p.tokens)
	pause := float64(linePause)
	if p.live != nil {
		pause = livePause
		p.live.add(s.Loss)
		if s.Skipped {
			p.live.skipped++
		}
	}
	if s.Step != p.first.Step && s.Step != p.steps && s.Seconds-p.shown < pause {
		return nil
	}
	loss := p.loss / float64(p.count)
	p.shown, p.loss, p.count = s.Seconds, 0, 0
	if p.live != nil {
		return p.live.draw(s, loss, p.tokens, p.left(s, "  "))
	}
	skipped := ""
	if s.Skipped {
		skipped = ", skipped"
	}
	_, err := fmt.Fprintf(p.w, "step %d/%d%s: loss %.4f%s, lr %.2e, grad norm %.3f%s, %s tokens/s%s\n",
		s.Step, p.steps, ofTokens(s.Tokens, p.all), loss, valuesText(", ", s.Values), s.LearnRate, s.GradNorm, skipped, short(p.tokens), p.left(s, ", "))
	return err
}

// left returns the time left as text, extrapolated from the speed of this session including
// evaluations.
func (p *Progress) left(s Step, separator string) string {
	done := s.Step - p.first.Step
	if done < 1 || s.Step >= p.steps {
		return ""
	}
	share := float64(p.steps-s.Step) / float64(done)
	if p.all > 0 { // steps differ in size
		share = float64(max(p.all-s.Tokens, 0)) / float64(s.Tokens-p.first.Tokens)
	}
	return separator + duration((s.Seconds-p.first.Seconds)*share) + " left"
}

// ofTokens returns the progress in tokens as text, if the run's length is given in tokens.
func ofTokens(done, all int64) string {
	if all == 0 {
		return ""
	}
	return ", " + short(float64(done)) + " of " + short(float64(all)) + " tokens"
}

// short formats a rate in about four characters: 843, 12.3k, 1.52M.
func short(x float64) string {
	switch {
	case x >= 999_995_000:
		return fmt.Sprintf("%.2fB", x/1e9)
	case x >= 999_950:
		return fmt.Sprintf("%.2fM", x/1e6)
	case x >= 9_999.5:
		return fmt.Sprintf("%.1fk", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

// OnEvaluation writes a line, above the live view if there is one.
func (p *Progress) OnEvaluation(e Evaluation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		p.live.lastEval = &e
		if p.live.bestEval == nil || e.Loss < p.live.bestEval.Loss {
			p.live.bestEval = &e
		}
	}
	return p.say(fmt.Sprintf("step %d/%d: val loss %.4f%s", e.Step, p.steps, e.Loss, valuesText(", ", e.Values)))
}

// valuesText lists the values that the task and layers report beside the loss.
func valuesText(before string, values map[string]float64) (text string) {
	values = folded(values)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text += fmt.Sprintf("%s%s %.4f", before, name, values[name])
	}
	return text
}

// folded returns values in which those that differ only by layer number, such as h.0.mlp.entropy
// and h.1.mlp.entropy, are replaced by their mean. It is named entropy or, if other names end
// alike, h.*.mlp.entropy.
func folded(values map[string]float64) map[string]float64 {
	kinds := make(map[string][]string)
	for name := range values {
		kind := numbers.ReplaceAllString(name, "$1*$2")
		kinds[kind] = append(kinds[kind], name)
	}
	ends := make(map[string]int)
	for kind := range kinds {
		ends[kind[strings.LastIndexByte(kind, '.')+1:]]++
	}
	all := make(map[string]float64, len(kinds))
	for kind, names := range kinds {
		if len(names) == 1 {
			all[names[0]] = values[names[0]]
			continue
		}
		if end := kind[strings.LastIndexByte(kind, '.')+1:]; ends[end] == 1 {
			kind = end
		}
		slices.Sort(names) // fixes the order of summation
		for _, name := range names {
			all[kind] += values[name] / float64(len(names))
		}
	}
	return all
}

// numbers matches the parts of a path that are numbers.
var numbers = regexp.MustCompile(`(^|\.)[0-9]+(\.|$)`)

// Say writes a line, above the live view if there is one. It may be called from any
// goroutine.
func (p *Progress) Say(line string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.say(line)
}

func (p *Progress) say(line string) error {
	if p.live != nil {
		return p.live.say(line)
	}
	_, err := fmt.Fprintln(p.w, line)
	return err
}
