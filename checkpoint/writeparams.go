package checkpoint

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
)

// WriteParams writes all parameters to w in the safetensors format, as F32 and
// sorted by name, as the reference library writes them, with checksums.
//
// The map zeros gives names and shapes of further tensors to write, filled with
// zeros. So a model without biases becomes a file for transformers, whose GPT-2
// always has them. It may be nil.
func WriteParams(w io.Writer, ps *graph.Params, zeros map[string][]int) error {
	tensors, err := withZeros(ps, zeros)
	if err != nil {
		return err
	}
	return safetensors.WriteChecked(w, torchMetadata, weights.F32, tensors)
}

// torchMetadata is what transformers wants in a header.
var torchMetadata = map[string]string{"format": "pt"}

// withZeros lists all parameters and the tensors of zeros, sorted by name.
func withZeros(ps *graph.Params, zeros map[string][]int) ([]Tensor, error) {
	var tensors []Tensor
	for _, p := range ps.All() {
		tensors = append(tensors, Tensor{Name: p.Name(), Shape: p.Shape(), Data: p.Data()})
	}
	var zero []float32 // one memory for all of them
	for name, shape := range zeros {
		if ps.Get(name) != nil {
			return nil, fmt.Errorf("%s: a parameter of the model, and declared absent too", name)
		}
		n, ok := weights.SizeOf(shape)
		if !ok {
			return nil, fmt.Errorf("%s: bad shape %s", name, weights.ShapeText(shape))
		}
		if n > len(zero) {
			zero = make([]float32, n)
		}
	}
	for name, shape := range zeros {
		n, _ := weights.SizeOf(shape)
		tensors = append(tensors, Tensor{Name: name, Shape: shape, Data: zero[:n]})
	}
	slices.SortFunc(tensors, func(a, b Tensor) int { return cmp.Compare(a.Name, b.Name) })
	return tensors, nil
}
