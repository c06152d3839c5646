package graph

import (
	"fmt"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Packed is a matrix with few bits per weight, in a format such as bfloat16, ggml's Q8_0 and Q4_0, or MXFP4.
type Packed = kernel.Packed

// Reading is how an op reads a parameter.
type Reading uint32

// The values of [Op.Reads] for an input. [Param.Reading] combines those of all ops that read a parameter, in
// all graphs.
const (
	// AsNumbers is used for ops that declare nothing: the weights must be float32 numbers.
	AsNumbers Reading = 1 << iota
	// ByRows is how ops.Dense reads: the last dimension holds a product's inputs, and the rows of a [Packed]
	// run along it.
	ByRows
	// ByColumns is how ops.Linear reads: the second to last dimension holds the inputs, so a [Packed] is
	// transposed.
	ByColumns
	// AsTable is ByRows for a matrix with a row for each token of a vocabulary, of an embedding or a head.
	AsTable
)

// packed holds a parameter's packed weights, until numbers are asked for.
type packed struct {
	*Packed
	columns bool        // its rows are columns of the parameter
	spread  atomic.Bool // decoded into numbers, which are used from then on
}

// AdoptPacked makes a packed matrix the weights. Its rows run along the parameter's last dimension; with
// columns, for ops that read [ByColumns], it holds the transpose of each of the parameter's matrices. It
// belongs to the parameter from then on and is not written to. Programs without a loss read it directly if
// their ops can ([Args.Packed]), as ops.Dense does. Anything else that asks for numbers, such as Data, decodes
// the parameter to numbers permanently.
func (p *Param) AdoptPacked(w *Packed, columns bool) error {
	if err := w.Check(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if n := p.Size(); w.Rows*w.Cols != n || w.Cols != p.inputs(columns) {
		return fmt.Errorf("%s: %d rows of %d numbers in %v do not fill shape %v", p.name, w.Rows, w.Cols, w.Format, p.shape)
	}
	p.packed = &packed{Packed: w, columns: columns}
	if p.data != nil { // programs may hold it
		p.packed.numbers(p.data, p.shape)
		p.packed = nil
	}
	return nil
}

// inputs returns the size of the dimension that holds a product's inputs, 0 if there is none.
func (p *Param) inputs(columns bool) int {
	n := p.shape.Dims()
	switch {
	case !columns:
		return p.shape[n-1]
	case n < 2:
		return 0
	}
	return p.shape[n-2]
}

// numbers decodes the weights into data, which has the given shape.
func (k *packed) numbers(data []float32, shape tensor.Shape) {
	if !k.columns {
		k.Decode(data)
		return
	}
	n := shape.Dims()
	in, out := shape[n-2], shape[n-1]
	kernel.For(k.Rows/out, 1, func(lo, hi int) {
		part := make([]float32, in*out)
		for i := lo; i < hi; i++ {
			k.DecodeRows(part, i*out)
			kernel.Transpose(data[i*in*out:][:in*out], part, in, out)
		}
	})
}

// Packed returns the packed weights, and whether their rows are columns of the parameter; nil if the weights
// are numbers.
func (p *Param) Packed() (w *Packed, columns bool) {
	if k := p.packed; k != nil && !k.spread.Load() {
		return k.Packed, k.columns
	}
	return nil, false
}

// Reading returns how the ops of the graphs that were declared over the parameter read it, 0 if none does.
func (p *Param) Reading() Reading { return Reading(p.reading.Load()) }

// noteReading records how an op reads its inputs.
func (s *Scope) noteReading(op *Op, in G.Nodes) {
	for i, n := range in {
		if n == nil || n.Op() != nil || s.inputs[n.Name()] != n {
			continue
		}
		if p := s.params.Get(n.Name()); p != nil {
			how := AsNumbers
			if i < len(op.Reads) && op.Reads[i] != 0 {
				how = op.Reads[i]
			}
			p.reading.Or(uint32(how))
		}
	}
}

// packedValue represents a parameter in a program that can read it packed.
type packedValue struct{ *Param }

var _ G.Value = packedValue{}

func (v packedValue) Data() any           { return v.Param.Data() }
func (v packedValue) Dtype() tensor.Dtype { return tensor.Float32 }
func (v packedValue) Uintptr() uintptr    { return 0 }
func (v packedValue) MemSize() uintptr    { return 0 }
func (v packedValue) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s %v in %v", v.name, v.shape, v.packed.Format)
}

// bound returns the value that a program binds to a parameter.
func (p *Program) bound(param *Param) G.Value {
	if w, _ := param.Packed(); w != nil && p.loss == nil && p.declared.ownReaders(p.declared.inputs[param.name]) {
		return packedValue{param}
	}
	// Each program has its own header: Gorgonia's matrix product temporarily changes the header's strides,
	// which another program must not see.
	return dense(param.Data(), param.shape)
}

// ownReaders reports whether only our ops read a node: Gorgonia's ops support only its own values.
func (b *builder) ownReaders(n *G.Node) bool {
	for readers := b.graph.To(n.ID()); readers.Next(); {
		if _, ours := readers.Node().(*G.Node).Op().(*nodeOp); !ours {
			return false
		}
	}
	return true
}

// Packed returns the matrix of the i-th input if it is a packed parameter whose layout suits how, or else nil.
// Calling [Args.Floats] for it instead takes more memory, permanently.
func (a *Args) Packed(i int, how Reading) *Packed {
	v, is := a.in[i].(packedValue)
	if !is {
		return nil
	}
	w, columns := v.Param.Packed()
	if columns != (how == ByColumns) {
		return nil
	}
	return w
}
