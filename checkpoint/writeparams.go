package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/models"
)

// WriteParams writes all parameters to w in the safetensors format, as F32 and
// sorted by name, as the reference library writes them, with checksums. Names are those of the
// model's files. Its Zeros are further tensors, filled with zeros: so a model without biases
// becomes a file for transformers, whose GPT-2 always has them.
func WriteParams(w io.Writer, ps *graph.Params, names models.Tensors) error {
	tensors, _, err := named(ps, names, weights.F32)
	if err != nil {
		return err
	}
	return safetensors.WriteChecked(w, torchMetadata, weights.F32, tensors)
}

// torchMetadata is what transformers wants in a header.
var torchMetadata = map[string]string{"format": "pt"}

// named lists all parameters and the tensors of zeros, sorted by name, for a file of numbers of a type, and
// the type of what is not bytes by then: of MXFP4, BF16.
func named(ps *graph.Params, names models.Tensors, t weights.DType) ([]Tensor, weights.DType, error) {
	var tensors []Tensor
	packed := false
	for _, p := range ps.All() {
		x := Tensor{Name: p.Name(), Shape: p.Shape()}
		switch {
		case !names.Swapped(p.Name()):
			x.Data = p.Data()
			tensors = append(tensors, names.Stored(x)...)
		case t == weights.MXFP4:
			x.Name = names.File(x.Name)
			parts, err := packedParts(x, p)
			if err != nil {
				return nil, "", err
			}
			packed, tensors = true, append(tensors, parts...)
		default:
			x.Name = names.File(x.Name)
			x.Shape, x.Data = weights.Swapped(x.Shape), make([]float32, p.Size())
			weights.Transpose(x.Data, p.Data(), x.Shape)
			tensors = append(tensors, x)
		}
	}
	if t == weights.MXFP4 {
		if t = weights.BF16; !packed {
			return nil, "", errors.New("the model has no weights that files have in MXFP4; want F32, F16 or BF16")
		}
	}
	var zero []float32 // one memory for all of them
	for name, shape := range names.Zeros {
		if ps.Get(name) != nil {
			return nil, "", fmt.Errorf("%s: a parameter of the model, and declared absent too", name)
		}
		n, ok := weights.SizeOf(shape)
		if !ok {
			return nil, "", fmt.Errorf("%s: bad shape %s", name, weights.ShapeText(shape))
		}
		if n > len(zero) {
			zero = make([]float32, n)
		}
	}
	for name, shape := range names.Zeros {
		n, _ := weights.SizeOf(shape)
		tensors = append(tensors, Tensor{Name: names.File(name), Shape: shape, Data: zero[:n]})
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return tensors, t, nil
}

// packedParts are the blocks and the scales of a parameter: as they are, or rounded to.
func packedParts(x Tensor, p *graph.Param) ([]Tensor, error) {
	if w, columns := p.Packed(); w != nil && w.Format == kernel.MXFP4 && !columns {
		return weights.PackedTensors(x, w.Codes, w.Scales), nil
	}
	x.Data = p.Data()
	return weights.PackMXFP4(x)
}
