package memory

import (
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/models"
)

// Check refuses what takes more bytes than this process may have.
func Check(what string, bytes float64) error { return Machine().Check(what, bytes) }

// Check refuses what takes more bytes.
func (limit Limit) Check(what string, bytes float64) error {
	switch has := float64(limit.Bytes); {
	case limit.Bytes == 0 || bytes <= has:
		return nil
	case limit.Whose != "":
		return fmt.Errorf("%s takes %s of memory, this process may have %s (%s)", what, Size(bytes), Size(has), limit.Whose)
	default:
		return fmt.Errorf("%s takes %s of memory, this machine has %s", what, Size(bytes), Size(has))
	}
}

// CheckGeneration is [Check] for so many sequences at once: what layers keep of all positions,
// and the logits of one.
func CheckGeneration(what string, m models.Model, sequences int) error {
	cost, err := models.CostOf(m)
	if err != nil {
		return err
	}
	return Check(what, float64(sequences)*(float64(cost.Cache)+4*float64(models.DimsOf(m).Vocab)))
}

// CheckBeams is [Check] for a search with so many beams: what layers keep of them, the logits of
// all, and the extensions of each that are compared, of 24 bytes.
func CheckBeams(m models.Model, beams int) error {
	cost, err := models.CostOf(m)
	if err != nil {
		return err
	}
	vocab := float64(models.DimsOf(m).Vocab)
	each := float64(cost.Cache) + 8*vocab + 24*min(2*float64(beams), vocab)
	return Check(fmt.Sprintf("--beams %d", beams), float64(beams)*each)
}

// CheckWindow is Check for weights that are read or mapped, and one run that gives the logits
// of a whole window. It returns how many bytes are left beside these: 0 where the limit is not known.
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

// Size is a number of bytes to read, as in "25.2 GB".
func Size(bytes float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for ; bytes >= 1000 && i < len(units)-1; i++ {
		bytes /= 1000
	}
	return fmt.Sprintf("%.4g %s", bytes, units[i])
}
