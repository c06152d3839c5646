package models

import (
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/scopepath"
	"github.com/gorgpt/gorgpt/models/family"
)

// Tensors maps the tensors of a file to the parameters of a model.
type Tensors struct {
	// Prefix may precede all names but the head's.
	Prefix string
	// Tied is the parameter that the head shares, or "" if the head has its own weight.
	Tied string
	// Zeros holds the names and shapes of the tensors that Hugging Face's model has and this one lacks
	// because they are 0.
	Zeros map[string][]int
	// Forms describes the parameters that a file holds in pieces; see [Family].
	Forms [][]weights.Whole
	// Missing names the parameters that a file may lack, and which then keep their values. It holds patterns
	// as for [graph.Params.Freeze], such as "h.*.attn.c_attn.lora_*" for new adapters.
	Missing []string

	buffers []string
	swapped []string
	edited  bool
	untied  bool
	own     map[string]bool // parameters of the model before its edits
}

// HeadName is the parameter of an untied head. Hugging Face uses it in all families.
const HeadName = headName + ".weight"

// TensorsOf returns the Tensors of a model of a registered family.
func TensorsOf(m Model) (Tensors, error) {
	m, edits := unedited(m)
	f, err := family.Of(m)
	if err != nil {
		return Tensors{}, err
	}
	t := Tensors{Prefix: f.Prefix, buffers: f.Buffers, swapped: f.Swapped, edited: len(graph.Edits(edits...)) > 0, own: make(map[string]bool)}
	params := graph.NewParams(0)
	s := graph.New(params)
	x, head := Body(m, s, s.Ints("tokens", 1, 1))
	head.Logits(s, x)
	if s.Err() != nil {
		return Tensors{}, s.Err()
	}
	for _, p := range params.All() {
		t.own[p.Name()] = true
	}
	if t.untied = head.embedding == nil; !t.untied && t.own[head.embedding.Name()] {
		t.Tied = head.embedding.Name()
	}
	if f.Forms != nil {
		t.Forms = f.Forms(m)
	}
	if f.Whole == nil {
		return t, nil
	}
	whole := graph.NewParams(0)
	if err := Declare(f.Whole(m), whole); err != nil {
		return Tensors{}, err
	}
	t.Zeros = make(map[string][]int)
	for _, p := range whole.All() {
		if !t.own[p.Name()] {
			t.Zeros[p.Name()] = p.Shape()
		}
	}
	return t, nil
}

// TensorsOfConfig returns the Tensors of the model that a config.json describes, whatever its edits.
func TensorsOfConfig(config []byte) (Tensors, error) {
	m, err := ParseUnedited(config)
	if err != nil {
		return Tensors{}, err
	}
	t, err := TensorsOf(m)
	if err != nil {
		return Tensors{}, err
	}
	edits, err := Edits(config)
	t.edited = len(edits) > 0
	return t, err
}

// wrappers are prefixes that a name may have, in any number, if the model was wrapped when it was saved: by
// torch.compile, by DataParallel and the like, or by a class of the user's.
var wrappers = []string{"_orig_mod.", "module.", "model."}

// Bare returns the name of a stored tensor without its prefixes.
func (t Tensors) Bare(name string) string {
	for {
		start := name
		for _, w := range append(slices.Clone(wrappers), t.Prefix) {
			name = strings.TrimPrefix(name, w)
		}
		if name == start {
			return name
		}
	}
}

// File returns the name that a parameter is stored under. Files of untied models have the prefix, because
// transformers takes a file without it for that of a model without a head.
func (t Tensors) File(name string) string {
	if _, zero := t.Zeros[name]; t.untied && name != HeadName && (zero || t.own[name]) {
		return t.Prefix + name
	}
	return name
}

// Stored returns the tensors that hold a parameter in a file: the parameter itself, or its pieces.
func (t Tensors) Stored(p weights.Tensor) []weights.Tensor {
	all := []weights.Tensor{p}
	if len(t.Forms) > 0 {
		all = weights.Split(p, t.Forms[0])
	}
	prefix := strings.TrimSuffix(t.File(p.Name), p.Name)
	for i := range all {
		all[i].Name = prefix + all[i].Name
	}
	return all
}

// Swapped reports whether the last two axes of a parameter are transposed in a file of plain numbers. In a
// file of MXFP4, it is stored as blocks.
func (t Tensors) Swapped(name string) bool {
	return slices.ContainsFunc(t.swapped, func(pattern string) bool {
		return scopepath.Inside(strings.Split(pattern, "."), strings.Split(name, "."))
	})
}

// Ignored reports whether a stored tensor, given by its bare name, can be ignored if the model has no
// parameter for it: it is not a weight, or it belongs to a layer that an edit removed.
func (t Tensors) Ignored(name string, shape []int) bool {
	return t.edited && t.own[name] || family.IsBuffer(t.buffers, name, shape)
}
