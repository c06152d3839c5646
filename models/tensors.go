package models

import (
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/scopepath"
	"github.com/gorgpt/gorgpt/models/family"
)

// Tensors says how the tensors of a file belong to the parameters of a model.
type Tensors struct {
	// Prefix may stand before the names of all but the head's.
	Prefix string
	// Tied is the parameter that the head shares; "" if the head has a weight of its own.
	Tied string
	// Zeros names, with their shapes, the tensors that Hugging Face's model has and this one
	// lacks, because they are 0.
	Zeros map[string][]int
	// Forms tell of parameters that a file holds in pieces; see [Family].
	Forms [][]weights.Whole
	// Missing names the parameters that a file may lack, and that stay as they are then, by
	// patterns as those of [graph.Params.Freeze]: adapters that are new, "h.*.attn.c_attn.lora_*".
	Missing []string

	buffers []string
	swapped []string
	edited  bool
	untied  bool
	own     map[string]bool // parameters before the edits
}

// HeadName is the parameter of a head that is not tied, Hugging Face's in all families.
const HeadName = headName + ".weight"

// TensorsOf are those of a model of a registered family.
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

// TensorsOfConfig are those of the model that a config.json describes, whatever its edits.
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

// wrappers stand before the names, any number of them, after what a model was wrapped in when it
// was saved: torch.compile, DataParallel and its like, or a class of one's own.
var wrappers = []string{"_orig_mod.", "module.", "model."}

// Bare is the name of a stored tensor without what stands before.
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

// File is the name that a parameter is stored under. A file of an untied model has the prefix:
// transformers takes one without for that of a model that has no head.
func (t Tensors) File(name string) string {
	if _, zero := t.Zeros[name]; t.untied && name != HeadName && (zero || t.own[name]) {
		return t.Prefix + name
	}
	return name
}

// Stored are the tensors of a file that hold a parameter: itself, or its pieces.
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

// Swapped tells whether a parameter has its last two axes the other way round in a file of plain numbers, and lies in a
// file of MXFP4 as blocks.
func (t Tensors) Swapped(name string) bool {
	return slices.ContainsFunc(t.swapped, func(pattern string) bool {
		return scopepath.Inside(strings.Split(pattern, "."), strings.Split(name, "."))
	})
}

// Ignored tells whether nothing depends on a stored tensor, by its bare name, of which the model
// has no parameter: one that is no weight, or one of a layer that an edit took out.
func (t Tensors) Ignored(name string, shape []int) bool {
	return t.edited && t.own[name] || family.IsBuffer(t.buffers, name, shape)
}
