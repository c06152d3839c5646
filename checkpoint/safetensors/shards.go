package safetensors

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// IndexName is the name under which transformers looks for the file that says which of several safetensors
// files holds which tensor.
const IndexName = "model.safetensors.index.json"

// WriteShards writes tensors, in the order given, to files of at most limit bytes of numbers each, or of a
// single tensor: model-00001-of-0000N.safetensors, with an index. The function create creates a file of the
// given name and calls write to fill it. For the rest, see [WriteChecked].
func WriteShards(create func(name string, write func(w io.Writer) error) error, metadata map[string]string, t weights.DType, tensors []weights.Tensor, limit int64) error {
	// Making one header for all tensors checks them before the first file is written.
	if _, err := makeHeader(metadata, t, tensors); err != nil {
		return err
	}
	shards := cut(tensors, t, limit)
	type total struct {
		Size int64 `json:"total_size"`
	}
	var index struct {
		Metadata total             `json:"metadata"`
		Map      map[string]string `json:"weight_map"`
	}
	index.Map = make(map[string]string)
	for i, shard := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		for _, x := range shard {
			index.Map[x.Name] = name
			index.Metadata.Size += x.Stored(t)
		}
		err := create(name, func(w io.Writer) error { return WriteChecked(w, metadata, t, shard) })
		if err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	return create(IndexName, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// cut splits a list wherever the limit would be exceeded.
func cut(tensors []weights.Tensor, t weights.DType, limit int64) [][]weights.Tensor {
	var shards [][]weights.Tensor
	first, size := 0, int64(0)
	for i, x := range tensors {
		n := x.Stored(t)
		if i > first && size+n > limit {
			shards = append(shards, tensors[first:i])
			first, size = i, 0
		}
		size += n
	}
	return append(shards, tensors[first:])
}
