package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/internal/mapped"
)

// guard is one of Gorgonia's own ops at a node of the machine. It turns a panic into an error, since the
// machine runs in its own goroutine, where no caller could recover. Its result never shares memory with an
// input, as the results of Reshape and Slice do: a later op may overwrite either of them when the machine
// considers it no longer needed.
type guard struct {
	G.Op
	node    *G.Node // as declared
	builder *builder
	salt    uint64
}

// Type and InferShape return those of the declared node.
func (o *guard) Type() hm.Type {
	var types []hm.Type
	for _, n := range inputs(o.node) {
		types = append(types, hmType(n.Dims(), n.Dtype()))
	}
	return hm.NewFnType(append(types, hmType(o.node.Dims(), o.node.Dtype()))...)
}

func (o *guard) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.node.Shape(), nil }
func (o *guard) Arity() int                                     { return len(inputs(o.node)) }

// WriteHash makes every op of the machine differ from every other one.
func (o *guard) WriteHash(h hash.Hash) {
	h.Write([]byte("guarded"))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(o.node.ID())+o.salt<<32))
}

func (o *guard) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// SetTraining passes on the machine's mode to ops that depend on it.
func (o *guard) SetTraining(training bool) error {
	if op, ok := o.Op.(G.TrainModeOp); ok {
		return op.SetTraining(training)
	}
	return nil
}

func (o *guard) Do(in ...G.Value) (out G.Value, err error) {
	mapped.Panic()
	defer o.recover(&err)
	return o.do(in)
}

// do runs the op into new memory.
func (o *guard) do(in []G.Value) (out G.Value, err error) {
	if out, err = o.Op.Do(in...); err != nil {
		return nil, err
	}
	return unshared(out, in)
}

// UsePreallocDo overwrites an input that nothing else needs.
func (o *guard) UsePreallocDo(prealloc G.Value, in ...G.Value) (out G.Value, err error) {
	op, ok := o.Op.(G.UsePreallocDoer)
	if !ok {
		return o.Do(in...)
	}
	mapped.Panic()
	defer o.recover(&err)
	if out, err = op.UsePreallocDo(prealloc, in...); err != nil {
		return o.do(in)
	}
	return out, nil
}

// UnsafeDo is UsePreallocDo where the op chooses the input to overwrite.
func (o *guard) UnsafeDo(in ...G.Value) (out G.Value, err error) {
	op, ok := o.Op.(G.UnsafeDoer)
	if !ok {
		return o.Do(in...)
	}
	mapped.Panic()
	defer o.recover(&err)
	return op.UnsafeDo(in...)
}

// recover turns a panic into an error, and adds the place to errors.
func (o *guard) recover(err *error) {
	if r := recover(); r != nil {
		if *err = mapped.Fault(r); *err == nil {
			*err = errors.New("it panicked: " + oneLine(r))
		}
	}
	if *err != nil {
		*err = fmt.Errorf("%s: %s", o.builder.placeOf(o.node), oneLine(*err))
		o.builder.run.failure = *err
	}
}

// unshared returns a copy of out if it lies in the memory of an input.
func unshared(out G.Value, in []G.Value) (G.Value, error) {
	t, ok := out.(*tensor.Dense)
	if !ok || t.MemSize() == 0 {
		return out, nil
	}
	for _, v := range in {
		if x, ok := v.(*tensor.Dense); ok && x.Uintptr() <= t.Uintptr() && t.Uintptr() < x.Uintptr()+x.MemSize() {
			if t.RequiresIterator() || !t.DataOrder().IsRowMajor() {
				return t.Materialize(), nil
			}
			return t.Clone().(*tensor.Dense), nil
		}
	}
	return out, nil
}
