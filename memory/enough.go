package memory

import (
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// Check returns an error, which begins with what, if bytes is more than this process may use.
func Check(what string, bytes float64) error { return Machine().Check(what, bytes) }

// Check returns an error, which begins with what, if bytes is more than the limit.
func (limit Limit) Check(what string, bytes float64) error {
	switch has := float64(limit.Bytes); {
	case limit.Bytes == 0 || bytes <= has:
		return nil
	case limit.Whose != "":
		return fmt.Errorf("%s takes %s of memory, but this process may use only %s (%s)", what, Size(bytes), Size(has), limit.Whose)
	default:
		return fmt.Errorf("%s takes %s of memory, but this machine has only %s", what, Size(bytes), Size(has))
	}
}

// CheckGeneration is [Check] for generating the given number of sequences at once: what layers keep
// of all positions, and the logits of one position.
func CheckGeneration(what string, m models.Model, sequences int) error {
	cost, err := models.CostOf(m)
	if err != nil {
		return err
	}
	return Check(what, float64(sequences)*(float64(cost.Cache)+4*float64(models.DimsOf(m).Vocab)))
}

// CheckBeams is [Check] for a beam search: what layers keep of the beams, the logits of all, and
// the extensions of each beam that are compared, at 24 bytes each.
func CheckBeams(m models.Model, beams int) error {
	cost, err := models.CostOf(m)
	if err != nil {
		return err
	}
	vocab := float64(models.DimsOf(m).Vocab)
	each := float64(cost.Cache) + 8*vocab + 24*min(2*float64(beams), vocab)
	return Check(fmt.Sprintf("--beams %d", beams), float64(beams)*each)
}

// CheckWindow is [Limit.Check] for weights that are read or mapped, and one run that computes the
// logits of a whole window. It returns how many bytes are left after these: 0 if the limit is not
// known.
func (limit Limit) CheckWindow(m models.Model, window int) (left int64, err error) {
	s := graph.New(graph.NewParams(0))
	p, err := s.Compile(models.LogitsAt(m, s, s.Ints("tokens", 1, window), s.Ints("rows", window)))
	if err != nil {
		return 0, err
	}
	defer p.Close()
	taken := 4*float64(graph.Sum(p.Nodes()).Params) + float64(p.PlannedBytes())
	if limit.Bytes > 0 {
		left = max(1, limit.Bytes-int64(taken))
	}
	return left, limit.Check("a window of "+plural.Of(window, "token"), taken)
}

// Size formats a number of bytes, as in "25.2 GB".
func Size(bytes float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for ; bytes >= 1000 && i < len(units)-1; i++ {
		bytes /= 1000
	}
	return fmt.Sprintf("%.4g %s", bytes, units[i])
}
