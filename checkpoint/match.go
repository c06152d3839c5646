package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/scopepath"
	"github.com/gorgpt/gorgpt/models"
)

// matched is a parameter with the stored tensor that belongs to it.
type matched struct {
	stored weights.Info
	param  *graph.Param
}

// plan is what to do with the tensors of a source.
type plan struct {
	params []matched
	zeros  []weights.Info
	head   matched // the head's weight and the embedding it is tied to, if stored
}

// match finds the place of each stored tensor. It reads no values.
func match(src weights.Source, ps *graph.Params, names models.Tensors) (plan, error) {
	var (
		pl              plan
		leftOver, wrong []string
		found           = map[string]bool{}
	)
	for _, t := range src.Tensors() {
		name := t.Name
		if ps.Get(name) == nil {
			name = names.Bare(name)
		}
		p := ps.Get(name)
		want, isZero := names.Zeros[name]
		switch {
		case found[name]: // stored both with the prefix and without
			leftOver = append(leftOver, weights.Show(t.Name))
			continue
		case p != nil:
			want = p.Whole()
			pl.params = append(pl.params, matched{t, p})
		case isZero:
			pl.zeros = append(pl.zeros, t)
		case name == models.HeadName && ps.Get(names.Tied) != nil:
			p = ps.Get(names.Tied)
			want = p.Whole()
			pl.head = matched{t, p}
		case names.Ignored(name, t.Shape):
			continue
		default:
			leftOver = append(leftOver, weights.Show(t.Name))
			continue
		}
		found[name] = true
		if text := mismatch(t, want); text != "" {
			wrong = append(wrong, text)
		}
	}
	if p := pl.head.param; p != nil && !found[p.Name()] { // only the head of the tied pair is stored
		pl.params = append(pl.params, pl.head)
		found[p.Name()], pl.head = true, matched{}
	}
	missing, err := missingOf(ps, names, found)
	if err != nil {
		return plan{}, err
	}
	var faults []string
	for _, f := range []struct {
		what  string
		names []string
	}{{"missing ", missing}, {"not in the model: ", leftOver}, {"wrong: ", wrong}} {
		if len(f.names) > 0 {
			faults = append(faults, f.what+few(f.names))
		}
	}
	if len(faults) > 0 {
		return plan{}, errors.New(strings.Join(faults, "; "))
	}
	return pl, nil
}

// missingOf lists the parameters that were not found and are not allowed to be missing. A pattern of
// names.Missing that matches no parameter is an error.
func missingOf(ps *graph.Params, names models.Tensors, found map[string]bool) (missing []string, err error) {
	for _, p := range ps.All() {
		switch {
		case found[p.Name()], mayMiss(names, p):
		case p.Name() == models.HeadName:
			missing = append(missing, p.Name()+", which is required when tie_word_embeddings is false")
		default:
			missing = append(missing, p.Name())
		}
	}
	for _, pattern := range names.Missing {
		if !slices.ContainsFunc(ps.All(), func(p *graph.Param) bool { return mayMiss(models.Tensors{Missing: []string{pattern}}, p) }) {
			return nil, fmt.Errorf("no parameter matches %q, a pattern of parameters that may be missing", pattern)
		}
	}
	return missing, nil
}

// mayMiss reports whether a parameter keeps its values if a file lacks it.
func mayMiss(names models.Tensors, p *graph.Param) bool {
	return slices.ContainsFunc(names.Missing, func(pattern string) bool {
		return scopepath.Inside(strings.Split(pattern, "."), strings.Split(p.Name(), "."))
	})
}

// mismatch returns why t cannot be read into a tensor of shape want, or "" if it can.
func mismatch(t weights.Info, want []int) string {
	switch {
	case !slices.Equal(t.Shape, want):
		text := fmt.Sprintf("%s is %s, want %s", weights.Show(t.Name), weights.ShapeText(t.Shape), weights.ShapeText(want))
		if len(want) == 2 && len(t.Shape) == 2 && t.Shape[0] == want[1] && t.Shape[1] == want[0] {
			text += " (stored transposed)"
		}
		return text
	case !t.Type.Readable():
		return fmt.Sprintf("%s is %s, want F64, F32, F16 or BF16", weights.Show(t.Name), t.Type)
	}
	return ""
}

// few joins the first few of a list.
func few(list []string) string {
	const most = 4
	if len(list) <= most+1 { // "and 1 more" would be no shorter
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
