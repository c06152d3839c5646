package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint/safetensors"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/models"
)

// WriteParams writes all parameters to w in the safetensors format, with checksums, as F32, and sorted by
// name, as the reference library writes them. Tensors have the names that the model's files use. Those in
// names.Zeros are written in addition, filled with zeros: this turns a model without biases into a file for
// transformers, whose GPT-2 always has them.
func WriteParams(w io.Writer, ps *graph.Params, names models.Tensors) error {
	tensors, _, err := named(ps, names, weights.F32)
	if err != nil {
		return err
	}
	return safetensors.WriteChecked(w, torchMetadata, weights.F32, tensors)
}

// torchMetadata is what transformers requires in a header.
var torchMetadata = map[string]string{"format": "pt"}

// named lists all parameters and the tensors of zeros, sorted by name, for a file of type t. It also returns
// the type for the tensors that are not already bytes, which is BF16 if t is MXFP4.
func named(ps *graph.Params, names models.Tensors, t weights.DType) ([]Tensor, weights.DType, error) {
	var tensors []Tensor
	packed, room := false, new(gatherRoom)
	for _, p := range ps.All() {
		x := Tensor{Name: p.Name(), Shape: p.Whole()}
		switch {
		case !names.Swapped(p.Name()):
			if x.Data = p.Data(); p.Cut() {
				x = gathered(room, p, x.Name, p.Data())
			}
			tensors = append(tensors, names.Stored(x)...)
		case t == weights.MXFP4 && !p.Cut():
			x.Name = names.File(x.Name)
			parts, err := packedParts(x, p)
			if err != nil {
				return nil, "", err
			}
			packed, tensors = true, append(tensors, parts...)
		case p.Cut():
			tensors = append(tensors, turned(room, gathered(room, p, names.File(x.Name), p.Data())))
		default:
			x.Name = names.File(x.Name)
			x.Shape, x.Data = weights.Swapped(x.Shape), make([]float32, p.Size())
			weights.Transpose(x.Data, p.Data(), x.Shape)
			tensors = append(tensors, x)
		}
	}
	if t == weights.MXFP4 {
		if t = weights.BF16; !packed {
			return nil, "", errors.New("the model has no weights that are stored in MXFP4; want F32, F16 or BF16")
		}
	}
	var zero []float32 // shared by all of them
	for name, shape := range names.Zeros {
		if ps.Get(name) != nil {
			return nil, "", fmt.Errorf("%s: a parameter of the model that is also declared absent", name)
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

// gathered is a tensor of which each rank holds a part, as of p. The parts are gathered when it is written
// ([Follow]).
func gathered(room *gatherRoom, p *graph.Param, name string, part []float32) Tensor {
	return Tensor{Name: name, Shape: p.Whole(), Load: func() ([]float32, error) { return p.GatherIn(&room.Room, part) }}
}

// gatherRoom is memory in which tensors are gathered one after the other, so that only one is in memory at a
// time.
type gatherRoom struct {
	graph.Room
	turned []float32
}

// turned transposes the last two axes of a tensor.
func turned(room *gatherRoom, x Tensor) Tensor {
	y := Tensor{Name: x.Name, Shape: weights.Swapped(x.Shape)}
	y.Load = func() ([]float32, error) {
		data, err := x.Load()
		if err != nil || data == nil {
			return nil, err
		}
		room.turned = slices.Grow(room.turned[:0], len(data))[:len(data)]
		weights.Transpose(room.turned, data, y.Shape)
		return room.turned, nil
	}
	return y
}

// Gathered prepares tensors for [Contents.Optimizer] that have the layout of parameters and are named after
// them, such as an optimizer's moments. If ranks share a parameter, its tensors are gathered when they are
// written.
func Gathered(params *graph.Params, tensors []Tensor) []Tensor {
	all, room := slices.Clone(tensors), new(gatherRoom)
	for i, t := range all {
		if p := ParamOf(params, t.Name); p != nil && p.Cut() {
			all[i] = gathered(room, p, t.Name, t.Data)
		}
	}
	return all
}

// ParamOf returns the parameter that a tensor such as h.0.attn.c_attn.weight.exp_avg is named after, or nil.
func ParamOf(params *graph.Params, tensor string) *graph.Param {
	for at := len(tensor); at > 0; at = strings.LastIndexByte(tensor[:at], '.') {
		if p := params.Get(tensor[:at]); p != nil {
			return p
		}
	}
	return nil
}

// Follow sends this rank's parts to the rank that calls [Save] with the same contents: it loads each tensor
// as often as Save, and in the same order.
func Follow(c Contents) error {
	config, err := marshal(c.Config)
	if err != nil {
		return err
	}
	names, err := tensorsOf(config)
	if err != nil {
		return err
	}
	tensors, _, err := named(c.Params, names, cmp.Or(c.DType, weights.F32))
	if err != nil {
		return err
	}
	for _, file := range [][]Tensor{tensors, c.Optimizer, c.Adapters} {
		for range 2 { // for the checksums, and for the file
			for _, x := range file {
				if x.Load == nil {
					continue
				}
				if _, err := x.Load(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// packedParts returns the blocks and the scales of a parameter, which it rounds to MXFP4 unless it has that
// format.
func packedParts(x Tensor, p *graph.Param) ([]Tensor, error) {
	if w, columns := p.Packed(); w != nil && w.Format == kernel.MXFP4 && !columns {
		return weights.PackedTensors(x, w.Codes, w.Scales), nil
	}
	x.Data = p.Data()
	return weights.PackMXFP4(x)
}
