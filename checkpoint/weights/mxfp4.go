package weights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// partNames are the suffixes of the names of the two tensors of an MXFP4 tensor: transformers' and OpenAI's.
var partNames = [][2]string{{"_blocks", "_scales"}, {".blocks", ".scales"}}

// packed is a [Source] in which blocks and scales are a single tensor.
type packed struct {
	Source
	raw   Rawer
	infos []Info
	parts map[string][2]string // names of blocks and scales
}

// Packed returns a source in which the U8 tensors NAME_blocks (…, G, 16) and NAME_scales (…, G) of src, or
// the same with a dot, are a single tensor NAME (…, 32·G) of type MXFP4. It is an error if they disagree, or
// if there are blocks without scales. Closing it closes src.
func Packed(src Source) (Source, error) {
	raw, ok := src.(Rawer)
	if !ok {
		return src, nil
	}
	p := &packed{src, raw, nil, make(map[string][2]string)}
	all := make(map[string]Info)
	for _, t := range src.Tensors() {
		all[t.Name] = t
	}
	part := make(map[string]bool)
	for _, t := range src.Tensors() {
		for _, names := range partNames {
			base, is := strings.CutSuffix(t.Name, names[0])
			if !is || t.Type != U8 {
				continue
			}
			info, err := join(base, t, all[base+names[1]])
			if err == nil && hasName(all, base) {
				err = fmt.Errorf("%s is present in addition to its blocks", Show(base))
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", src.Name(), err)
			}
			p.infos = append(p.infos, info)
			p.parts[base] = [2]string{t.Name, base + names[1]}
			part[t.Name], part[base+names[1]] = true, true
		}
	}
	if len(p.parts) == 0 {
		return src, nil
	}
	for _, t := range src.Tensors() {
		if !part[t.Name] {
			p.infos = append(p.infos, t)
		}
	}
	return p, nil
}

func hasName(all map[string]Info, name string) bool {
	_, ok := all[name]
	return ok
}

// join returns the tensor that blocks and scales make up.
func join(name string, blocks, scales Info) (Info, error) {
	n := len(blocks.Shape)
	switch {
	case scales.Name == "":
		return Info{}, fmt.Errorf("%s is present without its scales", Show(blocks.Name))
	case n < 2 || blocks.Shape[n-1] != kernel.MXFP4Bytes:
		return Info{}, fmt.Errorf("%s is %s, want (…, %d): blocks of %d numbers", Show(blocks.Name), ShapeText(blocks.Shape), kernel.MXFP4Bytes, kernel.MXFP4Block)
	case scales.Type != U8 || !slices.Equal(scales.Shape, blocks.Shape[:n-1]):
		return Info{}, fmt.Errorf("%s is %s %s, want U8 %s: a scale for each block of %s", Show(scales.Name), scales.Type, ShapeText(scales.Shape), ShapeText(blocks.Shape[:n-1]), Show(blocks.Name))
	}
	shape := slices.Clone(blocks.Shape[:n-1])
	if shape[n-2] *= kernel.MXFP4Block; shape[n-2]/kernel.MXFP4Block != blocks.Shape[n-2] {
		return Info{}, fmt.Errorf("%s is %s, too large", Show(blocks.Name), ShapeText(blocks.Shape))
	}
	return Info{Name: name, Type: MXFP4, Shape: shape}, nil
}

func (p *packed) Tensors() []Info { return p.infos }

// Pack implements [Packer]. MXFP4 tensors stay in the mapped file.
func (p *packed) Pack(name string) (*kernel.Packed, bool, error) {
	parts, ok := p.parts[name]
	if !ok {
		return PackOf(p.Source, name)
	}
	blocks, err := p.raw.Raw(parts[0])
	if err != nil {
		return nil, false, err
	}
	scales, err := p.raw.Raw(parts[1])
	if err != nil {
		return nil, false, err
	}
	if i := slices.Index(scales, kernel.MXFP4NaN); i >= 0 {
		return nil, false, fmt.Errorf("%s: %s: scale %d is %d, which stands for no number", p.Name(), Show(parts[1]), i, kernel.MXFP4NaN)
	}
	i := slices.IndexFunc(p.infos, func(t Info) bool { return t.Name == name })
	shape := p.infos[i].Shape
	cols := shape[len(shape)-1]
	return &kernel.Packed{Format: kernel.MXFP4, Rows: 2 * len(blocks) / max(cols, 1), Cols: cols, Codes: blocks, Scales: scales}, false, nil
}

// PackOf returns what src packs, or nothing if it is not a [Packer].
func PackOf(src Source, name string) (*kernel.Packed, bool, error) {
	if p, ok := src.(Packer); ok {
		return p.Pack(name)
	}
	return nil, false, nil
}

// Read implements [Source].
func (p *packed) Read(name string, dst []float32) error {
	if _, ok := p.parts[name]; !ok {
		return p.Source.Read(name, dst)
	}
	m, _, err := p.Pack(name)
	switch {
	case err != nil:
		return err
	case len(dst) != m.Rows*m.Cols:
		return fmt.Errorf("%s: %s has %d numbers; the buffer holds %d", p.Name(), Show(name), m.Rows*m.Cols, len(dst))
	}
	m.Decode(dst)
	return nil
}

// Map implements [Mapper] for tensors that are not packed.
func (p *packed) Map(name string) []float32 {
	if m, ok := p.Source.(Mapper); ok && p.parts[name] == [2]string{} {
		return m.Map(name)
	}
	return nil
}

// Verify implements [Verifier].
func (p *packed) Verify(name string, mapped []float32) (has bool, err error) {
	v, ok := p.Source.(Verifier)
	if !ok {
		return false, nil
	}
	parts, ok := p.parts[name]
	if !ok {
		return v.Verify(name, mapped)
	}
	for _, part := range parts {
		if has, err = v.Verify(part, nil); err != nil {
			return has, err
		}
	}
	return has, nil
}

// PackMXFP4 rounds a tensor (…, 32·G) to MXFP4, and returns its blocks and scales under transformers' names.
func PackMXFP4(x Tensor) ([]Tensor, error) {
	n := len(x.Shape)
	if n == 0 || x.Shape[n-1]%kernel.MXFP4Block != 0 {
		return nil, fmt.Errorf("%s is %s, want rows of blocks of %d numbers for MXFP4", x.Name, ShapeText(x.Shape), kernel.MXFP4Block)
	}
	blocks, scales := make([]byte, len(x.Data)/2), make([]byte, len(x.Data)/kernel.MXFP4Block)
	kernel.EncodeMXFP4(blocks, scales, x.Data)
	if i := slices.Index(scales, kernel.MXFP4NaN); i >= 0 {
		return nil, fmt.Errorf("%s: an infinity or NaN in block %d, which MXFP4 cannot represent", x.Name, i)
	}
	return PackedTensors(x, blocks, scales), nil
}

// PackedTensors returns a tensor's blocks and scales as two tensors.
func PackedTensors(x Tensor, blocks, scales []byte) []Tensor {
	groups := slices.Clone(x.Shape)
	groups[len(groups)-1] /= kernel.MXFP4Block
	return []Tensor{
		{Name: x.Name + partNames[0][0], Shape: append(slices.Clone(groups), kernel.MXFP4Bytes), Bytes: blocks},
		{Name: x.Name + partNames[0][1], Shape: groups, Bytes: scales},
	}
}
