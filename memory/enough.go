package cli

import (
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// maxTokens bounds a batch, as package datasets does: sizes stay within an int64.
const maxTokens = 1 << 30

// checkBatch refuses batches of more tokens than any machine trains on at once.
func checkBatch(batch, context int) error {
	if batch > maxTokens/max(1, context) {
		return usagef("--batch %d: with a context of %d, want at most %s", batch, context, plural.Of(maxTokens/max(1, context), "sequence"))
	}
	return nil
}

// enough refuses what takes more bytes than this process may have: Go ends a process that
// asks for them, with a page of goroutines in place of a reason, and a control group ends it
// without a word.
func enough(what string, bytes float64) error { return machine().enough(what, bytes) }

func (m memoryLimit) enough(what string, bytes float64) error {
	switch has := float64(m.bytes); {
	case m.bytes == 0 || bytes <= has:
		return nil
	case m.whose != "":
		return fmt.Errorf("%s takes %s of memory, this process may have %s (%s)", what, size(bytes), size(has), m.whose)
	default:
		return fmt.Errorf("%s takes %s of memory, this machine has %s", what, size(bytes), size(has))
	}
}

// enoughToTrain is enough for a training program with AdamW: weights, their gradients and
// two moments, beside the results.
func enoughToTrain(p *graph.Program) error {
	return enough("training", 4*4*float64(graph.Sum(p.Nodes()).Params)+float64(p.PlannedBytes()))
}

// checkTraining is enoughToTrain of what a function returns that compiles, for this alone.
func checkTraining(p *graph.Program, err error) error {
	if err != nil {
		return err
	}
	defer p.Close()
	return enoughToTrain(p)
}

// enoughToGenerate is enough for so many sequences at once: keys and values of all
// positions, and the logits of one.
func enoughToGenerate(what string, m models.Model, sequences int) error {
	d := m.Dims()
	each := 4 * (2*float64(d.Layers)*float64(d.Context)*float64(d.Width) + float64(d.Vocab))
	return enough(what, float64(sequences)*each)
}

// enoughToBeam is enough for a search with so many beams: their keys and values, the logits of
// all, and the extensions of each that are compared, of 24 bytes.
func enoughToBeam(m models.Model, beams int) error {
	d := m.Dims()
	each := 4*(2*float64(d.Layers)*float64(d.Context)*float64(d.Width)+2*float64(d.Vocab)) + 24*min(2*float64(beams), float64(d.Vocab))
	return enough(fmt.Sprintf("--beams %d", beams), float64(beams)*each)
}

// enoughToEvaluate is enough for weights that are read or mapped, and one run that gives the
// logits of a whole window.
func enoughToEvaluate(m models.Model, window int) error {
	return machine().enoughToEvaluate(m, window)
}

func (limit memoryLimit) enoughToEvaluate(m models.Model, window int) error {
	s := graph.New(graph.NewParams(0))
	p, err := s.Compile(m.GraphAt(s, s.Ints("tokens", 1, window), s.Ints("rows", window)))
	if err != nil {
		return err
	}
	defer p.Close()
	return limit.enough("a window of "+plural.Of(window, "token"), 4*float64(graph.Sum(p.Nodes()).Params)+float64(p.PlannedBytes()))
}

// size is a number of bytes to read.
func size(bytes float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for ; bytes >= 1000 && i < len(units)-1; i++ {
		bytes /= 1000
	}
	return fmt.Sprintf("%.4g %s", bytes, units[i])
}
