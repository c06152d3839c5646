package checkpoint

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/gguf"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/mapped"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// GGUF is what a file of llama.cpp is made from.
type GGUF struct {
	Name   string // the model's name in llama.cpp
	Model  models.Model
	Params *graph.Params
	// DType is the type of matrices: F32, F16, BF16, Q8_0, Q4_0, Q4_1 or MXFP4. Vectors and positions are
	// always F32, and matrices whose rows are not a whole number of blocks are F16.
	DType weights.DType
	// Tables is the type of the embedding and the head; DType if "".
	Tables weights.DType
	// Tokenizer may be nil; the file is then for token ids only.
	Tokenizer tokenizer.Tokenizer
	// Template is the chat template; the tokenizer's if "".
	Template string
	// Ends are the tokens that end a text; the tokenizer's if nil. Tokens beyond the first [GGUFEnds] are
	// left out.
	Ends []int
}

// GGUFEnds is the number of tokens ending a text that a GGUF file has a place for: eos, eot and eom.
const GGUFEnds = 3

// SaveGGUF writes a file at path that llama.cpp can open. It returns an error if the family has no such form,
// or if the form cannot hold the model or the tokenizer.
func SaveGGUF(path string, c GGUF) error {
	fail := func(err error) error { return fmt.Errorf("%s: %w", path, err) }
	form, meta, tensors, err := family.ToGGUF(c.Model)
	if err != nil {
		return fail(err)
	}
	fileType, known := fileTypes[c.DType]
	if !known {
		return fail(fmt.Errorf("numbers of type %s, want F32, F16, BF16, Q8_0, Q4_0, Q4_1 or MXFP4", c.DType))
	}
	meta = append(meta,
		gguf.Value{Key: "general.type", Value: "model"},
		gguf.Value{Key: "general.name", Value: c.Name},
		gguf.Value{Key: "general.file_type", Value: fileType},
		gguf.Value{Key: "general.quantization_version", Value: uint32(2)},
	)
	words, err := c.tokenizerMeta()
	if err != nil {
		return fail(err)
	}
	stored, err := c.tensors(form)
	if err != nil {
		return fail(err)
	}
	return WriteFile(path, func(w io.Writer) error {
		return mapped.Guard(func() error { return gguf.Write(w, append(meta, words...), append(tensors, stored...)) })
	})
}

// Uneven counts the matrices, and those that are F16 because their rows are not a whole number of blocks of
// DType, and names the first few of the latter.
func (c GGUF) Uneven() (uneven, matrices int, first string, err error) {
	form, _, _, err := family.ToGGUF(c.Model)
	if err != nil {
		return 0, 0, "", err
	}
	params, err := c.params()
	if err != nil {
		return 0, 0, "", err
	}
	var names []string
	for _, p := range params {
		name, shape, _ := p.place(form)
		if isVector(name, shape) {
			continue
		}
		if matrices++; c.DType != weights.F16 && c.typeOf(name, shape) == weights.F16 {
			names = append(names, name)
		}
	}
	return len(names), matrices, few(names), nil
}

// fileTypes maps the type of most tensors in a file to llama.cpp's number for it.
var fileTypes = map[weights.DType]uint32{weights.F32: 0, weights.F16: 1, weights.Q4_0: 2, weights.Q4_1: 3, weights.Q8_0: 7, weights.BF16: 32, weights.MXFP4: 38}

// ggufSourceParam is a parameter, or zeros in its place.
type ggufSourceParam struct {
	name  string
	shape []int
	param *graph.Param // nil for zeros
}

// params returns all parameters, and zeros for those that files have and the model lacks, sorted by name.
func (c GGUF) params() ([]ggufSourceParam, error) {
	names, err := models.TensorsOf(c.Model)
	if err != nil {
		return nil, err
	}
	var all []ggufSourceParam
	for _, p := range c.Params.All() {
		if names.Zeros[p.Name()] != nil {
			return nil, fmt.Errorf("%s: a parameter of the model that is also declared absent", p.Name())
		}
		all = append(all, ggufSourceParam{p.Name(), p.Shape(), p})
	}
	for name, shape := range names.Zeros {
		all = append(all, ggufSourceParam{name, shape, nil})
	}
	slices.SortFunc(all, func(a, b ggufSourceParam) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// tensors returns the parameters in the given form. A parameter already packed in the type to be written is
// written unchanged, bit for bit.
func (c GGUF) tensors(form family.GGUF) ([]gguf.Tensor, error) {
	params, err := c.params()
	if err != nil {
		return nil, err
	}
	var all []gguf.Tensor
	for _, p := range params {
		name, shape, swapped := p.place(form)
		if name == "" {
			return nil, fmt.Errorf("llama.cpp's %s has no place for %s", form.Architecture, p.name)
		}
		heads := 0
		if form.Pairs != nil {
			_, stem := form.Stored(p.name)
			heads = form.Pairs(c.Model, stem)
		}
		x := gguf.Tensor{Name: name, Shape: shape}
		x.Type = c.typeOf(name, x.Shape)
		if x.Packed = p.packed(x.Type, swapped); x.Packed != nil && heads > 0 {
			if x.Packed, err = turnRows(x.Packed, heads, weights.Pairs); err != nil {
				return nil, err
			}
		}
		x.Data = func() []float32 { return p.numbers(x.Shape, swapped, heads) }
		all = append(all, x)
	}
	return all, nil
}

// place returns the name and the shape of the tensor in a file, and whether it is the parameter transposed.
// The name is "" if there is no place for it.
func (p ggufSourceParam) place(form family.GGUF) (name string, shape []int, swapped bool) {
	name, stem := form.Stored(p.name)
	if len(p.shape) == 2 && slices.Contains(form.Swapped, stem) {
		return name, weights.Swapped(p.shape), true
	}
	return name, p.shape, false
}

// packed returns the parameter's matrix if it has the type and the layout of the file.
func (p ggufSourceParam) packed(t weights.DType, swapped bool) *graph.Packed {
	if p.param == nil {
		return nil
	}
	if w, columns := p.param.Packed(); w != nil && w.Format == weights.PackedFormats[t] && columns == swapped {
		return w
	}
	return nil
}

// numbers returns the parameter's numbers in the layout of the file, where it has the given shape.
func (p ggufSourceParam) numbers(shape []int, swapped bool, heads int) []float32 {
	n, _ := weights.SizeOf(shape)
	if p.param == nil {
		return make([]float32, n)
	}
	data := p.param.Data()
	switch {
	case swapped:
		turned := make([]float32, n)
		weights.Transpose(turned, data, shape)
		return turned
	case heads > 0:
		turned := make([]float32, n)
		weights.Pairs(turned, data, heads, n/shape[0])
		return turned
	}
	return data
}

// typeOf returns the type that a tensor is written as: llama.cpp adds vectors and positions as F32.
func (c GGUF) typeOf(name string, shape []int) weights.DType {
	t := c.DType
	if c.Tables != "" && (strings.HasPrefix(name, "token_embd.") || strings.HasPrefix(name, "output.")) {
		t = c.Tables
	}
	switch per, _ := t.Block(); {
	case isVector(name, shape):
		return weights.F32
	case shape[len(shape)-1]%per != 0:
		return weights.F16
	}
	return t
}

// isVector reports whether llama.cpp adds a tensor, which must then be F32.
func isVector(name string, shape []int) bool {
	return len(shape) < 2 || strings.HasPrefix(name, "position_embd.")
}
