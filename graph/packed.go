package graph

import (
	"fmt"
	"sync/atomic"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// packed is a parameter in MXFP4: 4.25 bits a weight, as long as nobody asks for numbers.
type packed struct {
	blocks, scales []byte
	spread         atomic.Bool // into numbers, which count from then on
}

// AdoptPacked makes blocks and scales of MXFP4 the weights: 16 bytes for 32 numbers along the last dimension, and one. They belong to
// the parameter from then on and are not written to. Programs without a loss read them as they are where an op can
// ([Args.Packed]), as ops.Dense does; whatever else asks for numbers, as Data does, makes the parameter one of numbers
// for good.
func (p *Param) AdoptPacked(blocks, scales []byte) error {
	if n := p.Size(); p.shape[p.shape.Dims()-1]%kernel.MXFP4Block != 0 || len(blocks) != n/2 || len(scales) != n/kernel.MXFP4Block {
		return fmt.Errorf("%s: %d blocks and %d scales of MXFP4 do not fill shape %v", p.name, len(blocks)/kernel.MXFP4Bytes, len(scales), p.shape)
	}
	p.packed = &packed{blocks: blocks, scales: scales}
	if p.data != nil { // programs may hold it
		kernel.DecodeMXFP4(p.data, blocks, scales)
		p.packed = nil
	}
	return nil
}

// Packed is the blocks and the scales of MXFP4 that the weights are, nil if they are numbers.
func (p *Param) Packed() (blocks, scales []byte) {
	if k := p.packed; k != nil && !k.spread.Load() {
		return k.blocks, k.scales
	}
	return nil, nil
}

// packedValue stands for a parameter in a program that only reads it.
type packedValue struct{ *Param }

var _ G.Value = packedValue{}

func (v packedValue) Data() any                  { return v.Param.Data() }
func (v packedValue) Dtype() tensor.Dtype        { return tensor.Float32 }
func (v packedValue) Uintptr() uintptr           { return 0 }
func (v packedValue) MemSize() uintptr           { return 0 }
func (v packedValue) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%s %v in MXFP4", v.name, v.shape) }

// bound is what a program has for a parameter.
func (p *Program) bound(param *Param) G.Value {
	if blocks, _ := param.Packed(); blocks != nil && p.loss == nil && p.declared.ownReaders(p.declared.inputs[param.name]) {
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

// Packed is the blocks and the scales of the i-th input, if it is a parameter in MXFP4, from its element from on; else
// nil. What [Args.Floats] gives of it takes eight times as much memory, for good.
func (a *Args) Packed(i, from int) (blocks, scales []byte) {
	v, is := a.in[i].(packedValue)
	if !is {
		return nil, nil
	}
	if blocks, scales = v.Param.Packed(); blocks == nil {
		return nil, nil
	}
	return blocks[from/2:], scales[from/kernel.MXFP4Block:]
}
