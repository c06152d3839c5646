package checkpoint

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/graph"
)

// What Hugging Face's GPT files hold beside the weights of the model.
const (
	// trunkPrefix stands before the names if the file was saved with its head;
	// the published gpt2 and openai-gpt have none, distilgpt2 has it.
	trunkPrefix = "transformer."
	// headName is the output matrix; old files have it even where it is tied to
	// the token embedding.
	headName = "lm_head.weight"
)

// embeddingNames are what a head may be tied to: GPT-2's and GPT-1's.
var embeddingNames = []string{"wte.weight", "tokens_embed.weight"}

// maskName matches the causal mask and the value for masked places, which old
// versions of transformers stored as if they were weights.
var maskName = regexp.MustCompile(`^h\.[0-9]+\.attn\.(masked_)?bias$`)

// Source is a set of stored tensors, such as a [TensorFile].
type Source interface {
	Name() string    // for errors: where the tensors come from
	Tensors() []Info // in the order best read
	Read(name string, dst []float32) error
}

// WriteParams writes all parameters to w in the safetensors format, as F32 and
// sorted by name, as the reference library writes them.
//
// The map zeros gives names and shapes of further tensors to write, filled with
// zeros. So a model without biases becomes a file for transformers, whose GPT-2
// always has them. It may be nil.
func WriteParams(w io.Writer, ps *graph.Params, zeros map[string][]int) error {
	var tensors []Tensor
	for _, p := range ps.All() {
		tensors = append(tensors, Tensor{Name: p.Name(), Shape: p.Shape(), Data: p.Data()})
	}
	var zero []float32 // one memory for all of them
	for name, shape := range zeros {
		if ps.Get(name) != nil {
			return fmt.Errorf("%s: a parameter of the model, and declared absent too", name)
		}
		n, ok := sizeOf(shape)
		if !ok {
			return fmt.Errorf("%s: bad shape %s", name, shapeText(shape))
		}
		if n > len(zero) {
			zero = make([]float32, n)
		}
	}
	for name, shape := range zeros {
		n, _ := sizeOf(shape)
		tensors = append(tensors, Tensor{Name: name, Shape: shape, Data: zero[:n]})
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return WriteTensors(w, map[string]string{"format": "pt"}, tensors)
}

// ReadParams fills all parameters from src. Names may have the prefix
// "transformer."; attention masks of old files are skipped; so is
// lm_head.weight if the model has no such parameter, provided that it equals
// the token embedding. Tensors named in zeros (see [WriteParams]; may be nil)
// may be there if all their values are zero.
//
// Missing tensors, tensors that the model has no place for, and wrong shapes are
// one error that lists them. After such an error the parameters are untouched;
// after an error while reading values they are not to be used.
func ReadParams(src Source, ps *graph.Params, zeros map[string][]int) error {
	plan, err := match(src, ps, zeros)
	if err != nil {
		return fmt.Errorf("%s: %w", src.Name(), err)
	}
	if err := checkZeros(src, plan.zeros); err != nil {
		return err
	}
	for _, m := range plan.params {
		if err := src.Read(m.stored.Name, m.param.Data()); err != nil {
			return err
		}
	}
	if plan.head.param != nil {
		return checkHead(src, plan.head)
	}
	return nil
}

// matched is a parameter and the stored tensor that belongs to it.
type matched struct {
	stored Info
	param  *graph.Param
}

// plan is what to do with the tensors of a source.
type plan struct {
	params []matched
	zeros  []Info
	head   matched // lm_head.weight and the embedding it is tied to, if stored
}

// match finds the place of each stored tensor. It reads no values.
func match(src Source, ps *graph.Params, zeros map[string][]int) (plan, error) {
	var (
		pl              plan
		leftOver, wrong []string
		found           = map[string]bool{}
	)
	for _, t := range src.Tensors() {
		name := strings.TrimPrefix(t.Name, trunkPrefix)
		p := ps.Get(name)
		want, isZero := zeros[name]
		switch {
		case found[name]: // once with the prefix and once without
			leftOver = append(leftOver, show(t.Name))
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
		case isMask(name, t.Shape):
			continue
		default:
			leftOver = append(leftOver, show(t.Name))
			continue
		}
		found[name] = true
		if text := mismatch(t, want); text != "" {
			wrong = append(wrong, text)
		}
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
	n, _ := sizeOf(shape)
	return n == 1 || len(shape) == 4 && shape[0] == 1 && shape[1] == 1 && shape[2] == shape[3]
}

// mismatch says what keeps t from being read into a tensor of shape want; ""
// if nothing does.
func mismatch(t Info, want []int) string {
	switch {
	case !slices.Equal(t.Shape, want):
		text := fmt.Sprintf("%s is %s, want %s", show(t.Name), shapeText(t.Shape), shapeText(want))
		if len(want) == 2 && len(t.Shape) == 2 && t.Shape[0] == want[1] && t.Shape[1] == want[0] {
			text += " (stored transposed)"
		}
		return text
	case !t.Type.readable():
		return fmt.Sprintf("%s is %s, want F32, F16 or BF16", show(t.Name), t.Type)
	}
	return ""
}

// checkZeros reads tensors that must hold nothing but zeros.
func checkZeros(src Source, zeros []Info) error {
	var nonzero []string
	for _, t := range zeros {
		x := make([]float32, t.Size())
		if err := src.Read(t.Name, x); err != nil {
			return err
		}
		if slices.ContainsFunc(x, func(v float32) bool { return v != 0 }) {
			nonzero = append(nonzero, show(t.Name))
		}
	}
	if len(nonzero) > 0 {
		return fmt.Errorf("%s: the config declares these absent, but they are not zero: %s", src.Name(), few(nonzero))
	}
	return nil
}

// checkHead compares the stored head with the embedding, which has been read.
func checkHead(src Source, head matched) error {
	x := make([]float32, head.stored.Size())
	if err := src.Read(head.stored.Name, x); err != nil {
		return err
	}
	if i := firstDifference(x, head.param.Data()); i >= 0 {
		return fmt.Errorf("%s: %s differs from %s at element %d: the checkpoint's head is not tied, the model's is",
			src.Name(), headName, head.param.Name(), i)
	}
	return nil
}

// firstDifference returns the first index at which the bits differ, or -1.
func firstDifference(a, b []float32) int {
	if bytes.Equal(asBytes(a), asBytes(b)) {
		return -1
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

// few joins the first few of a list.
func few(list []string) string {
	const most = 4
	if len(list) <= most+1 { // "and 1 more" would be no shorter
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
