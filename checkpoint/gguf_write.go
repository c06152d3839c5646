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

// GGUF is what goes into a file of llama.cpp.
type GGUF struct {
	Name   string // what llama.cpp calls the model
	Model  models.Model
	Params *graph.Params
	// DType is F32, F16, BF16 or Q8_0, of matrices: vectors and positions are F32 always, and matrices whose rows are
	// no whole blocks of Q8_0 F16.
	DType weights.DType
	// Tokenizer is nil if there is none: the file is of ids alone then.
	Tokenizer tokenizer.Tokenizer
	// Template is the chat template; the tokenizer's if "".
	Template string
	// Ends are the tokens that end a text; those of the tokenizer's if nil. Those beyond [GGUFEnds] are left out.
	Ends []int
}

// GGUFEnds is how many tokens that end a text a GGUF file has a place for: eos, eot and eom.
const GGUFEnds = 3

// SaveGGUF makes path a file that llama.cpp opens. It is an error if the family has no such form, or one that cannot
// hold the model or the tokenizer.
func SaveGGUF(path string, c GGUF) error {
	fail := func(err error) error { return fmt.Errorf("%s: %w", path, err) }
	form, meta, tensors, err := family.ToGGUF(c.Model)
	if err != nil {
		return fail(err)
	}
	fileType, known := fileTypes[c.DType]
	if !known {
		return fail(fmt.Errorf("numbers of type %s, want F32, F16, BF16 or Q8_0", c.DType))
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

// fileTypes are llama.cpp's numbers of what most tensors of a file are.
var fileTypes = map[weights.DType]uint32{weights.F32: 0, weights.F16: 1, weights.Q8_0: 7, weights.BF16: 32}

// tensors are the parameters as the form has them.
func (c GGUF) tensors(form family.GGUF) ([]gguf.Tensor, error) {
	names, err := models.TensorsOf(c.Model)
	if err != nil {
		return nil, err
	}
	params, _, err := named(c.Params, models.Tensors{Zeros: names.Zeros}, weights.F32)
	if err != nil {
		return nil, err
	}
	var all []gguf.Tensor
	for _, p := range params {
		name, stem := form.Stored(p.Name)
		if name == "" {
			return nil, fmt.Errorf("llama.cpp's %s has no place for %s", form.Architecture, p.Name)
		}
		x := gguf.Tensor{Name: name, Shape: p.Shape, Type: c.typeOf(name, p.Shape), Data: func() []float32 { return p.Data }}
		heads := 0
		if form.Pairs != nil {
			heads = form.Pairs(c.Model, stem)
		}
		switch {
		case len(p.Shape) == 2 && slices.Contains(form.Swapped, stem):
			x.Shape = weights.Swapped(p.Shape)
			x.Type = c.typeOf(name, x.Shape)
			x.Data = func() []float32 {
				data := make([]float32, len(p.Data))
				weights.Transpose(data, p.Data, x.Shape)
				return data
			}
		case heads > 0:
			x.Data = func() []float32 {
				data := make([]float32, len(p.Data))
				weights.Pairs(data, p.Data, heads, len(data)/p.Shape[0])
				return data
			}
		}
		all = append(all, x)
	}
	return all, nil
}

// typeOf is what a tensor is written as: llama.cpp adds vectors and positions as F32.
func (c GGUF) typeOf(name string, shape []int) weights.DType {
	switch per, _ := c.DType.Block(); {
	case len(shape) < 2 || strings.HasPrefix(name, "position_embd."):
		return weights.F32
	case shape[len(shape)-1]%per != 0:
		return weights.F16
	}
	return c.DType
}
