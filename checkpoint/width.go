package checkpoint

import (
	"fmt"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
	"github.com/gorgpt/gorgpt/internal/nearest"
)

// Width says how the matrices of a model that is only run are kept in memory. Vectors, positions, and
// matrices that some op reads as plain numbers stay float32. The zero Width is that of [MapParams].
type Width string

const (
	// AsStored keeps matrices that are stored in a format that can be computed with: BF16, Q8_0, Q4_0, Q4_1
	// or MXFP4. The rest becomes float32.
	AsStored Width = "stored"
	// Float32 converts everything to float32.
	Float32 Width = "f32"
	// Int8 is Q8_0: one byte per number, and a scale for each 32.
	Int8 Width = "int8"
	// Mixed4 is Q4_0 for the layers' matrices, and Q8_0 for the embedding and the head, which lose more by
	// rounding.
	Mixed4 Width = "q4"
	// The others are ggml's formats of the same names, for all matrices.
	Brain Width = "bf16"
	Q4_0  Width = "q4_0"
	Q4_1  Width = "q4_1"
	MXFP4 Width = "mxfp4"

	// mappedAsStored is the width of [MapParams]. It keeps only MXFP4 as stored, since models in that format
	// may otherwise be too large.
	mappedAsStored Width = ""
)

// Widths returns the names of all widths.
func Widths() []string {
	var names []string
	for _, w := range []Width{AsStored, Float32, Brain, Int8, Mixed4, Q4_0, Q4_1, MXFP4} {
		names = append(names, string(w))
	}
	return names
}

// ParseWidth returns the width of the given name; q8_0 is int8. For an unknown name, the error suggests the
// nearest one.
func ParseWidth(name string) (Width, error) {
	if name == "q8_0" {
		return Int8, nil
	}
	for _, known := range Widths() {
		if name == known {
			return Width(name), nil
		}
	}
	return "", nearest.Unknown("--weights", name, Widths())
}

// of returns the format of a matrix, or 0 for float32. If ifStored is true, a matrix keeps the format that it
// is stored in, if that can be computed with.
func (w Width) of(how graph.Reading) (f kernel.Format, ifStored bool) {
	switch w {
	case Brain:
		return kernel.BF16, false
	case Int8:
		return kernel.Q8_0, false
	case Mixed4:
		if how&graph.AsTable != 0 {
			return kernel.Q8_0, false
		}
		return kernel.Q4_0, false
	case Q4_0:
		return kernel.Q4_0, false
	case Q4_1:
		return kernel.Q4_1, false
	case MXFP4:
		return kernel.MXFP4, false
	}
	return 0, w != Float32
}

// fewOutputs is the number of outputs below which a matrix stays float32, such as a router's for few experts:
// there is nothing to save.
const fewOutputs = 32

// packable reports whether all ops declared on a parameter can read it in a packed format, and whether they
// read it by columns.
func packable(p *graph.Param) (ok, columns bool) {
	how, shape := p.Reading(), p.Shape()
	columns = how == graph.ByColumns
	if len(shape) < 2 || how == 0 || how&graph.AsNumbers != 0 || how&graph.ByColumns != 0 && !columns {
		return false, false
	}
	outputs := shape[len(shape)-2]
	if columns {
		outputs = shape[len(shape)-1]
	}
	return outputs >= fewOutputs, columns
}

// fill fills a parameter from src in the width.
func (w Width) fill(src weights.Source, stored weights.Info, p *graph.Param) error {
	if p.Cut() {
		return fillParam(src, stored.Name, p)
	}
	ok, columns := packable(p)
	format, ifStored := w.of(p.Reading())
	if !ok || format == 0 && !ifStored {
		return mapParam(src, stored.Name, p)
	}
	if kept := weights.PackedFormats[stored.Type]; ifStored && w != mappedAsStored {
		format = kept
	} else if ifStored && stored.Type == weights.MXFP4 {
		format = kernel.MXFP4
	}
	if format == 0 {
		return mapParam(src, stored.Name, p)
	}
	if k, is := src.(weights.Packer); is && weights.PackedFormats[stored.Type] == format {
		m, by, err := k.Pack(stored.Name)
		if err != nil {
			return err
		}
		if m != nil && by == columns {
			return p.AdoptPacked(m, columns)
		}
	}
	if ifStored && format != kernel.BF16 { // transposing changes its groups, so that it would be rounded twice
		return mapParam(src, stored.Name, p)
	}
	return repack(src, stored, p, format, columns)
}

// repack rounds the numbers of a parameter to a format.
func repack(src weights.Source, stored weights.Info, p *graph.Param, f kernel.Format, columns bool) error {
	x := make([]float32, p.Size())
	if err := src.Read(stored.Name, x); err != nil {
		return err
	}
	if i := notFinite(x); i >= 0 {
		return notFiniteError(src, stored.Name, i, x[i])
	}
	shape := p.Shape()
	cols := shape[len(shape)-1]
	if columns {
		cols = shape[len(shape)-2]
		turned := make([]float32, len(x))
		weights.Transpose(turned, x, weights.Swapped(shape))
		x = turned
	}
	m, err := kernel.Pack(f, len(x)/cols, cols, x)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", src.Name(), weights.Show(stored.Name), err)
	}
	return p.AdoptPacked(m, columns)
}

// mapParam makes the parameter use the source's mapped memory, or reads it if it is not mapped.
func mapParam(src weights.Source, name string, p *graph.Param) error {
	if m, ok := src.(weights.Mapper); ok {
		if data := m.Map(name); data != nil {
			if v, ok := src.(weights.Verifier); ok {
				if _, err := v.Verify(name, data); err != nil {
					return err
				}
			}
			return p.Adopt(data)
		}
	}
	return fillParam(src, name, p)
}
