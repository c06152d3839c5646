package train

import (
	"fmt"
	"math"
	"path"
	"slices"

	"gorgonia.org/tensor"
)

// A Group gives the parameters whose names match Pattern, as in [path.Match], settings of their
// own. If several groups match, the first applies.
type Group struct {
	Pattern  string
	Matrices bool // only parameters of rank 2 or more; where each expert has a part of a parameter, the part's rank counts

	Rule   Rule     // instead of the optimizer's; nil means the optimizer's
	Rate   *float64 // factor on the learning rate; nil means 1
	Decay  *float64 // instead of the optimizer's, for any rank; nil means the optimizer's
	Frozen bool     // the parameters do not change, and no state is kept for them
}

// CheckGroups reports a malformed pattern, and settings that are out of range or contradictory.
func CheckGroups(groups []Group) error {
	for _, g := range groups {
		if _, err := path.Match(g.Pattern, ""); err != nil {
			return fmt.Errorf("pattern %q of a group of parameters: %w", g.Pattern, err)
		}
		if g.Rate != nil && !(*g.Rate >= 0 && *g.Rate <= math.MaxFloat64) {
			return fmt.Errorf("group %q: its factor on the learning rate is %v, want 0 or more", g.Pattern, *g.Rate)
		}
		if g.Decay != nil && !(math.Abs(*g.Decay) <= math.MaxFloat64) {
			return fmt.Errorf("group %q: its decay is %v, want a finite number", g.Pattern, *g.Decay)
		}
		if g.Frozen && (g.Rule != nil || g.Rate != nil || g.Decay != nil) {
			return fmt.Errorf("group %q: frozen parameters have no rule, rate or decay", g.Pattern)
		}
	}
	return nil
}

// rankOf returns the rank of a parameter, or of the part of it that each expert has.
func rankOf(param any, shape tensor.Shape) int { return partOf(param, shape).Dims() }

// partOf returns the shape of a parameter, or of the part of it that each expert has.
func partOf(param any, shape tensor.Shape) tensor.Shape {
	if p, ok := param.(interface{ Groups() int }); ok && p.Groups() > 0 {
		return shape[1:]
	}
	return shape
}

func (g Group) holds(name string, rank int) bool {
	ok, _ := path.Match(g.Pattern, name)
	return ok && (!g.Matrices || rank >= 2)
}

// groupOf returns the index of the group that applies to a parameter, or -1, and marks in seen
// every group that matches it.
func groupOf(groups []Group, name string, rank int, seen []bool) int {
	first := -1
	for i, g := range groups {
		if g.holds(name, rank) {
			if seen[i] = true; first < 0 {
				first = i
			}
		}
	}
	return first
}

// unmatched returns an error for the first group that matches no parameter.
func unmatched(groups []Group, seen []bool) error {
	if i := slices.Index(seen, false); i >= 0 {
		kind := "parameter"
		if groups[i].Matrices {
			kind = "matrix"
		}
		return fmt.Errorf("group %q: no trainable %s matches", groups[i].Pattern, kind)
	}
	return nil
}
