package tfbundle

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// dtypes maps TensorFlow's numbers to number types. Types that are not listed, such as the strings of a
// checkpoint's object graph, are named by number.
var dtypes = map[uint64]weights.DType{
	1: weights.F32, 2: "F64", 3: "I32", 4: "U8", 5: "I16", 6: "I8", 9: "I64", 10: "BOOL",
	14: weights.BF16, 17: "U16", 19: weights.F16, 22: "U32", 23: "U64",
}

// header is the bundle's own entry.
type header struct {
	shards    uint64
	bigEndian bool
}

// entry is a tensor in the index.
type entry struct {
	weights.Info
	shard    uint64
	at, size uint64 // bytes
	checksum uint32
	sliced   bool
}

func parseHeader(b []byte) (header, error) {
	var h header
	err := fields(b, func(number protowire.Number, v uint64, _ []byte) error {
		switch number {
		case 1:
			h.shards = v
		case 2:
			h.bigEndian = v != 0
		}
		return nil
	})
	return h, err
}

func parseEntry(name string, b []byte) (entry, error) {
	e := entry{Info: weights.Info{Name: name}}
	var dtype uint64
	err := fields(b, func(number protowire.Number, v uint64, bytes []byte) error {
		var err error
		switch number {
		case 1:
			dtype = v
		case 2:
			e.Shape, err = parseShape(bytes)
		case 3:
			e.shard = v
		case 4:
			e.at = v
		case 5:
			e.size = v
		case 6:
			e.checksum = unmask(uint32(v))
		case 7:
			e.sliced = true
		}
		return err
	})
	if err != nil {
		return entry{}, err
	}
	if e.Type = dtypes[dtype]; e.Type == "" {
		e.Type = weights.DType(fmt.Sprintf("TensorFlow's type %d", dtype))
	}
	n, ok := weights.SizeOf(e.Shape)
	if !ok {
		return entry{}, fmt.Errorf("bad shape %s", weights.ShapeText(e.Shape))
	}
	if width := uint64(e.Type.Width()); width > 0 && !e.sliced && (uint64(n) > math.MaxInt64/width || e.size != uint64(n)*width) {
		return entry{}, fmt.Errorf("%d bytes do not fill %s of shape %s", e.size, e.Type, weights.ShapeText(e.Shape))
	}
	return e, nil
}

// maxRank bounds the dimensions of a tensor; it is TensorFlow's own limit.
const maxRank = 254

func parseShape(b []byte) ([]int, error) {
	var shape []int
	err := fields(b, func(number protowire.Number, v uint64, dim []byte) error {
		switch {
		case number == 3 && v != 0:
			return errors.New("a shape of unknown rank")
		case number != 2:
			return nil
		case len(shape) == maxRank:
			return fmt.Errorf("more than %d dimensions", maxRank)
		}
		size := uint64(0)
		err := fields(dim, func(number protowire.Number, v uint64, _ []byte) error {
			if number == 1 {
				size = v
			}
			return nil
		})
		if err == nil && size > math.MaxInt {
			err = fmt.Errorf("a dimension of %d", int64(size))
		}
		shape = append(shape, int(size))
		return err
	})
	return shape, err
}

// fields calls f with each field of a protocol buffer: with v for a number, with bytes for a field with a
// length.
func fields(b []byte, f func(number protowire.Number, v uint64, bytes []byte) error) error {
	for len(b) > 0 {
		number, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("a broken protocol buffer: %w", protowire.ParseError(n))
		}
		b = b[n:]
		var (
			v     uint64
			fixed uint32
			bytes []byte
		)
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			fixed, n = protowire.ConsumeFixed32(b)
			v = uint64(fixed)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, typ, b)
		}
		if n < 0 {
			return fmt.Errorf("a broken protocol buffer: %w", protowire.ParseError(n))
		}
		if err := f(number, v, bytes); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
