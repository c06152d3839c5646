package checkpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
)

// headName is the output matrix. Old files have it even where it is tied to the token
// embedding, and files of safetensors' save_model in place of that.
const headName = "lm_head.weight"

// wrappers stand before the names, any number of them, after what a model was wrapped in when it
// was saved: by transformers with its head (the published gpt2 has none, distilgpt2 has it),
// torch.compile, DataParallel and its like, or a class of one's own.
var wrappers = []string{"transformer.", "_orig_mod.", "module.", "model."}

// bare is a name without wrappers.
func bare(name string) string {
	for {
		start := name
		for _, w := range wrappers {
			name = strings.TrimPrefix(name, w)
		}
		if name == start {
			return name
		}
	}
}

// otherHeads are what transformers' models for other tasks have above the same trunk, and
// position_ids are the numbers from 0 on.
var otherHeads = regexp.MustCompile(`^(multiple_choice_head|score|classifier|qa_outputs)\.|^position_ids$`)

// embeddingNames are what a head may be tied to: GPT-2's and GPT-1's.
var embeddingNames = []string{"wte.weight", "tokens_embed.weight"}

// maskName matches the causal mask and the value for masked places, which old
// versions of transformers stored as if they were weights.
var maskName = regexp.MustCompile(`^h\.[0-9]+\.attn\.(masked_)?bias$`)

// matched is a parameter and the stored tensor that belongs to it.
type matched struct {
	stored weights.Info
	param  *graph.Param
}

// plan is what to do with the tensors of a source.
type plan struct {
	params []matched
	zeros  []weights.Info
	head   matched // lm_head.weight and the embedding it is tied to, if stored
}

// match finds the place of each stored tensor. It reads no values.
func match(src weights.Source, ps *graph.Params, zeros map[string][]int) (plan, error) {
	var (
		pl              plan
		leftOver, wrong []string
		found           = map[string]bool{}
	)
	for _, t := range src.Tensors() {
		name := t.Name
		if ps.Get(name) == nil {
			name = bare(name)
		}
		p := ps.Get(name)
		want, isZero := zeros[name]
		switch {
		case found[name]: // once with the prefix and once without
			leftOver = append(leftOver, weights.Show(t.Name))
			continue
		case p != nil:
			want = p.Shape()
			pl.params = append(pl.params, matched{t, p})
		case isZero:
			pl.zeros = append(pl.zeros, t)
		case name == headName && embedding(ps) != nil:
			p = embedding(ps)
			want = p.Shape()
			pl.head = matched{t, p}
		case isMask(name, t.Shape), otherHeads.MatchString(name):
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
	if p := pl.head.param; p != nil && !found[p.Name()] { // the head is all there is of the pair
		pl.params = append(pl.params, pl.head)
		found[p.Name()], pl.head = true, matched{}
	}
	var missing []string
	for _, p := range ps.All() {
		if !found[p.Name()] {
			missing = append(missing, p.Name())
		}
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
		return plan{}, fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return pl, nil
}

// embedding returns the token embedding that a head may be tied to, or nil.
func embedding(ps *graph.Params) *graph.Param {
	for _, name := range embeddingNames {
		if p := ps.Get(name); p != nil {
			return p
		}
	}
	return nil
}

// isMask reports whether a tensor is an attention mask, of shape (1, 1, T, T),
// or the one number that stands for masked places.
func isMask(name string, shape []int) bool {
	if !maskName.MatchString(name) {
		return false
	}
	n, _ := weights.SizeOf(shape)
	return n == 1 || len(shape) == 4 && shape[0] == 1 && shape[1] == 1 && shape[2] == shape[3]
}

// mismatch says what keeps t from being read into a tensor of shape want; ""
// if nothing does.
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
