package graph

import (
	"fmt"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// Packed is a matrix in few bits, such as ggml's Q8_0 and Q4_0 or MXFP4.
type Packed = kernel.Packed

// Reading is how an op reads a parameter.
type Reading uint32

// What [Op.Reads] says of an input, and what the ops of all graphs over a parameter together make [Param.Reading].
const (
	// AsNumbers is how ops read that say nothing: the weights must be numbers of 32 bits.
	AsNumbers Reading = 1 << iota
	// ByRows is as ops.Dense reads: the last dimension are a product's inputs, so that a [Packed] has it as its rows.
	ByRows
	// ByColumns is as ops.Linear reads: the last but one dimension are the inputs, so that a [Packed] is transposed.
	ByColumns
	// AsTable is ByRows of the matrix that a vocabulary's tokens have their rows in, of an embedding or a head.
	AsTable
)

// packed is a parameter in few bits, as long as nobody asks for numbers.
type packed struct {
	*Packed
	columns bool        // its rows are columns of the parameter
	spread  atomic.Bool // into numbers, which count from then on
}

// AdoptPacked makes a matrix in few bits the weights, of which it has all dimensions but the last as rows, or with columns, for ops that read
// [ByColumns], of each of the parameter's matrices the transpose. It belongs to
// the parameter from then on and is not written to. Programs without a loss read it as it is where an op can
// ([Args.Packed]), as ops.Dense does; whatever else asks for numbers, as Data does, makes the parameter one of numbers
// for good.
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

// inputs is the dimension of a product's inputs, 0 if there is none.
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

// numbers fills data, of a shape, with what the codes stand for.
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

// Packed is the matrix in few bits that the weights are, and whether its rows are columns of the parameter; nil if they are numbers.
func (p *Param) Packed() (w *Packed, columns bool) {
	if k := p.packed; k != nil && !k.spread.Load() {
		return k.Packed, k.columns
	}
	return nil, false
}

// Reading is how the ops of the graphs that were declared over the parameter read it, 0 if none does.
func (p *Param) Reading() Reading { return Reading(p.reading.Load()) }

// noteReading files how an op reads its inputs.
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

// packedValue stands for a parameter in a program that only reads it.
type packedValue struct{ *Param }

var _ G.Value = packedValue{}

func (v packedValue) Data() any           { return v.Param.Data() }
func (v packedValue) Dtype() tensor.Dtype { return tensor.Float32 }
func (v packedValue) Uintptr() uintptr    { return 0 }
func (v packedValue) MemSize() uintptr    { return 0 }
func (v packedValue) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s %v in %v", v.name, v.shape, v.packed.Format)
}

// bound is what a program has for a parameter.
func (p *Program) bound(param *Param) G.Value {
	if w, _ := param.Packed(); w != nil && p.loss == nil && p.declared.ownReaders(p.declared.inputs[param.name]) {
		return packedValue{param}
	}
	// A header of its own: Gorgonia's matrix product changes the header's
	// strides for a moment, which another program must not see.
	return dense(param.Data(), param.shape)
}

// ownReaders tells whether only ops of ours read a node: Gorgonia's know its own values alone.
func (b *builder) ownReaders(n *G.Node) bool {
	for readers := b.graph.To(n.ID()); readers.Next(); {
		if _, ours := readers.Node().(*G.Node).Op().(*nodeOp); !ours {
			return false
		}
	}
	return true
}

// Packed is the matrix of the i-th input, if it is a parameter in few bits that lies for such a way of reading; else nil. What [Args.Floats]
// gives of it takes more memory, for good.
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
